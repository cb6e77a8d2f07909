"""The feed as the read model gives it: in order, each record once at its latest, tombstones kept, resumable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway import world as w
from tests.gateway.corpus import Feed
from tests.gateway.world import World, random_records, service, structure


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with w.world(tmp_path / "index") as made:
        yield made


def walk(world: World, limit: int, after: int = 0) -> list[dict[str, Any]]:
    """All items after a position, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = world.reader.changes(after, limit)
        found += map(orjson.loads, page.items)
        if not page.items:
            assert page.next_after == after
            return found
        assert page.next_after == found[-1]["position"] > after
        after = page.next_after


def test_each_record_is_there_once_at_its_latest_position_with_its_event(world: World) -> None:
    one, two = service(1), service(2)
    world.publish(structure(1), one, two)
    changed = {**one, "version": 2}
    world.publish(changed)
    world.withdraw(two)
    items = walk(world, 10)
    assert [(item["position"], item["op"], item["kind"]) for item in items] == [
        (1, "put", "structure"),
        (4, "put", "service"),
        (5, "delete", "service"),
    ]
    assert items[1]["event"]["data"] == changed and items[1]["event"]["signature"]
    assert items[2]["id"] == two["id"] and items[2]["event"]["data"]["status"] == "withdrawn"
    assert world.reader.changes(5).head == 5


def test_a_reader_that_resumes_sees_what_came_since_and_nothing_else(world: World) -> None:
    records = random_records(30, seed=9)
    world.publish(*records)
    seen = walk(world, 7)
    assert len(seen) == len({item["id"] for item in seen}) == len({record["id"] for record in records})
    world.publish(records[3], records[12])
    world.withdraw(records[20])
    since = walk(world, 2, after=seen[-1]["position"])
    assert [(item["id"], item["op"]) for item in since] == [
        (records[3]["id"], "put"),
        (records[12]["id"], "put"),
        (records[20]["id"], "delete"),
    ]


def test_a_service_that_waits_for_its_structure_is_in_the_feed_all_the_same(world: World) -> None:
    world.publish(service(1, of="missing"))
    assert [item["kind"] for item in walk(world, 5)] == ["service"]
    waiting = world.reader.get("service", "dora--v1")
    assert waiting is not None and waiting.item is None and not waiting.withdrawn


@settings(max_examples=12, deadline=None)
@given(order=st.lists(st.integers(0, 11), min_size=1, max_size=60), limit=st.integers(1, 9))
def test_however_records_change_pages_of_any_size_are_the_compacted_feed(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], limit: int
) -> None:
    records = [structure(number) for number in range(4)] + [service(number, of=number % 4) for number in range(8)]
    with w.world(tmp_path_factory.mktemp("index")) as world:
        for place, number in enumerate(order):
            (world.feed.delete if place % 5 == 4 else world.feed.put)(records[number])
        world.projector.pull()
        assert walk(world, limit) == world.feed.fetch(0, 1000)["items"]


def test_wide_gaps_between_positions_are_crossed(world: World) -> None:
    feed = Feed()
    feed.put(structure(1))
    feed.head = 5_000_000
    feed.put(service(1))
    world.projector._fetch = feed.fetch
    world.projector.pull()
    assert [item["position"] for item in walk(world, 1)] == [1, 5_000_001]
