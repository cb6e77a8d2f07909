"""A node's own card: it changes its keys more than once before it starts, and its database is put back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from services.federation import peering
from services.federation.model import OwnCard
from services.federation.store import own_card
from services.kernel import identity
from services.kernel.database import Database
from services.kernel.identity import Identity, fingerprint
from services.kernel.settings import Node, Settings
from tests.federation.test_messages import follow, publish, soon
from tests.running import BIN, RunningNode, running_node

OWN = Identity.from_seed(b"own" * 10 + b"xx")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningNode, RunningNode]]:
    """ORPAN with a public structure, and RADAR, which follows it."""
    folder = tmp_path_factory.mktemp("own-card")
    with ExitStack() as opened:
        orpan, radar = (
            opened.enter_context(running_node(folder / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper()))
            for name in ("orpan", "radar")
        )
        publish(orpan)
        follow(radar, orpan)
        follow(orpan, radar)
        soon(lambda: stream(radar)["held"])
        yield orpan, radar


def peer(radar: RunningNode) -> dict[str, Any]:
    [found] = radar.ask("federation", "peers")["peers"]
    return dict(found)


def stream(radar: RunningNode) -> dict[str, Any]:
    streams = peer(radar)["streams"]
    return dict(streams[0]) if streams else {"equal": None, "held": 0, "trouble": ""}


def change_key(node: RunningNode, how: str) -> None:
    subprocess.run([BIN, "identity", how, node.folder, "--yes"], check=True, capture_output=True)


def restarted(node: RunningNode) -> tuple[int, int]:
    """Stop and start; where its public stream stands then."""
    node.stop()
    node.start()
    [head] = [each for each in node.ask("directory", "heads")["heads"] if each["stream"].endswith("/shared")]
    return head["epoch"], head["seq"]


def is_followed(radar: RunningNode, head: tuple[int, int], key: str) -> bool:
    found = stream(radar)
    return peer(radar)["key"] == key and found["held"] >= head[1] and not found["trouble"]


def test_a_key_that_was_changed_before_it_signed_anything_is_on_the_card_and_followed(
    two: tuple[RunningNode, RunningNode],
) -> None:
    orpan, radar = two
    change_key(orpan, "rotate")
    change_key(orpan, "rotate")
    head, own = restarted(orpan), identity.load(orpan.folder)
    card = orpan.ask("federation", "card")
    assert (card["key"], len(own.rotations)) == (own.keyid, 2)
    middle = fingerprint(own.rotations[0].key)
    assert '"lasts"' in card["card"] and middle in card["card"]
    soon(lambda: is_followed(radar, head, own.keyid))


def test_a_key_revoked_and_changed_again_before_it_signed_still_opens_an_epoch(
    two: tuple[RunningNode, RunningNode],
) -> None:
    orpan, radar = two
    before = restarted(orpan)[0]
    change_key(orpan, "revoke")
    change_key(orpan, "rotate")
    assert restarted(orpan)[0] == before + 1, "whoever has the revoked key goes on with a history that is none"
    radar.ask("federation", "peer_add", card=orpan.ask("federation", "card")["card"])
    soon(lambda: peer(radar)["key"] == identity.load(orpan.folder).keyid and not stream(radar)["trouble"])


def test_a_card_of_before_is_given_out_again_as_a_later_one_once_the_database_was_put_back(
    two: tuple[RunningNode, RunningNode],
) -> None:
    orpan, radar = two
    orpan.stop()
    shutil.copytree(orpan.folder / "data", orpan.folder / "copy")
    orpan.environment["MAILLAGE_NODE_NAME"] = "ORPAN 2"
    orpan.start()
    soon(lambda: peer(radar)["name"] == "ORPAN 2")
    held = peer(radar)["card_version"]
    orpan.stop()
    shutil.rmtree(orpan.folder / "data")
    (orpan.folder / "copy").rename(orpan.folder / "data")
    orpan.environment["MAILLAGE_NODE_NAME"] = "ORPAN"
    orpan.start()
    soon(lambda: peer(radar)["name"] == "ORPAN")
    assert peer(radar)["card_version"] > held


def test_a_version_is_never_given_again_and_a_peer_cannot_push_it_beyond_its_time(database: Database) -> None:
    settings = Settings(node=Node(id="orpan", name="ORPAN"))

    def version() -> int:
        with database.begin() as session:
            return peering.own_card(session, OWN, settings, b"s" * 32, {}).version

    def outlast(held: int) -> bool:
        with database.begin() as session:
            return peering.outlast(session, held)

    first = version()
    assert version() == first
    assert not outlast(first)
    assert not outlast(first + peering.AHEAD_MINUTES + 100)
    assert outlast(first + 100)
    assert version() == first + 101
    with database.begin() as session:
        found = own_card(session)
        assert isinstance(found, OwnCard)
        found.version, found.said = 3, b""  # as an earlier release counted
    assert version() >= first
