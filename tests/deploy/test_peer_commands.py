"""What the commands about peers say to the person who types them: what is missing, in words of theirs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.commands.introducing import introduce
from services.federation.cards import read, written
from services.kernel import identity
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
    done = subprocess.run([BIN, *map(str, words)], capture_output=True, text=True, timeout=60, env=environment,
                          stdin=subprocess.DEVNULL)  # fmt: skip
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


def test_a_blocked_peer_is_told_as_blocked_named_by_its_fingerprint_and_has_nothing_to_compare(folder: Path) -> None:
    home = Home.of("orpan")
    (folder / "orpan").write_bytes(written(home.card(), home.identity))
    assert "est suivi" in said("peer", "add", folder, folder / "orpan", "--yes")[0]
    assert home.identity.name[:10] in said("peer", "list", folder)[0]
    assert "rien à comparer" in said("peer", "compare", folder, "orpan")[0]
    said("peer", "block", folder, "orpan")
    told, _ = said("peer", "add", folder, folder / "orpan", "--yes")
    assert f"(bloqué) : maillage peer resume {folder} {home.identity.name}" in told and "est suivi" not in told
    _, beside = said("peer", "remove", folder, "orpan", code=1)
    assert "Rien n’a été fait" in beside and "Abort" not in beside
    assert "orpan" in said("peer", "list", folder)[0]


def test_what_a_peer_would_bring_is_told_in_events_and_in_size(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    node = Home.of("orpan").identity.name
    seen = {"name": "ORPAN", "id": "orpan", "url": "https://orpan.example.org", "node": node, "key": node,
            "revoked": False, "reached": True, "streams": [{"stream": "s", "events": 3_000}]}  # fmt: skip
    introduce(seen)
    assert "3000 événements, 6 Mo environ au plus" in capsys.readouterr().out


def test_the_last_change_of_key_is_kept_for_a_revocation_and_told_before(folder: Path) -> None:
    for _ in range(18):
        identity.rotate(folder)
    assert "Il reste 1 changement" in said("identity", "rotate", folder, "--yes")[0]
    _, beside = said("identity", "rotate", folder, "--yes", code=1)
    assert "20 changements de clé au plus" in beside and "identity revoke" in beside
    said("identity", "revoke", folder, "--yes")
    said("identity", "revoke", folder, "--yes", code=1)
    assert len(identity.load(folder).rotations) == identity.ROTATIONS_AT_MOST


def test_what_doctor_could_not_ask_of_a_stopped_node_is_named_and_is_no_fault(folder: Path) -> None:
    told, _ = said("doctor", folder)
    for check in ("événements en attente", "pairs", "voies rapides"):
        assert f"pas su  {check} : pas regardé : le nœud est arrêté" in told
    assert f"maillage up {folder}" in told
    found = json.loads(said("doctor", folder, "--json")[0])
    assert [each["check"] for each in found if not each["known"]] == ["événements en attente", "pairs", "voies rapides"]
    assert all(each["ok"] for each in found)
