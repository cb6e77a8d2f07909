"""The projector: whatever happens to it, the read model is the feed, once; and it is quick."""

from __future__ import annotations

import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway import projection, schema
from gateway.projection import Projector
from gateway.query import Query
from gateway.search import Reader
from services.kernel import clock
from services.kernel.errors import Conflict, Unavailable
from services.kernel.giving import FEW, answering
from tests.gateway import world as w
from tests.gateway.corpus import Feed
from tests.gateway.follower import fetch_from
from tests.gateway.world import World, random_records, service, structure


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with w.world(tmp_path / "index") as made:
        yield made


def content(reader: Reader) -> dict[str, Any]:
    """All that can be read: each record's JSON by UUID, and the whole feed."""
    reader.refresh()
    found: dict[str, Any] = {}
    for kind in ("structure", "service"):
        page = reader.search(Query(kind=kind, size=10_000))  # type: ignore[arg-type]
        assert len(page.uuids) == len(set(page.uuids)) == page.total
        found |= {uuid: orjson.loads(item) for uuid, item in zip(page.uuids, page.items, strict=True)}
    found["feed"] = [orjson.loads(item) for item in reader.changes(0, 10_000).items]
    return found


def test_what_is_projected_twice_is_there_once(world: World) -> None:
    records = random_records(30, seed=1)
    world.publish(*records)
    before = content(world.reader)
    world.projector.close()
    again = Projector(world.path, lambda after, limit: {**world.feed.fetch(0, limit), "head": world.feed.head})
    again.pull()
    assert content(world.reader) == before
    again.close()


def test_nothing_new_commits_nothing_but_says_that_the_directory_answered(world: World) -> None:
    world.publish(structure(1))
    status = world.reader.status()
    assert status.as_of is not None and clock.now() - status.as_of < timedelta(seconds=5)
    assert world.projector.pull() == 0
    assert world.reader.status().version == status.version


def test_a_second_projector_on_the_same_folder_is_refused_with_the_holder(world: World) -> None:
    with pytest.raises(Conflict, match="processus"):
        Projector(world.path, world.feed.fetch)
    world.projector.close()
    Projector(world.path, world.feed.fetch).close()


def test_what_the_readers_hold_after_many_small_commits_is_what_a_fresh_reader_holds(world: World) -> None:
    rnd = random.Random(5)
    records = random_records(60, seed=2)
    for _ in range(12):
        world.publish(*rnd.sample(records, 5))
        world.withdraw(*rnd.sample([*world.feed.live("service").values(), records[0]], 1))
        world.reader.search(Query(q="permis jardin"))
    fresh = Reader(world.path)
    assert content(world.reader) == content(fresh)
    for query in (
        Query(q="permis jardin", size=100),
        Query(place_commune=w.NANTES, size=100),
        Query(sort="name", size=100),
    ):
        lived, opened = world.reader.search(query), fresh.search(query)
        assert (lived.uuids, lived.total, lived.distances_km) == (opened.uuids, opened.total, opened.distances_km)


def test_reading_goes_on_when_the_feed_does_not_answer(world: World) -> None:
    world.publish(structure(1), service(1))

    def away(after: int, limit: int) -> dict[str, Any]:
        raise Unavailable("panne")

    world.projector._fetch = away
    with pytest.raises(Unavailable):
        world.projector.pull()
    assert world.reader.search(Query()).total == 1
    world.projector._fetch = world.feed.fetch
    world.publish(service(2))
    assert world.reader.search(Query()).total == 2


