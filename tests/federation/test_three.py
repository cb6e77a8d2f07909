"""Three nodes that read each other, directly or by the third: whatever happens, in the end all hold the same."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.directory.events import is_told_by
from services.federation import gossip, store
from services.federation.reading import LOG, SNAPSHOT, Reader
from services.federation.service import FederationService
from services.federation.taking import Taker
from services.kernel.envelope import Signed
from services.kernel.errors import Conflict, Gone, NotFound, Unavailable
from tests.faults.report import IS_SOAK
from tests.federation.homes import AT, PUBLISHED, WITHDRAWN, Home
from tests.federation.test_reading import Peer, at, held, live
from tests.rooms import Opened
from tests.templates import migrated_file

SCHEDULES = 3_000 if IS_SOAK else 30
NAMES = ("orpan", "radar", "rural")
DOORS = {LOG: "wire_log", SNAPSHOT: "wire_snapshot"}
RECORDS = 6


class Node:
    """A home, and what it holds of the others in a database of its own, which it tells on to who asks."""

    def __init__(self, name: str, folder: Path, kept: Path) -> None:
        self.home = Home.of(name)
        self.peer = Peer(self.home, page=4)
        self._bare: dict[tuple[int, int], Signed] = {}
        self._folder, self.file = folder, folder / f"{name}.sqlite3"
        self.file.unlink(missing_ok=True)
        migrated_file(kept, "federation", self.file)
        self.start()

    def start(self) -> None:
        """As a new process: nothing is remembered but the database."""
        self.room = Opened(FederationService, None, self._folder, self.home.identity, f"sqlite:///{self.file}")  # type: ignore[arg-type]
        self._links: dict[str, tuple[Node, Reader]] = {}

    def tells(self, path: str, asked: dict[str, Any]) -> bytes:
        """What it answers, of its own stream or one that it holds."""
        if asked["stream"] == self.home.stream:
            return self.peer.get(path, asked)
        events: list[str] = getattr(self.room, DOORS[path])(asked)["events"]
        return "\n".join(events).encode()

    def reads(self, other: Node, via: Node) -> None:
        """Follow another once, from itself or from one that holds it."""
        name = other.home.identity.name
        if name not in self._links or self._links[name][0] is not via:
            taker = Taker(other.home.card().keyring(), is_told_by)
            carrier = "" if via is other else via.home.identity.name
            self._links[name] = via, Reader(self.room.database, taker, via.tells, lambda stream: None, carrier)
        head = via.head(other)
        with suppress(Conflict, Gone, NotFound, Unavailable):
            if head is not None:
                self._links[name][1].catch_up(other.home.stream, *head)

    def head(self, other: Node) -> tuple[int, int] | None:
        """How far it tells a stream."""
        if other is self:
            return at(self.home.events[-1])
        with self.room.database.read() as session:
            return gossip.heads(gossip.told(session)).get(other.home.stream)

    def erases(self, number: int) -> None:
        """What a record said last, which others may have read, is erased once it says something else."""
        subject = self.home.record(number)["id"]
        said = [each for each in self.home.events if each.header.subject == subject and not is_bare(each)]
        if not said:
            return
        former = said[-1]
        self.home.says(number, self.home.version(number) + 1)
        self.home.redact(former)
        self._bare[at(former)] = former
        self.home.events[self.home.events.index(former)] = replace(former, data=None, salt=None)

    def puts_back(self, place: int) -> None:
        """Its own log is what it was: what was erased since is there again."""
        home = self.home
        home.put_back(home.events[1 + place % (len(home.events) - 1)] if len(home.events) > 1 else home.events[0])
        told = {(each["epoch"], each["seq"]) for event in home.events for each in redacted(event)}
        home.events = [self._bare[at(each)] if is_bare(each) and at(each) not in told else each for each in home.events]
        home.reopen()
        home.checkpoint()

    def keeps_less(self) -> None:
        """Of its own log and of what it holds it keeps each record's last event only."""
        ends = [at(each) for each in self.home.events if "checkpointed" in each.header.type]
        self.peer.base = max(ends, default=(0, 0))
        with self.room.database.begin() as session:
            for each in store.taken_of(session):
                store.compact(session, each, AT)

    def copied(self, *, back: bool) -> None:
        """What it holds of the others is copied aside, or put back by hand."""
        copy = self.file.with_suffix(".copy")
        if back and not copy.exists():
            return
        self.room.close()
        shutil.copyfile(*((copy, self.file) if back else (self.file, copy)))
        self.start()


def is_bare(event: Signed) -> bool:
    """Whether its data was erased."""
    return event.data is None


def redacted(event: Signed) -> list[dict[str, Any]]:
    """What an event says was erased."""
    found: list[dict[str, Any]] = event.payload()["redacted"] if "redacted" in event.header.type else []
    return found


def remembered(one: Node, other: Node) -> list[tuple[int, int]]:
    """Places of events that a home erased, whose data another still holds."""
    told = {(each["epoch"], each["seq"]) for event in other.home.events for each in redacted(event)}
    with one.room.database.read() as session:
        events = store.after(session, other.home.stream, 1, 0, 10_000)
    return [at(each) for each in events if at(each) in told and not is_bare(each)]


STEPS = ("say", "withdraw", "erase", "checkpoint", "keep less", "put back", "restart", "cut", "copy", "copy back")
STEP = st.tuples(st.sampled_from([*STEPS, "say", *["read"] * 6]), st.permutations(range(3)), st.integers(0, 30))


def take(nodes: list[Node], step: str, choice: int) -> None:
    """One step of the first of these nodes; with `read` of the second, by the second or the third."""
    one, other, third = nodes
    number, home = choice % RECORDS, one.home
    if step == "say":
        home.says(number, home.version(number) + 1, PUBLISHED)
    elif step == "withdraw":
        home.says(number, home.version(number) + 1, WITHDRAWN)
    elif step == "erase":
        one.erases(number)
    elif step == "checkpoint":
        home.checkpoint()
    elif step == "keep less":
        one.keeps_less()
    elif step == "put back":
        one.puts_back(choice)
    elif step == "restart":
        one.room.close()
        one.start()
    elif step == "cut":
        one.peer.page = 1 + choice % 9
    elif step == "read":
        one.reads(other, other if choice % 2 else third)
    else:
        one.copied(back=step == "copy back")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the database is migrated once."""
    return tmp_path_factory.mktemp("kept")


@given(schedule=st.lists(STEP, max_size=40))
@settings(max_examples=SCHEDULES, deadline=None, suppress_health_check=list(HealthCheck))
def test_law_any_schedule_over_three_nodes_ends_with_equal_state(
    tmp_path: Path, kept: Path, schedule: list[tuple[str, list[int], int]]
) -> None:
    nodes = [Node(name, tmp_path, kept) for name in NAMES]
    for node in nodes:
        node.file.with_suffix(".copy").unlink(missing_ok=True)
        node.home.says(0)
        node.home.checkpoint()
    for step, order, choice in schedule:
        take([nodes[place] for place in order], step, choice)
    for node in nodes:
        node.home.checkpoint()
    pairs = [(one, other) for one in nodes for other in nodes if one is not other]
    for _ in range(3):
        for one, other in pairs:
            one.reads(other, other)
    for one, other in pairs:
        found = held(one.room.database, other.home)
        assert (found.epoch, found.seq, found.differs, found.trouble) == (*at(other.home.events[-1]), False, "")
        assert live(one.room.database, other.home) == other.home.heads
        assert remembered(one, other) == []
    for node in nodes:
        node.room.close()
