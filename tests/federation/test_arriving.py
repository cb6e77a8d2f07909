"""What comes by the lane is taken as what was asked for: proved, once, in order; both ways at a time do no harm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from kombu.connection import Connection

from services.federation import store
from services.federation.lane.arriving import Arrivals
from services.federation.reading import LOG, WAIT, Reader
from services.kernel.database import Database
from services.kernel.envelope import Signed
from tests.federation.homes import Home, bodies
from tests.federation.test_reading import Peer, held


class Both:
    """A home that is read over HTTPS and brought by a lane."""

    def __init__(self, database: Database, home: Home) -> None:
        self.home, self.peer, self._database = home, Peer(home), database
        self.before_answer: Callable[[], None] = lambda: None
        plain = self.peer.reader(database)
        self.reader = Reader(database, plain._taker, self._get, lambda stream: None)
        with database.begin() as session:
            session.add(store.new_lane(home.identity.name))
        streams = frozenset({home.stream})
        self.lane = Arrivals(database, home.identity.name, streams, self.reader, lambda: Connection("local://"))

    def _get(self, path: str, asked: dict[str, Any]) -> bytes:
        answer = self.peer.get(path, asked)
        if path in (LOG, WAIT):
            self.before_answer()
        return answer

    def brings(self, *events: Signed) -> None:
        """The lane has these."""
        self.lane.missing.clear()
        self.lane.take(bodies(list(events)))

    @property
    def counts(self) -> tuple[int, int, int]:
        """Events, doubled, refused."""
        with self._database.read() as session:
            lane = store.lane(session, self.home.identity.name)
            assert lane is not None
            return lane.events, lane.doubled, lane.refused


@pytest.fixture
def both(database: Database) -> Iterator[Both]:
    """ORPAN, of whom one event and a checkpoint are held."""
    home = Home.of("orpan")
    home.says(1)
    home.checkpoint()
    made = Both(database, home)
    made.peer.catch_up(made.reader)
    yield made


def test_events_in_order_are_kept_and_those_that_are_held_passed_over(both: Both, database: Database) -> None:
    some = [both.home.says(number) for number in range(2, 6)]
    both.brings(*some[:2])
    both.brings(*some[1:])
    assert held(database, both.home).seq == 6
    assert both.counts == (4, 1, 0)
    assert both.lane.keeps_up and not both.lane.missing.is_set()


def test_nothing_is_taken_while_all_of_it_is_still_to_be_read(database: Database) -> None:
    home = Home.of("radar")
    home.says(1)
    made = Both(database, home)
    made.brings(*home.events)
    assert made.lane.missing.is_set()
    made.peer.catch_up(made.reader)
    assert held(database, home).seq == 1


def test_a_gap_asks_for_the_log_and_blames_nobody(both: Both, database: Database) -> None:
    both.home.says(2)
    third = both.home.says(3)
    both.brings(third)
    assert both.lane.missing.is_set() and not both.lane.keeps_up
    found = held(database, both.home)
    assert (found.seq, found.trouble) == (2, "")
    both.peer.catch_up(both.reader)
    assert held(database, both.home).seq == 4
    both.brings(third)
    both.brings(both.home.says(4))
    assert both.lane.keeps_up
    assert held(database, both.home).seq == 5


def test_a_forged_event_is_charged_to_the_link_and_the_truth_goes_on(both: Both, database: Database) -> None:
    thief = Home.of("voleur")
    true = both.home.says(2)
    both.brings(thief.forged(true))
    found = held(database, both.home)
    assert (found.seq, found.charged) == (2, both.home.identity.name)
    assert found.trouble and both.lane.missing.is_set()
    both.brings(replace(true, data=b'{"autre":1}'))
    thief.says(1)
    both.brings(*thief.events)
    both.lane.take([b"{", b"[]", b""])
    assert both.counts[0] == 0 and both.counts[2] == 2 + 1 + 3
    both.brings(true)
    found = held(database, both.home)
    assert (found.seq, found.trouble) == (3, "")


def test_what_the_lane_brought_while_an_answer_was_on_its_way_is_no_offence(both: Both, database: Database) -> None:
    both.home.says(2)
    both.home.says(3)
    both.before_answer = lambda: both.brings(*both.home.events[2:3])
    receipt = both.reader.page(both.home.stream, WAIT)
    assert (receipt.kept, receipt.refused) == (1, "")
    assert held(database, both.home).seq == 4
    both.home.says(4)
    both.before_answer = lambda: both.brings(*both.home.events[4:])
    assert both.reader.page(both.home.stream, WAIT).refused == ""
    assert held(database, both.home).trouble == ""


def test_both_ways_at_once_keep_each_event_once_and_the_state_is_equal(both: Both, database: Database) -> None:
    for number in range(2, 120):
        both.home.says(number)
        if number % 30 == 0:
            both.home.checkpoint()
    both.home.checkpoint()
    both.peer.page = 7
    events = both.home.events[2:]

    def by_lane() -> None:
        for start in range(0, len(events), 5):
            both.lane.take(bodies(events[start : start + 5]))

    lane = threading.Thread(target=by_lane)
    lane.start()
    both.peer.catch_up(both.reader)
    lane.join(60)
    both.peer.catch_up(both.reader)
    found = held(database, both.home)
    assert (found.seq, found.differs, found.trouble) == (len(both.home.events), False, "")
