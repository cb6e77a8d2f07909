"""What a peer writes to this node is kept where the peer signed it, in order, and nothing else is."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from services.federation import store
from services.federation.addressed import PATH, Inbound
from services.kernel.database import Database
from services.kernel.envelope import GENESIS, Header, Signed, canonical, datahash
from services.kernel.errors import Unavailable
from services.kernel.identity import EVENT, Identity
from services.kernel.sealing import FACT

OWN = "o" * 32
PEER, OTHER = Identity.from_seed(b"peer" * 8), Identity.from_seed(b"liar" * 8)
STREAM = f"{PEER.name}/directory/to/{OWN}"


class Peer:
    """Who answers with what it has, and notes what it was asked."""

    def __init__(self, *events: Signed) -> None:
        self.events = list(events)
        self.asked: list[int] = []

    def answer(self, path: str, asked: dict[str, Any]) -> bytes:
        assert (path, asked["from"], asked["service"]) == (PATH, OWN, "directory")
        self.asked.append(asked["after"])
        place = asked["epoch"], asked["after"]
        after = [each for each in self.events if (each.header.epoch, each.header.seq) > place]
        return b"".join(each.body() + b"\n" for each in after[:2])


def said(seq: int, before: Signed | None = None, by: Identity = PEER, **changes: Any) -> Signed:
    raw, salt = canonical({"sealed": f"{seq}"}), os.urandom(32)
    header = Header(
        stream=STREAM, epoch=1, seq=seq, id=f"id-{seq}", type=f"directory.{FACT}", subject=str(uuid4()),
        recordversion=1, time="2026-11-24T10:00:00Z", keyid=by.keyid, causation="",
        prev=before.header.hash if before else GENESIS, datahash=datahash(salt, raw),
    )  # fmt: skip
    header = replace(header, **changes)
    return Signed(header, by.sign(EVENT, header.raw), raw, salt)


def look(database: Database, peer: Peer) -> tuple[int, list[str]]:
    """How many came, and the streams that were told."""
    told: list[str] = []
    count = Inbound(database, OWN, PEER.name, PEER.keyring(), peer.answer, told.append).look("directory")
    return count, told


def held(database: Database) -> list[int]:
    with database.read() as session:
        return [each.header.seq for each in store.after(session, STREAM, 1, 0, 100, (9, 9))]


def trouble(database: Database) -> str:
    with database.read() as session:
        taken = store.taken(session, STREAM)
        return taken.trouble if taken else ""


def test_all_pages_are_read_in_order_and_the_question_says_what_is_held(database: Database) -> None:
    one = said(1)
    two = said(2, one)
    peer = Peer(one, two, said(3, two))
    assert look(database, peer) == (3, [STREAM, STREAM])
    assert peer.asked == [0, 2, 3]
    assert held(database) == [1, 2, 3]
    assert look(database, peer) == (0, [])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda one: said(2, one, by=OTHER),
        lambda one: said(2, one, keyid=PEER.keyid, by=OTHER),
        lambda one: said(2, None),
        lambda one: said(2, one, stream=f"{PEER.name}/directory/to/{'x' * 32}"),
        lambda one: said(2, one, stream=f"{OTHER.name}/directory/to/{OWN}", by=OTHER),
        lambda one: said(2, one, type="directory.structure.published.v1"),
        lambda one: replace(said(2, one), data=None, salt=None),
        lambda one: replace(said(2, one), data=canonical({"sealed": "autre"})),
    ],
    ids=["another’s key", "another’s hand", "no chain", "to another", "of another", "no message", "no data", "changed"],
)
def test_what_is_not_true_is_not_kept_and_what_came_before_is(database: Database, wrong: Any) -> None:
    one = said(1)
    assert look(database, Peer(one, wrong(one)))[0] == 1
    assert held(database) == [1]
    assert trouble(database) != ""
    two = said(2, one)
    assert look(database, Peer(one, two))[0] == 1
    assert (held(database), trouble(database)) == ([1, 2], "")


def test_numbers_that_the_author_keeps_no_more_are_passed_over(database: Database) -> None:
    assert look(database, Peer(said(4), said(5, said(4))))[0] == 1  # the fifth does not follow this fourth
    assert held(database) == [4]
    with database.read() as session:
        taken = store.taken(session, STREAM)
    assert taken is not None and (taken.base_epoch, taken.base_seq) == (1, 4)


def test_a_peer_that_answers_nothing_changes_nothing(database: Database) -> None:
    def away(path: str, asked: dict[str, Any]) -> bytes:
        raise Unavailable("parti")

    with pytest.raises(Unavailable):
        Inbound(database, OWN, PEER.name, PEER.keyring(), away, lambda stream: None).look("directory")
    assert held(database) == []
