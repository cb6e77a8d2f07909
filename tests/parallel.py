"""Two tests at a time (`make test LANES=2`): who runs beside whom, and who runs alone.

A file stays in one process, for the sake of its fixtures; one folder does, for the sake of its servers. What would
start a second Chromium, or a second server to be killed, stays in one process too. A test that measures time is marked
`alone`: it waits until the other process is between two tests, and holds it there. In one process (`pytest` by itself)
nothing of this has any effect but the order.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
TESTS = Path(__file__).parent
KILLABLE = {"broker_to_kill", "postgres_to_kill"}
FIRST = ("faults", "browser", "deploy", "flows", "conformance", "kernel")
"""The folders whose files take longest: begun early, they do not end alone."""
TOGETHER = TESTS / "federation" / "lane"
"""Two nodes with a process for each room and two brokers serve all that folder: two lanes would start them twice."""
GATE, PLACE = Path(__file__), TESTS / "conftest.py"
"""Files to lock, whatever is in them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together, and put the longest first and, where they can be moved, the `alone` last."""
    killing = {item.path for item in items if KILLABLE & set(getattr(item, "fixturenames", ()))}
    for item in items:
        group = _group(item, killing)
        item.add_marker(pytest.mark.xdist_group(group))
        if WORKER:  # pytest-xdist 3.8 writes it to where pytest 9.2 does not look: no test stayed with any other
            item._id = type(item._id).parse(f"{item.nodeid}@{group}")
    items.sort(key=_turn)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run a test beside another one, or alone; the wait is no part of its time."""
    if not WORKER:
        return (yield)
    with place(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def place(alone: bool, files: tuple[Path, Path] = (GATE, PLACE)) -> Iterator[None]:
    """A lock that many may hold, or one alone. Who waits to be alone holds the gate: nobody enters before them."""
    with files[0].open() as gate, files[1].open() as room:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield


def _group(item: pytest.Item, killing: set[Path]) -> str:
    if item.path in killing:
        return "killing"
    if _is_moved(item):
        return "alone"
    if item.path.is_relative_to(TOGETHER):
        return TOGETHER.name
    known = item.path.read_text("utf-8") if item.path.suffix == ".py" else ""
    return "browser" if _folder(item) == "browser" or "playwright" in known else str(item.path.relative_to(TESTS))


def _turn(item: pytest.Item) -> int:
    if _is_moved(item):
        return len(FIRST) + 1
    folder = _folder(item)
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


def _is_moved(item: pytest.Item) -> bool:
    """Whether it measures time and may do so at the end; what its file made for several tests is not made twice."""
    known = getattr(item, "_fixtureinfo", None)
    made = [each for found in (known.name2fixturedefs.values() if known else ()) for each in found]
    return item.get_closest_marker("alone") is not None and all(each.scope != "module" for each in made)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]
