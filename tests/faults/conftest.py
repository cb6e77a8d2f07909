"""A writer and a follower as real processes on PostgreSQL and RabbitMQ, started again when they die."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from gateway.rpc import RpcClient, connector
from services.kernel.errors import MaillageError
from tests.conftest import TOLD

CAUGHT_UP_WITHIN_S = 60
COUNTS: list[str] = []


class Pair:
    """The two processes, and what they did."""

    def __init__(self, folder: Path, database: str, broker: str) -> None:
        self._folder, self._database, self._broker = folder, database, broker
        self._processes: dict[str, list[subprocess.Popen[bytes]]] = {"writer": [], "follower": []}
        self._calls = RpcClient(connector(broker), timeout_s=5.0)
        self._engine = create_engine(database, connect_args={"connect_timeout": 5})
        self._subjects = 0

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

    def settled(self, lost_by_design: int = 0) -> dict[str, int]:
        """Wait until everything written was applied; counts of what was lost, doubled and out of order."""
        ends_at = time.monotonic() + CAUGHT_UP_WITHIN_S
        seen: list[int] = []
        while time.monotonic() < ends_at:
            self.keep()
            seen = self._seen()
            if len(seen) >= self._subjects:
                break
            time.sleep(0.2)
        expected = set(range(1, max([*seen, 0]) + 1)) - self._about_the_stream()
        return {
            "events": self._subjects, "applied": len(seen), "lost": self._subjects - len(set(seen)),
            "doubled": len(seen) - len(set(seen)), "gaps": len(expected - set(seen)),
            "out of order": sum(one >= other for one, other in pairwise(seen)),
        }  # fmt: skip

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


def told(name: str, counts: dict[str, int]) -> dict[str, int]:
    """Keep the counts for the end of the run."""
    COUNTS.append(f"{name}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    return counts


@pytest.fixture(autouse=True)
def _handed_over(request: pytest.FixtureRequest) -> Iterator[None]:
    """What this test told goes to the end of the run."""
    yield
    request.node.user_properties.extend((TOLD, line) for line in COUNTS)
    COUNTS.clear()
