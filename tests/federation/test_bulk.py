"""What is proved by the page that it comes in, or by a checkpoint, and not by its own signature: as sure as if it were.

Each lie here was kept by a version without the check that it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from services.federation import store
from services.federation.reading import WAIT
from services.kernel.database import Database
from services.kernel.envelope import Signed, canonical, datahash
from tests.federation.homes import WITHDRAWN, Home, bodies
from tests.federation.test_reading import Peer, at
from tests.federation.test_taking import held, state, take, taker_of

Lie = Callable[[Home, Signed], Signed]


def retold(home: Home, event: Signed, record: dict[str, Any] | None = None) -> Signed:
    """Another content under the same place, its hash right, its signature that of the true one."""
    data, salt = canonical(record or (event.payload() or {}) | {"fields": {"nom": "Autre chose"}}), b"s" * 32
    return Signed(replace(event.header, datahash=datahash(salt, data)), event.signature, data, salt)


def about(event: Signed, record: dict[str, Any]) -> Signed:
    """An event whose header names this record."""
    return replace(event, header=replace(event.header, subject=record["id"]))


LIES: dict[str, Lie] = {
    "another content": retold,
    "another content, the old hash": lambda home, event: replace(event, data=canonical({"nom": "Autre chose"})),
    "another place in the chain": lambda home, event: replace(event, header=replace(event.header, prev="1" * 64)),
    "another record of the home": lambda home, event: about(retold(home, event, home.record(77)), home.record(77)),
    "a withdrawal": lambda home, event: replace(event, header=replace(event.header, type=WITHDRAWN)),
}


@pytest.mark.parametrize("lie", sorted(LIES))
def test_a_forged_event_in_the_middle_of_a_page_ends_it_there(database: Database, lie: str) -> None:
    home = Home.of("orpan")
    for number in range(40):
        home.says(number)
    home.checkpoint()
    page = list(home.events)
    page[20] = LIES[lie](home, page[20])
    receipt = take(database, taker_of(home), home, bodies(page))
    assert receipt.refused != ""
    assert bodies(held(database, home)) == bodies(home.events[:20])
    assert take(database, taker_of(home), home, bodies(home.events[20:])).kept == 21
    assert not state(database, home).differs


def test_a_chain_that_ends_in_no_signature_of_the_home_is_not_kept(database: Database) -> None:
    home, forger = Home.of("orpan"), Home.of("radar")
    true = [home.says(number) for number in range(5)]
    thief = Home(forger.identity)
    chain = []
    last = true[-1].header
    for number in range(5, 30):
        event = home.says(number)
        chain.append(thief.signed(replace(event.header, seq=last.seq + 1, prev=last.hash), event.data or b"",
                                  event.salt or b""))  # fmt: skip
        last = chain[-1].header
    receipt = take(database, taker_of(home), home, bodies([*true, *chain]))
    assert (receipt.kept, receipt.refused != "") == (5, True)
    assert bodies(held(database, home)) == bodies(true)
    assert take(database, taker_of(home), home, bodies(chain)).kept == 0


@pytest.mark.parametrize("which", ["checkpointed", "reopened", "withdrawn"])
def test_what_no_root_names_is_proved_by_its_own_signature_wherever_it_stands(database: Database, which: str) -> None:
    home = Home.of("orpan")
    home.says(1)
    said = {"checkpointed": home.checkpoint, "reopened": home.reopen, "withdrawn": lambda: home.says(1, 2, WITHDRAWN)}
    event = said[which]()
    home.says(2)
    page = [home.events[0], replace(event, signature=home.events[0].signature), home.events[2]]
    receipt = take(database, taker_of(home), home, bodies(page))
    assert (receipt.kept, "bad signature" in receipt.refused) == (1, True)


def test_a_forged_checkpoint_is_refused_and_what_came_before_it_kept(database: Database) -> None:
    home, forger = Home.of("orpan"), Home.of("radar")
    for number in range(10):
        home.says(number)
    forged = forger.forged(home.checkpoint(root="0" * 64))
    receipt = take(database, taker_of(home), home, bodies([*home.events[:-1], forged]))
    assert (receipt.kept, "bad signature" in receipt.refused) == (10, True)
    assert not state(database, home).differs


@pytest.fixture
def peer() -> Peer:
    """A home with thirty records, one of them withdrawn."""
    home = Home.of("orpan")
    for number in range(30):
        home.says(number)
    home.says(7, 2, WITHDRAWN)
    home.checkpoint()
    return Peer(home, page=7)


def kept(database: Database, peer: Peer) -> tuple[int, int]:
    """How many events and heads of records are on disk."""
    with database.read() as session:
        count = [session.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("carried", "stream_record")]
    return int(count[0] or 0), int(count[1] or 0)


@pytest.mark.parametrize("lie", ["another content", "another record of the home"])
def test_a_record_that_the_checkpoint_does_not_name_takes_all_with_it_and_the_truth_comes_next(
    database: Database, peer: Peer, lie: str
) -> None:
    truth = peer.home.snapshot()
    peer.lies = [*truth[:4], LIES[lie](peer.home, truth[4]), *truth[5:]]
    reader = peer.reader(database)
    assert peer.catch_up(reader) == 0 or not state(database, peer.home).seq
    found = state(database, peer.home)
    assert (found.seq, found.differs, found.charged) == (0, True, peer.home.identity.name)
    assert kept(database, peer) == (0, 0)
    peer.catch_up(reader)
    assert "bad signature" in state(database, peer.home).trouble, "the second time each proves itself"
    assert kept(database, peer)[0] == 4
    peer.lies = None
    peer.catch_up(reader)
    assert (state(database, peer.home).trouble, state(database, peer.home).differs) == ("", False)
    assert bodies(held(database, peer.home)) == bodies(truth)


def test_a_forged_end_of_the_records_is_refused(database: Database, peer: Peer) -> None:
    *records, end = peer.home.snapshot()
    forger = Home.of("radar")
    peer.lies = [*records, forger.forged(end)]
    peer.reader(database)._snapshot(peer.home.stream)
    found = state(database, peer.home)
    assert (found.seq, "bad signature" in found.trouble) == (0, True)


def test_a_forged_tombstone_is_refused_though_no_root_would_tell(database: Database, peer: Peer) -> None:
    *records, end = peer.home.snapshot()
    dead = next(each for each in records if each.header.type == WITHDRAWN)
    peer.lies = [*(retold(peer.home, each) if each is dead else each for each in records), end]
    peer.reader(database)._snapshot(peer.home.stream)
    assert "bad signature" in state(database, peer.home).trouble
    assert state(database, peer.home).seq == 0


def test_a_lie_told_before_the_truth_of_the_same_record_is_not_kept_with_it(database: Database, peer: Peer) -> None:
    home = peer.home
    home.says(4, 2)
    home.checkpoint()
    truth = home.snapshot()
    peer.lies = sorted([*truth, retold(home, home.events[4])], key=at)
    peer.catch_up(peer.reader(database))
    assert (state(database, home).seq, state(database, home).differs) == (at(truth[-1])[1], False)
    assert bodies(held(database, home)) == bodies(truth)


def test_records_are_shown_and_handed_on_once_their_checkpoint_was_there(database: Database, peer: Peer) -> None:
    cut = peer.reader(database)
    cut._get = lambda path, asked: peer.get(path, asked) if len(peer.asked) < 3 else b""
    peer.catch_up(cut)
    with database.read() as session:
        found = store.taken(session, peer.home.stream)
        assert found is not None and found.reading
        assert store.after(session, peer.home.stream, 1, 0, 500, (found.epoch, found.seq)) == []


def test_the_log_read_after_records_that_were_cut_off_keeps_nothing_of_them(database: Database, peer: Peer) -> None:
    truth = peer.home.snapshot()
    lie = retold(peer.home, truth[2])
    peer.lies = [*truth[:2], lie, replace(truth[3], data=None, salt=None)]
    reader = peer.reader(database)
    reader._snapshot(peer.home.stream)
    assert state(database, peer.home).reading
    peer.lies = None
    reader.page(peer.home.stream, WAIT)
    found = held(database, peer.home)
    assert bodies(found) == bodies(peer.home.events[: len(found)])
    while reader.page(peer.home.stream, WAIT).kept:
        pass
    assert bodies(held(database, peer.home)) == bodies(peer.home.events)
    assert (state(database, peer.home).differs, state(database, peer.home).reading) == (False, False)


def test_a_signature_spoilt_inside_a_page_hides_nothing_from_who_reads_on(database: Database) -> None:
    """Who re-serves it may hold it so; where a page ends there, the next one proves it."""
    home = Home.of("orpan")
    events = [home.says(number) for number in range(6)]
    events[2] = replace(events[2], signature=bytes(64))
    taker = taker_of(home)
    first = take(database, taker, home, bodies(events[:3]))
    assert (first.kept, "bad signature" in first.refused) == (2, True)
    assert take(database, taker, home, bodies(events[2:])).kept == 4
    assert orjson.loads(held(database, home)[-1].body())["sequence"] == 6
