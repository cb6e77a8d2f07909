"""A node is away, for a moment or for longer than the log is kept; or is killed, again and again."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

from tests.faults.conftest import Three
from tests.faults.report import IS_SOAK
from tests.faults.sites import Site, Watch

TEST = "tests/faults/test_absence.py"
ABSENT_EVENTS = int(os.environ.get("MAILLAGE_ABSENT_EVENTS", 100_000)) if IS_SOAK else 800
CHANGED_RECORDS = 500 if IS_SOAK else 100
KEPT_LOG_EVENTS = 20_000 if IS_SOAK else 200


def taken(site: Site, home: Site, column: str) -> int:
    """What a node's own file says of how it took a stream."""
    with sqlite3.connect(f"file:{site.node.folder}/data/federation.sqlite3?mode=ro", uri=True) as file:
        [found] = file.execute(f"SELECT {column} FROM taken WHERE node = ?", (home.name,)).fetchone()
    return int(found)


def test_a_node_killed_before_another_imports_and_back_afterwards(three: Three, events_per_run: int) -> None:
    home, other = three.orpan, three.rural
    with Watch(other, [home]) as watch:
        other.node.stop(signal.SIGKILL)
        home.publish(events_per_run, source="whole")
        other.node.start()
        result = watch.settled(5, "kill -9 for the whole import of another", TEST)
    assert (result.lost, result.doubled) == (0, 0)


def test_who_follows_and_who_is_followed_are_killed_again_and_again(three: Three, events_per_run: int) -> None:
    home, other = three.orpan, three.rural
    times = 4 if IS_SOAK else 2
    with Watch(other, [home]) as watch:
        for part in range(times):
            home.publish(events_per_run // times, first=part * events_per_run // times, source="again")
            for each in (other, home)[: 1 + part % 2]:
                each.node.stop(signal.SIGKILL)
                each.node.start()
        result = watch.settled(5, f"kill -9 {times} times while it reads, its home {times // 2} times", TEST)
    assert (result.lost, result.doubled) == (0, 0)


def test_a_node_back_after_the_log_is_gone_reads_what_each_record_says_now(three: Three, events_per_run: int) -> None:
    home, other = three.orpan, three.radar
    with Watch(other, [home]) as watch:
        home.publish(20, source="pruned")
        held = equal_at(other, home)
        other.node.stop(signal.SIGKILL)
        for turn in range(3):
            home.publish(events_per_run // 4, name=f"Tour {turn}", source="pruned")
        home.forget_the_log()
        other.node.start()
        result = watch.settled(6, "back after the log is gone: the last event of each record", TEST)
    assert (result.lost, result.doubled) == (0, 0)
    assert taken(other, home, "base_seq") > held, "it could not read the log"
    assert result.events > len(watch.seen), "and did not read what is no more"


def equal_at(site: Site, home: Site) -> int:
    """How far a node holds a stream once it holds it all."""
    while site.stream(home)["held"] < home.head()[1]:
        time.sleep(0.1)
    return int(site.stream(home)["held"])


class Probe(threading.Thread):
    """Somebody who reads at a node all the time: how long each answer took, in ms."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self._site, self._ended = site, threading.Event()
        self.took_ms: list[float] = []

    def run(self) -> None:
        while not self._ended.wait(0.02):
            began = time.perf_counter()
            self._site.ask("directory", "changes", after=0, limit=1)
            self.took_ms.append((time.perf_counter() - began) * 1000)

    def p95_ms(self) -> float:
        """End it; what nineteen answers of twenty took at most."""
        self._ended.set()
        self.join()
        return sorted(self.took_ms)[int(len(self.took_ms) * 0.95)]


def size(folder: Path) -> int:
    """Bytes of a node's databases."""
    return sum(file.stat().st_size for file in (folder / "data").iterdir())


def churn(home: Site, events: int) -> tuple[float, list[int]]:
    """Change the same records over and over, the log kept short; p95 of reads beside it, and the sizes on disk."""
    probe = Probe(home)
    probe.start()
    sizes = []
    since = home.head()[1]
    begun = kept = since
    while home.head()[1] - since < events:
        home.publish(CHANGED_RECORDS, name=f"Vers {home.head()[1]}", source="churn")
        if home.head()[1] - kept > KEPT_LOG_EVENTS:
            home.forget_the_log()
            kept = home.head()[1]
            sizes.append(size(home.node.folder))
    assert home.head()[1] > begun
    return probe.p95_ms(), sizes


def test_a_peer_absent_through_many_events_costs_the_others_nothing(three: Three) -> None:
    home, other = three.orpan, three.rural
    with Watch(other, [home]) as watch:
        present_ms, _ = churn(home, ABSENT_EVENTS // 4)
        other.node.stop(signal.SIGKILL)
        absent_ms, sizes = churn(home, ABSENT_EVENTS)
        other.node.start()
        told = f"absent for {ABSENT_EVENTS:,} events: reads p95 {present_ms:.1f} ms, {absent_ms:.1f} ms while absent, "
        told += f"disk {sizes[0] / 1e6:.1f} to {sizes[-1] / 1e6:.1f} MB"
        result = watch.settled(19, told, TEST)
    assert (result.lost, result.doubled) == (0, 0)
    assert sizes[-1] < sizes[0] * 1.5 + 4e6, "the log does not wait for who is absent"
    assert absent_ms < present_ms * 3 + 100
