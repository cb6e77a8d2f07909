"""What the commands about peers say to the person who types them: what is missing, in words of theirs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from services.federation.cards import read, written
from tests.federation.homes import Home
from tests.running import BIN, new_node

ENGLISH = re.compile(r"\b(active|paused|blocked|quarantined|True|False|None|running|NON)\b")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node that does not run, whose settings name no address."""
    new_node(tmp_path / "radar", "radar", "RADAR")
    return tmp_path / "radar"


def said(*words: object, code: int = 0, **settings: str) -> tuple[str, str]:
    """What a command says, in French, on standard output and beside it."""
    environment = os.environ | {"LC_ALL": "fr_FR.UTF-8"} | settings
    done = subprocess.run([BIN, *map(str, words)], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


def test_a_card_that_leads_nobody_here_is_told_at_once_with_the_setting_to_write(folder: Path) -> None:
    card, beside = said("peer", "card", folder)
    assert read(card.strip().encode()).url.startswith("http://127.0.0.1")
    assert "Empreinte à lire au téléphone" in beside and 'url = "https://…" sous [node]' in beside
    assert str(folder / "maillage.toml") in beside
    told, _ = said("peer", "card", folder, "--out", folder / "card")
    assert "sous [node]" in told and "Clé en usage" not in told
    _, beside = said("peer", "card", folder, MAILLAGE_NODE_URL="https://radar.example.org")
    assert "[node]" not in beside


def test_a_card_that_is_none_says_so_in_french(folder: Path) -> None:
    home = Home.of("orpan")
    card = written(home.card(), home.identity)
    changed = card.replace(b"ORPAN", b"ORPAX")
    for wrong, why in ((b"{}", "forme"), (changed, "ne sont pas vraies"), (b"\xff", "pas du texte")):
        (folder / "card").write_bytes(wrong)
        _, beside = said("peer", "add", folder, folder / "card", "--yes", code=1)
        assert why in beside, beside


def test_states_and_equality_of_peers_are_told_in_french(folder: Path) -> None:
    home, other = Home.of("orpan"), Home.of("rural")
    cards = {"orpan": written(home.card(), home.identity),
             "rural": written(replace(other.card(), id="rural", name="RURAL"), other.identity)}  # fmt: skip
    (folder / "orpan").write_bytes(cards["orpan"])
    (folder / "rural").write_bytes(cards["rural"])
    said("peer", "add", folder, folder / "orpan", "--yes")
    said("peer", "add", folder, folder / "rural", "--via", "orpan", "--yes")
    assert "suivi, lu par orpan" in said("peer", "list", folder)[0]
    for how, word in (("pause", "en pause"), ("block", "bloqué")):
        said("peer", how, folder, "rural")
        for told in (said("peer", "list", folder)[0], said("status", folder)[0]):
            assert not ENGLISH.search(told), told
        assert word in said("peer", "list", folder)[0]


def test_what_doctor_could_not_ask_of_a_stopped_node_is_named_and_is_no_fault(folder: Path) -> None:
    told, _ = said("doctor", folder)
    for check in ("événements en attente", "pairs", "voies rapides"):
        assert f"pas su  {check} : pas regardé : le nœud est arrêté" in told
    assert f"maillage up {folder}" in told
    found = json.loads(said("doctor", folder, "--json")[0])
    assert [each["check"] for each in found if not each["known"]] == ["événements en attente", "pairs", "voies rapides"]
    assert all(each["ok"] for each in found)
