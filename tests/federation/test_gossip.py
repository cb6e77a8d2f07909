"""A home that tells two histories is found at the next question, with the proof; nobody else can be made to seem so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from services.federation import gossip, store
from services.federation.cards import Card, written
from services.federation.model import ACTIVE, QUARANTINED, Proof
from services.federation.peering import added
from services.kernel.database import Database
from services.kernel.envelope import Header, claim_of
from services.kernel.identity import EVENT
from tests.federation.homes import Home, bodies
from tests.federation.test_reading import Peer, at

LINK = "radar"


@pytest.fixture
def home(database: Database) -> Home:
    """A peer whose public stream is held up to a checkpoint."""
    made = Home.of("orpan")
    who = made.identity
    card = Card(who.name, "orpan", "ORPAN", "44", "http://127.0.0.1:1", who.public_key, b"s" * 32, 1)
    with database.begin() as session:
        added(session, card, written(card, who), "me", False)
    made.says(1)
    made.says(2)
    made.checkpoint()
    Peer(made).reader(database).catch_up(made.stream, *at(made.events[-1]))
    return made


def other_history(home: Home) -> Home:
    """What the same home tells somebody else: as many events, others."""
    made = Home(home.identity)
    made.says(1)
    made.says(2, nom="Autrement")
    made.checkpoint()
    return made


def hear(database: Database, said: list[Any]) -> str:
    """The peer's state after these claims came from a link."""
    others, mine = gossip.split(said, "me")
    assert mine == []
    with database.begin() as session:
        gossip.hear(session, others, LINK)
    with database.read() as session:
        [peer] = store.peers(session)
        return peer.state


@pytest.mark.parametrize("said", [{"seq": 2**64 - 1}, {"epoch": -1}, {"seq": True}, {"seq": 1.5}, {"type": 3}])
def test_a_claim_that_no_database_holds_is_passed_over(database: Database, home: Home, said: dict[str, Any]) -> None:
    head = replace(home.events[-1].header, **said)
    odd = {"header": head.raw.decode(), "signature": claim_of(home.events[-1])["signature"]}
    assert hear(database, [odd, claim_of(other_history(home).events[-1])]) == QUARANTINED, "the next one is heard"


def test_two_histories_of_one_home_end_its_following_and_are_kept_as_proof(database: Database, home: Home) -> None:
    other = other_history(home).events[-1]
    assert hear(database, [claim_of(other)]) == QUARANTINED
    with database.read() as session:
        proof = session.get(Proof, (home.stream, 1, 3, other.header.hash))
        assert proof is not None and proof.heard_of == LINK
        keys = home.identity.keyring()
        for raw, signature in ((proof.ours, proof.ours_signature), (proof.theirs, proof.theirs_signature)):
            keys.check(EVENT, Header.from_raw(raw).keyid, raw, signature)
        [peer] = store.peers(session)
        assert "deux histoires" in peer.trouble


def test_what_everybody_holds_alike_is_no_matter(database: Database, home: Home) -> None:
    with database.read() as session:
        said = gossip.told(session)
    assert said == [claim_of(home.events[-1])]
    assert hear(database, said) == ACTIVE


def test_a_liar_cannot_make_another_seem_one(database: Database, home: Home) -> None:
    forger = Home.of("radar").identity
    other = other_history(home).events[-1].header
    lies: list[Any] = [
        claim_of(home.events[-1]) | {"header": other.raw.decode()},
        {"header": other.raw.decode(), "signature": "A" * 86},
        {"header": other.raw.decode()}, "x", None, {"header": "[]", "signature": ""},
    ]  # fmt: skip
    lies.append(claim_of(type(home.events[0])(other, forger.sign(EVENT, other.raw), None, None)))
    assert hear(database, lies) == ACTIVE
    assert gossip.split("no list", "me") == ([], [])


def test_an_operator_who_goes_on_hears_the_same_proof_no_more(database: Database, home: Home) -> None:
    said = [claim_of(other_history(home).events[-1])]
    hear(database, said)
    with database.begin() as session:
        [peer] = store.peers(session)
        peer.state = ACTIVE
    assert hear(database, said) == ACTIVE


def test_what_is_said_in_our_own_name_goes_to_the_room_itself(home: Home) -> None:
    claim = claim_of(home.events[-1])
    assert gossip.split([claim], home.identity.name) == ([], [claim])
    assert bodies(home.events)[-1].startswith(b"{")


def test_what_is_held_without_a_signature_of_its_own_accuses_nobody(database: Database, home: Home) -> None:
    """A record read from who re-serves it is believed at the checkpoint only; until then it may be anybody's word."""
    with database.begin() as session:
        session.execute(text("UPDATE carried SET signature = :none"), {"none": bytes(64)})
    assert hear(database, [claim_of(other_history(home).events[-1])]) == ACTIVE
