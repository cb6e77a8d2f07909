"""The way between two nodes breaks, a node dies while another imports: both end with the same, nothing is lost."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.wire import Wire
from tests.running import RunningNode, running_node

EQUAL_WITHIN_S = 120


@dataclass
class Two:
    """A home and who follows it, by a wire."""

    home: RunningNode
    other: RunningNode
    wire: Wire

    def publish(self, count: int, first: int = 0, name: str = "Association") -> None:
        """Import public structures, some hundred at a time, and finish."""
        call = self.home.ask
        opened = call("directory", "import_begin", source="liste", name="m", policy="publish")
        for start in range(first, first + count, 100):
            rows = [_structure(number, name) for number in range(start, min(start + 100, first + count))]
            call("directory", "import_rows", **{"import": opened["import"], "rows": rows})
        call("directory", "import_finish", **{"import": opened["import"]})

    def settled(self, what: str) -> dict[str, Any]:
        """Wait until both are equal at a checkpoint of the home; what was counted, printed for who reads."""
        self.home.ask("directory", "prune", days=10_000)
        began = time.monotonic()
        head = _head(self.home)
        while not _is_equal(stream := _stream(self.other), head):
            assert time.monotonic() - began < EQUAL_WITHIN_S, stream
            time.sleep(0.1)
        seconds = round(time.monotonic() - began, 1)
        here, there = _public(self.home), _public(self.other)
        while here != there and time.monotonic() - began < EQUAL_WITHIN_S:
            time.sleep(0.1)
            there = _public(self.other)
        counted = {"lost": len(here.keys() - there.keys()), "other": len(there.keys() - here.keys()),
                   "older": sum(there.get(each) != version for each, version in here.items())}  # fmt: skip
        print(
            f"\n{what}: {len(here)} records, {counted}, equal {seconds} s after the end, blamed: {stream['trouble']!r}"
        )
        return counted


SAME = {"lost": 0, "other": 0, "older": 0}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """A home behind a wire, and a node that follows it."""
    with contextlib.ExitStack() as opened:
        home = opened.enter_context(running_node(tmp_path / "home", MAILLAGE_NODE_ID="orpan"))
        wire = opened.enter_context(Wire(int(home.url.rpartition(":")[2])))
        home.stop()
        home.environment["MAILLAGE_NODE_URL"] = f"http://127.0.0.1:{wire.port}"
        home.start()
        other = opened.enter_context(running_node(tmp_path / "other", MAILLAGE_NODE_ID="radar"))
        home.ask("directory", "source_set", name="liste", policy="publish")
        other.ask("federation", "peer_add", card=home.ask("federation", "card")["card"])
        yield Two(home, other, wire)


def test_the_link_is_cut_while_the_home_imports(two: Two, events_per_run: int) -> None:
    half = events_per_run // 2
    two.publish(half)
    two.wire.cut()
    two.publish(half, first=half)
    two.publish(half // 2, name="Après la coupure")
    time.sleep(2)
    two.wire.mend()
    assert two.settled("link cut") == SAME


def test_a_link_of_half_a_second_that_breaks_one_time_in_twenty(two: Two, events_per_run: int) -> None:
    two.wire.delay_s, two.wire.loss = 0.5, 0.05
    two.publish(events_per_run)
    time.sleep(5)
    two.wire.delay_s = 0.05
    assert two.settled(f"500 ms and loss, {two.wire.broken} breaks") == SAME


def test_who_follows_is_killed_again_and_again_while_the_home_imports(two: Two, events_per_run: int) -> None:
    for part in range(4):
        two.publish(events_per_run // 4, first=part * events_per_run // 4)
        two.other.stop(signal.SIGKILL)
        if part % 2:
            two.publish(events_per_run // 8, name=f"Partie {part}")
        two.other.start()
    assert two.settled("follower killed 4 times") == SAME


def test_the_home_is_killed_while_it_is_read(two: Two, events_per_run: int) -> None:
    two.publish(events_per_run)
    for _ in range(3):
        two.home.stop(signal.SIGKILL)
        two.home.start()
        two.publish(events_per_run // 4, name="Encore")
    assert two.settled("home killed 3 times") == SAME


def _structure(number: int, name: str) -> dict[str, Any]:
    fields = {"nom": f"{name} {number}", "date_maj": "2026-01-31", "commune": "Blain", "code_insee": "44015"}
    return {"kind": "structure", "source": "liste", "source_id": f"s{number}", "fields": fields}


def _head(node: RunningNode) -> tuple[int, int]:
    heads = node.ask("directory", "heads")["heads"]
    [shared] = [each for each in heads if each["stream"].endswith("/shared")]
    return shared["epoch"], shared["seq"]


def _stream(node: RunningNode) -> dict[str, Any]:
    [peer] = node.ask("federation", "peers")["peers"]
    found: dict[str, Any] = peer["streams"][0] if peer["streams"] else {"held": 0, "equal": None, "trouble": ""}
    return found


def _is_equal(stream: dict[str, Any], head: tuple[int, int]) -> bool:
    return bool(stream["held"] >= head[1] and stream["equal"])


def _public(node: RunningNode) -> dict[str, int]:
    """Every public record of a node's feed, by version."""
    found: dict[str, int] = {}
    after = 0
    while True:
        page = node.ask("directory", "changes", after=after, limit=500)
        for item in page["items"]:
            assert item["id"] not in found, "a record stands in the feed once"
            if item["op"] == "put":
                found[item["id"]] = item["event"]["recordversion"]
        if not page["items"]:
            return found
        after = page["items"][-1]["position"]