def test_a_batch_that_fails_leaves_nothing_half_done_and_is_taken_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish(structure(1))
    real = projection.GenerationWriter.commit

    def full(self: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(projection.GenerationWriter, "commit", full)
    with pytest.raises(OSError, match="No space"):
        world.publish(service(1))
    assert world.reader.search(Query()).total == 0
    monkeypatch.setattr(projection.GenerationWriter, "commit", real)
    assert world.projector.pull() == 1
    assert world.reader.search(Query()).total == 1


def test_while_somebody_asks_the_feed_is_taken_in_pieces_and_committed_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, commits = list[int](), list[int]()
    fetch, commit = world.feed.fetch, projection.GenerationWriter.commit

    def counted_fetch(after: int, limit: int) -> dict[str, Any]:
        limits.append(limit)
        return fetch(after, limit)

    def counted_commit(self: Any) -> None:
        commits.append(len(limits))
        commit(self)

    world.projector._fetch = counted_fetch
    monkeypatch.setattr(projection.GenerationWriter, "commit", counted_commit)
    with answering():
        world.publish(*(structure(number) for number in range(250)))
    assert (limits, commits) == ([FEW, FEW, FEW], [3])
    assert world.reader.search(Query(kind="structure")).total == 250


def test_a_feed_that_went_back_is_projected_anew(world: World) -> None:
    world.publish(*random_records(9, seed=1))
    restored = Feed()
    restored.put(structure(1))
    restored.put(service(1))
    world.projector._fetch = restored.fetch
    world.projector.pull()
    assert world.reader.search(Query()).ids == ["dora--v1"]
    assert world.reader.status().position == 2


def test_an_index_of_another_format_is_not_read_and_begins_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(structure(1), service(1))
    world.projector.close()
    monkeypatch.setattr("gateway.schema.FORMAT", schema.FORMAT + 1)
    with pytest.raises(Unavailable, match="rebuild"):
        Reader(world.path).search(Query())
    newer = Projector(world.path, world.feed.fetch)
    assert newer.pull() == 2
    assert Reader(world.path).search(Query()).total == 1
    newer.close()


def test_following_commits_the_first_change_at_once_and_groups_a_burst(world: World) -> None:
    stop = threading.Event()
    world.projector._poll_s = 30.0
    follower = threading.Thread(target=world.projector.run, args=(stop,))
    follower.start()
    try:
        world.feed.put(structure(1))
        world.projector.wake()
        wait_for(lambda: world.reader.status().position == 1)
        fetched, position = world.feed.fetched, world.reader.status().position
        for number in range(200):
            world.feed.put(service(number))
            world.projector.wake()
            time.sleep(0.001)
        wait_for(lambda: world.reader.status().position == 201)
        assert position == 1
        assert world.feed.fetched - fetched < 60, "a burst of 200 changes took more than 60 commits"
    finally:
        stop.set()
        world.projector.wake()
        follower.join(5)
    assert not follower.is_alive()


@pytest.mark.alone
def test_from_the_feed_to_a_search_takes_less_than_the_promised_share(world: World) -> None:
    world.publish(structure(1), *(service(number) for number in range(200)))
    stop = threading.Event()
    world.projector._poll_s = 30.0
    follower = threading.Thread(target=world.projector.run, args=(stop,))
    follower.start()
    reader = Reader(world.path)
    taken_ms = []
    try:
        for number in range(15):
            time.sleep(0.08)
            began = time.perf_counter()
            world.feed.put(service(f"neuf{number}"))
            world.projector.wake()
            wait_for(lambda number=number: reader.search(Query(size=1)).total == 201 + number, every_s=0.001)  # type: ignore[misc]
            taken_ms.append((time.perf_counter() - began) * 1000)
    finally:
        stop.set()
        world.projector.wake()
        follower.join(5)
    # 20 ms on a quiet machine (benchmarks/search_core.py); here only that nothing waits for a poll.
    assert statistics.median(taken_ms) < 400, sorted(taken_ms)


def test_killed_at_any_point_it_goes_on_without_loss_or_double(tmp_path: Path) -> None:
    rnd = random.Random(11)
    feed_file, index = tmp_path / "feed.jsonl", tmp_path / "index"
    feed, records = Feed(), random_records(120, seed=4)
    feed_file.touch()
    for round_ in range(6):
        with feed_file.open("ab") as lines:
            for record in rnd.sample(records, 60):
                (feed.delete if rnd.random() < 0.15 else feed.put)(record)
                lines.write(orjson.dumps(feed._items[record["id"]]) + b"\n")
        follower = subprocess.Popen(
            [sys.executable, "-m", "tests.gateway.follower", str(index), str(feed_file), "7"],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
        )
        assert follower.stdout and follower.stdout.readline() == b"following\n"
        time.sleep(0.02 + 0.03 * round_)
        follower.send_signal(signal.SIGKILL)
        follower.wait()
        follower.stdout.close()
    last = Projector(index, fetch_from(feed_file))
    last.pull()
    last.close()
    with w.world(tmp_path / "expected") as expected:
        expected.feed = feed
        expected.projector._fetch = feed.fetch
        expected.projector.pull()
        assert content(Reader(index)) == content(expected.reader)


def test_a_full_disk_is_said_reads_go_on_and_all_is_taken_when_there_is_room(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.gateway.starved", str(tmp_path / "index")],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout.splitlines() == ["refused 30", "refused 30", "whole True True"]


def wait_for(done: Callable[[], bool], *, every_s: float = 0.005, at_most_s: float = 10.0) -> None:
    """Until something is so."""
    end = time.monotonic() + at_most_s
    while not done():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(every_s)
