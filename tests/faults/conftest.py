"""A writer and a follower as real processes on PostgreSQL and RabbitMQ, started again when they die; and three nodes
that follow each other, each behind a wire, shared by the tests that leave them as they were.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from gateway.rpc import RpcClient, connector
from services.kernel.errors import MaillageError
from tests.faults.report import Result, handed_over, tell
from tests.faults.sites import Site, all_of, site

__all__ = ["handed_over"]
CAUGHT_UP_WITHIN_S = 60


class Pair:
    """The two processes, and what they did."""

    def __init__(self, folder: Path, database: str, broker: str) -> None:
        self._folder, self._database, self._broker = folder, database, broker
        self._processes: dict[str, list[subprocess.Popen[bytes]]] = {"writer": [], "follower": []}
        self._calls = RpcClient(connector(broker), timeout_s=5.0)
        self._engine = create_engine(database, connect_args={"connect_timeout": 5})
        self._subjects = 0
        self.equal_s = 0.0

    def start(self, room: str, kill: str = "") -> subprocess.Popen[bytes]:
        """Start a process of a room, armed to kill itself at a point or not."""
        command = [sys.executable, "-m", "tests.faults.process", room, str(self._folder), self._database, self._broker]
        process = subprocess.Popen([*command, *([kill] if kill else [])])
        self._processes[room].append(process)
        return process

    def keep(self) -> None:
        """Start again what died."""
        for room, processes in self._processes.items():
            if processes and all(process.poll() is not None for process in processes):
                self.start(room)

    def write(self, events: int, batch: int = 20) -> None:
        """Write so many events, through whatever happens; a batch that was not answered is asked again."""
        last = self._subjects + events
        while self._subjects < last:
            subjects = [f"s{number}" for number in range(self._subjects, min(self._subjects + batch, last))]
            self._ask_until_done(subjects)
            self._subjects += len(subjects)

    def settled(self) -> dict[str, int]:
        """Wait until everything written was applied; counts of what was lost, doubled and out of order."""
        ends_at = time.monotonic() + CAUGHT_UP_WITHIN_S
        seen: list[int] = []
        began = time.monotonic()
        while time.monotonic() < ends_at:
            self.keep()
            seen = self._seen()
            if len(seen) >= self._subjects:
                break
            time.sleep(0.2)
        self.equal_s = round(time.monotonic() - began, 1)
        expected = set(range(1, max([*seen, 0]) + 1)) - self._about_the_stream()
        return {
            "events": self._subjects, "applied": len(seen), "lost": self._subjects - len(set(seen)),
            "doubled": len(seen) - len(set(seen)), "gaps": len(expected - set(seen)),
            "out of order": sum(one >= other for one, other in pairwise(seen)),
        }  # fmt: skip

    def told(self, fault: int, what: str, test: str) -> dict[str, int]:
        """Settle, tell it, and give back what must all be 0."""
        counts = self.settled()
        status = f"lag {self.lag()}"
        tell(Result(fault, what, counts["events"], counts["lost"], counts["doubled"], self.equal_s, status, test))
        return {name: count for name, count in counts.items() if name not in ("events", "applied")}

    def lag(self) -> int:
        """How far the follower's room says that it is behind, once it has heard of the head."""
        ends_at = time.monotonic() + CAUGHT_UP_WITHIN_S
        while True:
            with contextlib.suppress(MaillageError):
                status = self._calls.call("follower", "status", {})
                lag = sum(int(each["lag"]) for each in status["follows"].values())
                if not lag or time.monotonic() > ends_at:
                    return lag
            assert time.monotonic() < ends_at, "the follower does not answer"
            self.keep()
            time.sleep(0.2)

    def stop(self) -> float:
        """SIGTERM everything; how long the slowest took, in seconds."""
        began = time.monotonic()
        running = [each for processes in self._processes.values() for each in processes if each.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(15)
        return time.monotonic() - began

    def close(self) -> None:
        """End what still runs."""
        for process in [each for processes in self._processes.values() for each in processes]:
            if process.poll() is None:
                process.kill()
                process.wait()
        self._calls.close()
        self._engine.dispose()

    def _ask_until_done(self, subjects: list[str]) -> None:
        ends_at = time.monotonic() + CAUGHT_UP_WITHIN_S
        while True:
            self.keep()
            try:
                self._calls.call("writer", "write", {"subjects": subjects})
                return
            except MaillageError:
                if time.monotonic() > ends_at:
                    raise
                time.sleep(0.1)

    def _seen(self) -> list[int]:
        return self._column("SELECT seq FROM follower.seen ORDER BY id")

    def _about_the_stream(self) -> set[int]:
        statement = "SELECT seq FROM writer.event_log WHERE reach = 'shared' AND type LIKE 'writer.stream.%'"
        return set(self._column(statement))

    def _column(self, statement: str) -> list[int]:
        from sqlalchemy.exc import DBAPIError

        try:
            with self._engine.connect() as connection:
                return list(connection.scalars(text(statement)))
        except DBAPIError:
            return []


Make = Callable[[str, str], Pair]


@pytest.fixture
def make_pair(tmp_path: Path) -> Iterator[Make]:
    """Makes the pair on a database and a broker, both processes started and answering."""
    made: list[Pair] = []

    def make(database: str, broker: str) -> Pair:
        made.append(Pair(tmp_path, database, broker))
        return made[-1]

    yield make
    for pair in made:
        pair.close()


@pytest.fixture
def pair(make_pair: Make, fresh_database: Callable[[], str], fresh_vhost: Callable[[], str]) -> Pair:
    """The pair on servers that stay up."""
    return make_pair(fresh_database(), fresh_vhost())


@dataclass
class Three:
    """Three nodes that follow each other."""

    orpan: Site
    radar: Site
    rural: Site

    @property
    def all(self) -> tuple[Site, Site, Site]:
        """In the order in which they stand here."""
        return self.orpan, self.radar, self.rural


@pytest.fixture(scope="package")
def _three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    """Not for the whole session: while nothing is asked of them they take a quarter of a processor."""
    folder = tmp_path_factory.mktemp("three")
    with contextlib.ExitStack() as opened:
        names = ("orpan", "radar", "rural")
        with ThreadPoolExecutor() as threads:
            made = Three(*threads.map(lambda name: opened.enter_context(site(folder / name, name)), names))
        for home, other in all_of(made.all):
            other.follow(home)
        yield made


@pytest.fixture
def three(_three: Three) -> Iterator[Three]:
    """Three nodes for all these tests; after the test every wire is whole, and every node runs."""
    yield _three
    for each in _three.all:
        each.wire.delay_s = each.wire.loss = 0.0
        each.wire.mend()
        each.wire.to = each.port
        if each.node.process is None:
            each.node.start()
