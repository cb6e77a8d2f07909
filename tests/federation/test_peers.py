"""Peers by card: who is trusted, what is told of it, what it may read here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from services.federation.cards import Card, read, written
from services.federation.service import FederationService
from services.kernel import catchup
from services.kernel.errors import Conflict, Forbidden, NotFound, ValidationError
from services.kernel.identity import Identity
from services.kernel.settings import Node, Settings
from tests.conftest import Backend
from tests.federation.homes import Home
from tests.federation.test_reading import Peer
from tests.rooms import NODE, OPERATOR, PERMANENT, Opened

ORPAN = Home.of("orpan").identity
NOWHERE = "http://127.0.0.1:1"


def card_of(identity: Identity, **said: Any) -> Card:
    """A card of a node of this machine that does not run."""
    plain = Card(identity.name, "orpan", "ORPAN", "44", NOWHERE, identity.public_key, b"s" * 32, 1)
    return replace(plain, **said)


@pytest.fixture
def federation(backend: Backend, tmp_path: Path) -> Iterator[Opened]:
    """The federation of the node `NODE`, whose directory holds one public stream of three events."""
    opened = Opened(FederationService, backend, tmp_path).as_(OPERATOR)
    (tmp_path / "secrets").mkdir()

    def ask(service: str, door: str, request: dict[str, Any], **_: Any) -> dict[str, Any]:
        heads = [{"stream": f"{NODE.name}/directory/{reach}", "epoch": 1, "seq": 3} for reach in ("home", "shared")]
        answers = {"heads": {"heads": heads}, "checkpoints": {"claims": []}, "addressed_unread": {"x" * 32: 1}}
        return answers.get(door) or {"events": [f"{service} after {request['after']}"], "holes": False}

    opened.room.engine.runtime = SimpleNamespace(
        identity=NODE, settings=Settings(Node("essai", "Essai")), folder=tmp_path, ask=ask
    )
    yield opened
    opened.close()


def add(federation: Opened, card: Card, identity: Identity = ORPAN, **asked: Any) -> dict[str, Any]:
    """What `peer add` answers to a card."""
    done: dict[str, Any] = federation.peer_add(card=written(card, identity).decode(), **asked)
    return done


def test_a_peer_is_added_once_and_its_later_card_takes_the_place_of_the_first(federation: Opened) -> None:
    assert add(federation, card_of(ORPAN), dry_run=True)["done"] == "added"
    assert federation.peers()["peers"] == []
    first = add(federation, card_of(ORPAN))
    assert (first["done"], first["reached"]) == ("added", False)
    assert "ne répond pas" in first["trouble"]
    assert add(federation, card_of(ORPAN))["done"] == "unchanged"
    assert add(federation, card_of(ORPAN, name="ORPAN 44", version=2))["done"] == "updated"
    [peer] = federation.peers()["peers"]
    assert (peer["name"], peer["card_version"], peer["state"]) == ("ORPAN 44", 2, "active")
    assert [kind for kind, _ in federation.announced()] == ["federation.peer.changed.v1"] * 2


def test_an_older_card_and_two_cards_of_one_version_are_refused(federation: Opened) -> None:
    add(federation, card_of(ORPAN, version=2))
    with pytest.raises(Conflict, match="plus ancienne"):
        add(federation, card_of(ORPAN))
    with pytest.raises(Conflict, match="même version"):
        add(federation, card_of(ORPAN, version=2, url="http://127.0.0.1:2"))


def test_a_card_that_was_changed_or_is_ones_own_says_what_to_do(federation: Opened) -> None:
    changed = written(card_of(ORPAN), ORPAN).replace(b"127.0.0.1:1", b"127.0.0.1:2").decode()
    for card in (changed, "bonjour", written(card_of(NODE), NODE).decode()):
        with pytest.raises(ValidationError) as caught:
            federation.peer_add(card=card)
        [problem] = caught.value.details
        assert (problem["field"], bool(problem["remedy"])) == ("card", True)
    assert federation.peers()["peers"] == []


def test_a_peer_is_paused_blocked_resumed_and_forgotten_by_any_of_its_names(federation: Opened) -> None:
    add(federation, card_of(ORPAN))
    assert federation.peer_compare(peer="orpan")["streams"] == [], "nothing is held of it yet"
    assert federation.peer_pause(peer="orpan")["state"] == "paused"
    assert federation.peer_block(peer=ORPAN.name[:6])["state"] == "blocked"
    assert federation.peer_resume(peer=ORPAN.name)["state"] == "active"
    assert federation.peer_remove(peer="orpan", dry_run=True)["records"] == 0
    assert len(federation.peers()["peers"]) == 1
    federation.peer_remove(peer="orpan")
    assert federation.peers()["peers"] == []
    with pytest.raises(NotFound, match="Aucun pair"):
        federation.peer_pause(peer="orpan")


def test_two_peers_of_one_label_are_told_apart_by_their_fingerprints(federation: Opened) -> None:
    second = Home.of("twin").identity
    add(federation, card_of(ORPAN))
    add(federation, card_of(second), second)
    with pytest.raises(Conflict, match="empreinte"):
        federation.peer_pause(peer="orpan")
    assert federation.peer_pause(peer=second.name)["node"] == second.name


def test_a_card_of_a_blocked_peer_leaves_it_blocked_and_says_so(federation: Opened) -> None:
    add(federation, card_of(ORPAN))
    federation.peer_block(peer="orpan")
    assert add(federation, card_of(ORPAN))["state"] == "blocked"
    assert add(federation, card_of(ORPAN, version=2))["state"] == "blocked"


def test_who_forgets_a_peer_is_told_what_it_has_not_come_for(federation: Opened) -> None:
    ask = federation.room.engine.runtime.ask

    def asked(service: str, door: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {ORPAN.name: 3} if door == "addressed_unread" else dict(ask(service, door, request, **more))

    federation.room.engine.runtime.ask = asked
    add(federation, card_of(ORPAN))
    assert federation.peer_remove(peer="orpan", dry_run=True)["unread"] == 3


def test_a_label_made_as_the_beginning_of_anothers_fingerprint_is_taken_for_neither(federation: Opened) -> None:
    evil, short = Home.of("evil").identity, Home.of("short").identity
    add(federation, card_of(ORPAN))
    add(federation, card_of(evil, id=ORPAN.name), evil)
    assert federation.peer_pause(peer=ORPAN.name)["node"] == ORPAN.name
    add(federation, card_of(evil, id=ORPAN.name[:8], version=2), evil)
    with pytest.raises(Conflict, match="peer list"):
        federation.peer_pause(peer=ORPAN.name[:8])
    assert federation.peer_pause(peer=ORPAN.name[:9])["node"] == ORPAN.name
    add(federation, card_of(short, id=ORPAN.name[:2]), short)
    assert federation.peer_pause(peer=ORPAN.name[:2])["node"] == short.name, "a word that happens to begin so"


def test_this_nodes_card_goes_out_only_if_others_can_read_it(federation: Opened) -> None:
    runtime = federation.room.engine.runtime
    runtime.settings = Settings(Node("essai", "Essai\nNantes"))
    with pytest.raises(ValidationError) as caught:
        federation.card()
    [problem] = caught.value.details
    assert "name n’est pas une ligne" in problem["why"] and "[node]" in problem["remedy"]


def test_a_peer_is_read_from_another_that_answers_itself_and_from_nobody_else(federation: Opened) -> None:
    twin = Home.of("twin").identity
    with pytest.raises(NotFound, match="Aucun pair"):
        add(federation, card_of(ORPAN), via="twin")
    add(federation, card_of(twin, id="twin"), twin)
    assert add(federation, card_of(ORPAN), via="twin")["done"] == "added"
    assert add(federation, card_of(ORPAN), via="twin")["done"] == "unchanged"
    with pytest.raises(Conflict, match="porter"):
        add(federation, card_of(twin, id="twin"), twin, via="orpan")
    with pytest.raises(Conflict, match="porter"):
        add(federation, card_of(ORPAN), via="orpan")
    assert {each["id"]: each["via"] for each in federation.peers()["peers"]} == {"twin": "", "orpan": twin.name}
    assert add(federation, card_of(ORPAN))["done"] == "updated"
    assert {each["via"] for each in federation.peers()["peers"]} == {""}


def test_only_who_operates_the_node_decides_whom_it_trusts(federation: Opened) -> None:
    federation.as_(PERMANENT)
    for door in ("peers", "card", "peer_add", "peer_pause", "peer_resume", "peer_block", "peer_remove", "peer_compare"):
        with pytest.raises(Forbidden):
            getattr(federation, door)()


def test_this_nodes_card_can_be_read_and_its_version_rises_with_what_it_says(federation: Opened) -> None:
    first = federation.card()
    assert federation.card() == first
    card, minute = read(first["card"].encode()), time.time() // 60
    assert (card.name, card.version) == ("Essai", first["version"])
    assert minute - 1 <= card.version <= minute
    federation.room.engine.runtime.settings = Settings(Node("essai", "Essai et fils"))
    second = federation.card()
    assert (read(second["card"].encode()).name, second["version"]) == ("Essai et fils", first["version"] + 1)


def test_others_read_what_is_public_and_nothing_else(federation: Opened) -> None:
    own = f"{NODE.name}/directory/shared"
    assert [each["stream"] for each in federation.wire_streams()["streams"]] == [own]
    assert federation.wire_log(stream=own, after=2)["events"] == ["directory after 2"]
    private = [f"{NODE.name}/directory/home", f"{NODE.name}/accounts/home", f"{NODE.name}/accounts/shared",
               f"{NODE.name}/directory/to/peer", f"{ORPAN.name}/directory/shared", "x", "a/b/c/d"]  # fmt: skip
    for stream in private:
        with pytest.raises(NotFound):
            federation.wire_log(stream=stream)


def test_pages_of_what_is_held_are_no_larger_than_another_node_reads(
    federation: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.of("orpan")
    for number in range(9):
        home.says(number)
    home.checkpoint()
    peer = Peer(home)
    peer.catch_up(peer.reader(federation.database))
    told = federation.wire_snapshot(stream=home.stream)["events"]
    assert len(told) == 10
    monkeypatch.setattr(catchup, "PAGE_BYTES", 3 * len(told[0]))
    read: list[str] = []
    while len(read) < 10:
        after = orjson.loads(read[-1])["sequence"] if read else 0
        page = federation.wire_snapshot(stream=home.stream, after=after)["events"]
        assert 1 <= len(page) <= 4
        read += page
    assert read == told
    home.says(9)
    home.says(10)
    monkeypatch.setattr(catchup, "PAGE_BYTES", 1)
    peer.catch_up(peer.reader(federation.database))
    assert len(federation.wire_log(stream=home.stream, after=10)["events"]) == 1


def test_who_is_being_read_tells_nothing_that_no_checkpoint_named(federation: Opened) -> None:
    home = Home.of("orpan")
    for number in range(9):
        home.says(number)
    home.checkpoint()
    peer = Peer(home, page=4)
    cut = peer.reader(federation.database)
    cut._get = lambda path, asked: peer.get(path, asked) if not peer.asked else b""
    peer.catch_up(cut)
    assert federation.wire_log(stream=home.stream)["events"] == []
    assert federation.wire_snapshot(stream=home.stream)["events"] == []
    assert federation.held(service="directory")["heads"] == []
    peer.catch_up(peer.reader(federation.database))
    assert len(federation.wire_snapshot(stream=home.stream)["events"]) == 10


def test_a_card_that_hides_the_last_key_is_refused_by_hand_too(federation: Opened) -> None:
    home, thief = Home.of("orpan"), Home.of("orpan")
    home.says(1)
    add(federation, home.card(), home.identity)
    home.rotate("second", revoked=True)
    seen = add(federation, home.card(2), home.identity)
    assert (seen["done"], seen["revoked"], seen["key"]) == ("updated", True, home.identity.keyid)
    assert [each["key"] for each in federation.peers()["peers"]] == [home.identity.keyid]
    again = add(federation, home.card(3), home.identity)
    assert (again["revoked"], again["key"]) == (False, home.identity.keyid)
    for named in ("", "thief"):  # who has the former key signs a card with it, or names another key by it
        thief.says(1)
        if named:
            thief.rotate(named, revoked=True)
        with pytest.raises(Conflict, match="ne suit pas celle que l’on a"):
            add(federation, thief.card(9), thief.identity)


def test_others_read_the_cards_of_peers_here_as_they_were_signed_but_of_nobody_who_is_blocked(
    federation: Opened,
) -> None:
    card = written(card_of(ORPAN, version=4), ORPAN)
    federation.peer_add(card=card.decode())
    assert federation.wire_streams()["cards"] == {ORPAN.name: 4}
    assert federation.wire_card(node=ORPAN.name)["card"].encode() == card
    assert federation.wire_card()["node"] == federation.wire_card(node=NODE.name)["node"] == NODE.name
    federation.peer_block(peer="orpan")
    assert federation.wire_streams()["cards"] == {}
    for nobody in (ORPAN.name, "x" * 32):
        with pytest.raises(NotFound):
            federation.wire_card(node=nobody)
