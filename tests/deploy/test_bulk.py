"""Bulk files of a real node: when they are made, by whom, and what a kill in the middle leaves."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.bulk import Keeper
from deploy.processes import free_ports
from gateway.bulk.shelf import Shelf
from gateway.index.folder import Folder
from gateway.projection import Projector
from services.kernel.settings import Bulk, erased_mark
from tests.deploy.test_cli import BIN, SAMPLE, Node, get, node
from tests.gateway.corpus import Corpus, Feed
from tests.gateway.world import structure

__all__ = ["node"]
ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).astimezone()


def soon(question: Callable[[], Any], within_s: float = 40.0) -> Any:
    """What `question` answers once it answers something."""
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        answer = question()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"nothing within {within_s} s")


def manifest(port: int) -> Any:
    try:
        return get(port, "/data/manifest.json")
    except OSError:  # not made yet, or the node is starting
        return None


def publish(node: Node) -> None:
    node.run("source", "set", str(node.folder), "exemples-radar", "--policy", "publish")
    node.run("user", "add", str(node.folder), "marie@example.org", "--role", "permanent")
    node.json("publish", "--source", "exemples-radar", "--as", "marie@example.org")


def test_a_running_node_serves_files_that_change_after_a_publish_and_not_otherwise(node: Node) -> None:
    with (node.folder / "maillage.toml").open("a") as settings:
        settings.write("\n[bulk]\npause_min = 0\n")
    node.json("import", str(SAMPLE))
    [port] = free_ports(1)
    process = subprocess.Popen([BIN, "up", str(node.folder), "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        empty = soon(lambda: manifest(port))
        assert (empty["structures"], empty["services"]) == (0, 0)
        publish(node)
        full = soon(lambda: (found := manifest(port)) and found["services"] > 60 and found)
        settled_s = time.monotonic() + 8
        while time.monotonic() < settled_s:
            assert manifest(port)["files"] == full["files"]
            time.sleep(0.5)
        assert node.json("bulk")["files"] == full["files"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert [each["ok"] for each in node.json("doctor") if each["check"] == "fichiers de données"] == [True]


def test_the_command_makes_them_on_a_node_that_does_not_run(node: Node) -> None:
    node.json("import", str(SAMPLE))
    publish(node)
    made = node.json("bulk")
    assert (made["structures"], made["services"]) == (31, 67)
    assert "annuaire.xlsx" in node.run("bulk", str(node.folder))


def test_killed_in_the_middle_the_old_files_stay_whole(node: Node) -> None:
    feed = Feed()
    for record in Corpus(3_000).records():
        feed.put(record)
    projector = Projector(node.folder / "index", feed.fetch)
    projector.pull()
    command = [sys.executable, "-m", "deploy.bulk", str(node.folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    first = whole(node)
    feed.put(structure("neuve"))
    projector.pull()
    projector.close()
    process = subprocess.Popen(command, cwd=ROOT)
    soon((node.folder / "bulk" / "set-000002" / "services.csv").exists)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert whole(node) == first
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    assert whole(node)["structures"] == first["structures"] + 1
    assert [path.name for path in (node.folder / "bulk").glob("set-*/.*")] == []


def whole(node: Node) -> dict[str, Any]:
    """The current manifest, all of whose files are as it says."""
    current = Shelf.of(node.folder).current()
    assert current is not None
    told: dict[str, Any] = json.loads((current / "manifest.json").read_bytes())
    for each in told["files"]:
        assert hashlib.sha256((current / each["name"]).read_bytes()).hexdigest() == each["sha256"]
    return told


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """The shelf of a folder whose read model never changes."""
    projector = Projector(tmp_path / "index", Feed().fetch)
    projector.pull()
    projector.close()
    (tmp_path / "bulk").mkdir()
    return Shelf.of(tmp_path)


def keeper(shelf: Shelf, **asked: Any) -> Keeper:
    return Keeper(shelf.root.parent, Bulk(**asked), began_at=NOON - timedelta(days=3))


def seen(shelf: Shelf) -> str:
    from gateway.bulk.making import seen_of

    return seen_of(shelf.root.parent / "index")


def test_the_first_files_are_made_a_minute_after_the_start(shelf: Shelf) -> None:
    fresh = Keeper(shelf.root.parent, Bulk(), began_at=NOON)
    assert [fresh.due(NOON + timedelta(seconds=after)) for after in (30, 90)] == [False, True]


def test_after_a_change_they_are_made_when_the_pause_is_over(shelf: Shelf) -> None:
    shelf.checked("another read model", NOON)
    told = [keeper(shelf, pause_min=15).due(NOON + timedelta(minutes=after)) for after in (1, 14, 15)]
    assert told == [False, False, True]


def test_without_a_change_they_are_looked_at_once_a_night(shelf: Shelf) -> None:
    shelf.checked(seen(shelf), NOON)
    three = NOON.replace(hour=3) + timedelta(days=1)
    asked = keeper(shelf, hour=3)
    assert [asked.due(at) for at in (NOON + timedelta(hours=2), three - timedelta(minutes=1), three)] == [
        False, False, True
    ]  # fmt: skip
    shelf.checked(seen(shelf), three)
    assert not asked.due(three + timedelta(hours=20))


def test_what_was_made_before_an_erasure_goes_at_once_and_is_made_anew_from_a_new_read_model(shelf: Shelf) -> None:
    made = shelf.begin()
    shelf.finish(made, {"made_at": "2026-11-24T11:00:00Z"})
    shelf.checked(seen(shelf), NOON)
    asked = keeper(shelf)
    assert not asked.look(NOON + timedelta(minutes=2))
    mark = erased_mark(shelf.root.parent)
    mark.parent.mkdir()
    mark.touch()
    assert not asked.look(NOON + timedelta(minutes=3))  # the read model may still hold it
    assert not made.exists()
    fresh = Folder(shelf.root.parent / "index").current()
    assert fresh is not None
    (fresh / "born").touch()
    assert asked.due(NOON + timedelta(minutes=4))


def test_a_making_that_fails_is_not_tried_again_at_once(shelf: Shelf) -> None:
    shelf.checked("another read model", NOON)
    (shelf.root.parent / "maillage.toml").write_text("[node]\nid = 'essai'\n", "utf-8")  # the process will refuse it
    asked = keeper(shelf, pause_min=15)
    later = NOON + timedelta(minutes=20)
    assert asked.look(later)
    assert asked._making is not None
    asked._making.wait(30)
    assert not asked.look(later + timedelta(minutes=14))
    assert asked.due(later + timedelta(minutes=15))


def test_doctor_tells_files_that_nobody_made_for_two_days(node: Node) -> None:
    node.json("import", str(SAMPLE))
    node.json("bulk")
    Shelf.of(node.folder).checked("", datetime.now(UTC) - timedelta(days=2, hours=1))
    [finding] = [each for each in node.json("doctor", code=1) if each["check"] == "fichiers de données"]
    assert (finding["ok"], "maillage bulk" in finding["remedy"]) == (False, True)
    with (node.folder / "maillage.toml").open("a") as settings:
        settings.write("\n[bulk]\nenabled = false\n")
    assert "fichiers de données" not in [each["check"] for each in node.json("doctor")]
