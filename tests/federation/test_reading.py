"""The shortest way to what a home says now: its log, its records, or all of it anew; whatever happened in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.directory.events import is_told_by
from services.federation import reading, store
from services.federation.model import Taken
from services.federation.reading import LOG, SNAPSHOT, Reader, settle
from services.federation.taking import Taker
from services.kernel.database import Database
from services.kernel.envelope import Signed
from services.kernel.errors import Conflict, Gone
from tests.federation.homes import WITHDRAWN, Home, bodies


@dataclass
class Peer:
    """A node that answers for one home as `docs/federation.md` says. `lies` takes the place of what it would answer."""

    home: Home
    base: tuple[int, int] = (0, 0)
    whole: tuple[int, int] = (0, 0)
    asked: list[str] = field(default_factory=list)
    lies: Sequence[Signed] | None = None
    page: int = 500

    def get(self, path: str, asked: dict[str, Any]) -> bytes:
        """NDJSON."""
        self.asked.append(path.rpartition("/")[2])
        place = (asked["epoch"], asked["after"])
        if path == SNAPSHOT:
            found = self.home.snapshot()
            if place < self.whole and not asked["anew"]:
                raise Gone("")
        else:
            found = self.home.events
            if place < self.base:
                raise Gone("")
            if found and place > at(found[-1]):
                raise Conflict("")
        found = found if self.lies is None else self.lies
        return b"\n".join(bodies([each for each in found if at(each) > place][: self.page]))

    def reader(self, database: Database) -> Reader:
        """Who reads it."""
        return Reader(database, Taker(self.home.card().keyring(), is_told_by), self.get, lambda stream: None)

    def catch_up(self, reader: Reader) -> int:
        """Ask for the head, then read what is missing."""
        return reader.catch_up(self.home.stream, *at(self.home.events[-1]))


def at(event: Signed) -> tuple[int, int]:
    """The place of an event."""
    return event.header.epoch, event.header.seq


def held(database: Database, home: Home) -> Taken:
    """How far the stream was taken."""
    with database.read() as session:
        found = store.taken(session, home.stream)
        assert found is not None
        return found


def live(database: Database, home: Home) -> dict[str, str]:
    """Name and last header of each record that is held, as of the last checkpoint."""
    with database.read() as session:
        rows = session.execute(
            text("SELECT subject, hash FROM stream_record WHERE live AND reach = :stream"), {"stream": home.stream}
        )
        return {row.subject: row.hash for row in rows}


@pytest.fixture
def peer() -> Peer:
    """A home with thirty records, each changed twice, one withdrawn."""
    home = Home.of("orpan")
    for version in (1, 2, 3):
        for number in range(30):
            home.says(number, version)
    home.says(7, 4, WITHDRAWN)
    home.checkpoint()
    return Peer(home, page=7)


def test_who_joins_reads_the_last_event_of_each_record_and_then_the_log(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)
    peer.home.says(40)
    assert peer.catch_up(reader) == 32
    found = held(database, peer.home)
    assert (found.seq, found.differs, found.trouble) == (93, False, "")
    assert "log" in peer.asked and peer.asked[0] == "snapshot"
    peer.home.checkpoint()
    peer.catch_up(reader)
    assert live(database, peer.home) == peer.home.heads
    assert not held(database, peer.home).differs


def test_a_joining_that_was_cut_off_goes_on_where_it_was(database: Database, peer: Peer) -> None:
    cut = peer.reader(database)
    peer.asked.clear()
    cut._get = lambda path, asked: peer.get(path, asked) if len(peer.asked) < 3 else b""
    peer.catch_up(cut)
    assert held(database, peer.home).reading
    peer.asked.clear()
    peer.catch_up(peer.reader(database))
    assert peer.asked.count("snapshot") == 2, "two pages of four were read before"
    assert live(database, peer.home) == peer.home.heads


def test_who_comes_back_after_more_than_is_kept_reads_only_what_changed_since(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)
    peer.catch_up(reader)
    for _ in range(20):
        peer.home.says(3, 4)
    peer.home.says(4, 4, WITHDRAWN)
    peer.home.checkpoint()
    peer.base = at(peer.home.events[-1])
    peer.asked.clear()
    assert peer.catch_up(reader) == 3
    assert live(database, peer.home) == peer.home.heads
    with database.read() as session:
        assert store.after(session, peer.home.stream, 1, 92, 10)[0].header.seq == 92 + 20


def test_who_comes_back_after_tombstones_went_reads_all_anew_and_knows_what_vanished(
    database: Database, peer: Peer
) -> None:
    reader = peer.reader(database)
    peer.catch_up(reader)
    gone = peer.home.says(5, 4, WITHDRAWN)
    peer.home.checkpoint()
    peer.home.forget(gone)
    peer.base = peer.whole = at(peer.home.events[-1])
    peer.catch_up(reader)
    found = held(database, peer.home)
    assert (found.generation, found.differs, found.trouble) == (1, False, "")
    assert live(database, peer.home) == peer.home.heads
    with database.read() as session:
        assert store.vanished(session, peer.home.stream, "", 10) == sorted([gone.header.subject])


def test_a_database_put_back_says_so_by_a_new_epoch_and_is_followed_there(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)
    peer.catch_up(reader)
    lost = [peer.home.says(number, 4, nom="Perdu") for number in range(3)]
    peer.home.checkpoint()
    peer.catch_up(reader)
    peer.home.put_back(lost[0])
    peer.home.reopen()
    peer.home.checkpoint()
    peer.home.says(1, 4, nom="Autrement")
    peer.home.checkpoint()
    peer.catch_up(reader)
    peer.catch_up(reader)
    found = held(database, peer.home)
    assert (found.epoch, found.generation, found.trouble, found.differs) == (2, 1, "", False)
    assert live(database, peer.home) == peer.home.heads


def test_what_is_held_wrongly_is_read_anew(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)
    peer.catch_up(reader)
    with database.begin() as session:
        session.execute(text("UPDATE stream_record SET live = :no WHERE seq = 61"), {"no": False})
    peer.home.says(50)
    peer.home.checkpoint()
    fresh_process = peer.reader(database)
    peer.catch_up(fresh_process)
    assert (held(database, peer.home).generation, held(database, peer.home).differs) == (1, False)
    assert live(database, peer.home) == peer.home.heads


def test_where_a_fifth_would_go_nothing_goes_until_an_operator_agrees(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)
    peer.catch_up(reader)
    before = live(database, peer.home)
    for number in range(10, 20):
        peer.home.forget(peer.home.says(number, 4, WITHDRAWN))
    peer.home.checkpoint()
    peer.base = peer.whole = at(peer.home.events[-1])
    peer.catch_up(reader)
    peer.catch_up(reader)
    found = held(database, peer.home)
    assert "10 fiches sur 29 disparaîtraient" in found.trouble
    assert live(database, peer.home) == before
    with database.begin() as session:
        taken = store.taken(session, peer.home.stream)
        assert taken is not None
        assert settle(session, taken, sure=True)
    peer.catch_up(reader)
    assert live(database, peer.home) == peer.home.heads
    assert held(database, peer.home).trouble == ""


def test_a_hub_that_leaves_out_a_record_is_found_by_the_checkpoint_and_charged(
    database: Database, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ANEW_EVERY_S", 0.0)
    state = peer.home.snapshot()
    peer.lies = state[:4] + state[5:]
    reader = peer.reader(database)
    peer.catch_up(reader)
    found = held(database, peer.home)
    assert (found.differs, found.charged, found.generation) == (True, peer.home.identity.name, 0)
    assert "pas celles du point de contrôle" in found.trouble
    peer.lies = None
    peer.catch_up(reader)
    assert not held(database, peer.home).differs
    assert live(database, peer.home) == peer.home.heads


@pytest.mark.parametrize("lie", ["strips data", "turns the order"])
def test_a_hub_that_strips_data_or_turns_the_order_is_refused(database: Database, peer: Peer, lie: str) -> None:
    first, second, *rest = peer.home.snapshot()
    bare = Signed(second.header, second.signature, None, None)
    peer.lies = [first, bare, *rest] if lie == "strips data" else [second, first, *rest]
    peer.catch_up(peer.reader(database))
    found = held(database, peer.home)
    assert (found.trouble != "", found.differs or found.reading) == (True, True)
    peer.lies = None
    peer.catch_up(peer.reader(database))
    assert live(database, peer.home) == peer.home.heads


def test_a_hub_that_strips_data_from_the_log_is_refused_and_the_truth_goes_on(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)
    peer.catch_up(reader)
    before = held(database, peer.home).seq
    new = [peer.home.says(50), peer.home.says(51), peer.home.checkpoint()]
    peer.lies = [Signed(each.header, each.signature, None, None) for each in new]
    peer.catch_up(reader)
    found = held(database, peer.home)
    assert (found.seq, "vidé de son contenu" in found.trouble) == (before, True)
    peer.lies = None
    peer.catch_up(reader)
    assert (held(database, peer.home).trouble, live(database, peer.home)) == ("", peer.home.heads)


@pytest.mark.parametrize("far", [0, 20])
def test_what_its_home_erased_since_holds_nothing_up(database: Database, peer: Peer, far: int) -> None:
    reader = peer.reader(database)
    peer.catch_up(reader)
    named = peer.home.says(60, contact_nom_prenom="Ada Lovelace")
    peer.home.says(60, 2)
    for number in range(far):
        peer.home.says(100 + number)
    peer.home.redact(named)
    peer.home.checkpoint()
    peer.home.events[peer.home.events.index(named)] = Signed(named.header, named.signature, None, None)
    peer.catch_up(reader)
    found = held(database, peer.home)
    assert (found.trouble, found.differs, found.seq) == ("", False, at(peer.home.events[-1])[1])
    assert live(database, peer.home) == peer.home.heads
    with database.read() as session:
        assert b"Ada" not in b"".join(each.data or b"" for each in store.after(session, peer.home.stream, 1, 0, 999))


steps = st.lists(
    st.sampled_from(["say", "withdraw", "checkpoint", "prune", "put back", "read", "restart", "cut"]), max_size=30
)


@given(schedule=steps, data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_law_whatever_happened_at_home_who_reads_to_the_end_holds_what_it_holds(
    database: Database, schedule: list[str], data: st.DataObject
) -> None:
    peer = Peer(Home.of("abcd"), page=4)
    home, reader = peer.home, peer.reader(database)
    with database.begin() as session:
        store.forget(session, home.identity.name)
    home.says(0)
    home.checkpoint()
    for step in schedule:
        if step in ("say", "withdraw"):
            number = data.draw(st.integers(0, 5))
            home.says(
                number,
                home.version(number) + 1,
                WITHDRAWN if step == "withdraw" else "directory.structure.published.v1",
            )
        elif step == "checkpoint":
            home.checkpoint()
        elif step == "prune":
            peer.base = max((at(each) for each in home.events if "checkpointed" in each.header.type), default=(0, 0))
        elif step == "put back":
            home.put_back(data.draw(st.sampled_from(home.events[1:])))
            home.reopen()
            home.checkpoint()
            peer.base = min(peer.base, at(home.events[-1]))
        elif step == "cut":
            peer.page = data.draw(st.integers(1, 9))
        elif step == "restart":
            reader = peer.reader(database)
        else:
            peer.catch_up(reader)
    home.checkpoint()
    reader = peer.reader(database)
    for _ in range(3):
        peer.catch_up(reader)
    assert live(database, home) == home.heads
    found = held(database, home)
    assert (found.epoch, found.seq, found.differs, found.trouble) == (*at(home.events[-1]), False, "")


def test_the_log_is_asked_by_its_own_name(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)
    peer.catch_up(reader)
    peer.home.says(60)
    assert reader.page(peer.home.stream, LOG).kept == 1


def test_who_answers_for_another_is_charged_with_what_is_wrong_and_the_truth_goes_on(database: Database) -> None:
    peer = Peer(Home.of("orpan"))
    carrier = Home.of("radar").identity.name
    reader = Reader(database, Taker(peer.home.card().keyring(), is_told_by), peer.get, lambda stream: None, carrier)
    peer.home.says(1)
    peer.home.checkpoint()
    peer.catch_up(reader)
    peer.lies = [*peer.home.events, peer.home.forged(peer.home.says(2), prev="0" * 64)]
    peer.catch_up(reader)
    assert held(database, peer.home).charged == carrier
    peer.lies = None
    peer.catch_up(reader)
    found = held(database, peer.home)
    assert (found.charged, found.trouble, found.seq) == ("", "", 3)
