"""A member that is read from another changes its key, or revokes it: who follows is told, and by whom it may go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import MARIE, Program
from tests.flows.test_two_nodes import ECLUSE, command, follow, names, publish
from tests.running import RunningNode, running_node

WITHIN_S = 60


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[RunningNode, RunningNode, RunningNode]]:
    """ORPAN publishes; RADAR follows it; RURAL follows RADAR, and reads ORPAN from there alone."""
    with ExitStack() as opened:
        orpan, radar, rural = (
            opened.enter_context(running_node(tmp_path / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper()))
            for name in ("orpan", "radar", "rural")
        )
        orpan.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        publish(orpan, ECLUSE)
        follow(radar, orpan)
        until(radar, orpan, lambda peer: peer["streams"] and peer["streams"][0]["held"])
        orpan.ask("directory", "prune", days=10_000)  # signs where the stream stands
        until(radar, orpan, lambda peer: peer["streams"][0]["equal"])
        follow(rural, radar)
        follow(rural, orpan, via="radar")
        Program(rural.url).until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
        yield orpan, radar, rural


def until(node: RunningNode, home: RunningNode, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """What a node says of another, once that is as wanted."""
    ends_at = time.monotonic() + WITHIN_S
    while True:
        [peer] = [each for each in node.ask("federation", "peers")["peers"] if each["id"] == home.folder.name]
        if wanted(peer):
            return dict(peer)
        assert time.monotonic() < ends_at, peer
        time.sleep(0.2)


def changed_key(node: RunningNode, how: str) -> str:
    """Give a node another key and start it again; what the command says."""
    said = command("identity", how, node.folder, "--yes")
    node.stop()
    node.start()
    return said


def complaints(node: RunningNode, about: str) -> dict[str, str]:
    """What `doctor` finds wrong about a peer: detail and remedy."""
    found = json.loads(command("doctor", node.folder, "--json", code=1))
    return {each["detail"]: each["remedy"] for each in found if not each["ok"] and about in each["check"]}


def test_who_reads_a_node_from_another_goes_on_after_it_changed_its_key_and_its_name(
    three: tuple[RunningNode, RunningNode, RunningNode],
) -> None:
    orpan, radar, rural = three
    orpan.environment["MAILLAGE_NODE_NAME"] = "ORPAN 44"
    changed_key(orpan, "rotate")
    publish(orpan, ECLUSE | {"nom": "Après"})
    orpan.ask("directory", "prune", days=10_000)
    for node in (radar, rural):
        Program(node.url).until("/api/v1/structures", lambda found: names(found) == {"Après"}, within_s=WITHIN_S)
    peer = until(rural, orpan, lambda peer: peer["streams"][0]["equal"])
    assert (peer["name"], peer["trouble"], peer["streams"][0]["trouble"]) == ("ORPAN 44", "", "")
    assert "lu par radar" in command("doctor", rural.folder)


def test_a_revoked_key_is_told_to_who_reads_from_another_and_nothing_goes_on_before_two_people_compared(
    three: tuple[RunningNode, RunningNode, RunningNode], tmp_path: Path
) -> None:
    orpan, radar, rural = three
    assert "de vive voix" in changed_key(orpan, "revoke")
    publish(orpan, ECLUSE | {"nom": "Après"})
    orpan.ask("directory", "prune", days=10_000)
    until(radar, orpan, lambda peer: "révoqué" in peer["trouble"])
    assert "comparez de vive voix" in command("peer", "list", radar.folder)
    [remedy] = [remedy for detail, remedy in complaints(radar, "orpan").items() if "révoqué" in detail]
    assert "la clé en usage" in remedy and "maillage peer add DIR CARTE" in remedy

    now = tmp_path / "now.card"
    told = command("peer", "card", orpan.folder, "--out", now)
    key = orpan.ask("federation", "card")["key"]
    aloud = " ".join(key[start : start + 4] for start in range(0, 32, 4))
    assert key != orpan.ask("federation", "card")["node"]
    assert f"Clé en usage, à lire aussi : {aloud}" in told
    said = command("peer", "add", radar.folder, now, "--dry-run")
    assert aloud in said and "qui compte" in said
    command("peer", "add", radar.folder, now, "--yes")
    assert "qui compte" not in command("peer", "add", radar.folder, now, "--dry-run"), "they have compared"
    Program(radar.url).until("/api/v1/structures", lambda found: names(found) == {"Après"}, within_s=WITHIN_S)

    until(rural, orpan, lambda peer: "révoqué" in peer["trouble"])
    assert any("--via PAIR" in remedy for remedy in complaints(rural, "orpan").values())
    command("peer", "add", rural.folder, now, "--via", "radar", "--yes")
    Program(rural.url).until("/api/v1/structures", lambda found: names(found) == {"Après"}, within_s=WITHIN_S)
    until(rural, orpan, lambda peer: (peer["trouble"], peer["streams"][0]["trouble"]) == ("", ""))


def test_who_reads_a_node_from_another_is_told_when_that_one_follows_it_no_more(
    three: tuple[RunningNode, RunningNode, RunningNode],
) -> None:
    orpan, radar, rural = three
    command("peer", "remove", radar.folder, "orpan", "--yes")
    until(rural, orpan, lambda peer: "ne le suit pas" in peer["trouble"])
    [remedy] = complaints(rural, "orpan").values()
    assert "--via PAIR" in remedy
    assert names(Program(rural.url).call("GET", "/api/v1/structures")) == {ECLUSE["nom"]}
