"""Structures that two homes say are one: one is found, with the sources and the services of both, in whatever order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.bulk.making import Public
from gateway.query import Query
from tests.gateway import world as w
from tests.gateway.corpus import OTHER_HOME
from tests.gateway.world import World, service, structure


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with w.world(tmp_path / "index") as made:
        yield made


KEPT, GONE = structure(1), structure(1, home=OTHER_HOME)
OF_KEPT, OF_GONE = service(1), service(2, home=OTHER_HOME)


def join(world: World) -> None:
    """What the directory's feed says of two that are one."""
    world.feed.put(KEPT, sources=[{"id": GONE["id"], "source": "dora", "source_id": "s1", "attribution": "ORPAN"}])
    world.feed.delete(GONE, KEPT, joined=KEPT["id"])


def seen(world: World) -> dict[str, Any]:
    """Services found, under which structure, and of which structures."""
    page = world.reader.search(Query(kind="service", size=100))
    under = {uuid: orjson.loads(item)["structure"]["nom"] for uuid, item in zip(page.uuids, page.items, strict=True)}
    return {"structures": world.reader.search(Query(kind="structure", size=100)).uuids, "services": set(under),
            "of kept": len(world.reader.services_of(KEPT["id"]))}  # fmt: skip


ONE = {"structures": [KEPT["id"]], "services": {OF_KEPT["id"], OF_GONE["id"]}, "of kept": 2}
TWO = {"structures": sorted((KEPT["id"], GONE["id"])), "services": ONE["services"], "of kept": 1}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_its_services_stand_under_the_one_that_is_shown_whatever_comes_first(world: World, order: list[int]) -> None:
    steps = [
        lambda: world.feed.put(OF_KEPT),
        lambda: world.feed.put(OF_GONE),
        lambda: join(world),
        world.projector.pull,
    ]
    for step in order:
        steps[step]()
    world.projector.pull()
    assert seen(world) == ONE
    found = world.reader.get("service", OF_GONE["id"])
    assert found is not None and orjson.loads(found.native)["structure"] == KEPT["id"]
    exported = [each["structure"] for each in Public(world.path) if each["kind"] == "service"]
    assert exported == [KEPT["id"]] * 2


def test_each_half_of_a_joining_may_come_on_a_page_of_its_own(world: World) -> None:
    world.publish(KEPT, GONE, OF_KEPT, OF_GONE)
    world.feed.delete(KEPT, GONE, joined=GONE["id"])
    world.feed.put(GONE, sources=[{"id": KEPT["id"], "source": "dora", "source_id": "s1"}])
    world.projector.pull()
    world.feed.delete(GONE, KEPT, joined=KEPT["id"])
    world.projector.pull()
    world.feed.put(KEPT, sources=[{"id": GONE["id"], "source": "dora", "source_id": "s1"}])
    world.projector.pull()
    assert seen(world) == ONE


def test_who_asks_for_the_other_comes_to_the_one_with_both_sources_and_back_once_they_are_two(world: World) -> None:
    world.publish(KEPT, GONE, OF_KEPT, OF_GONE)
    assert seen(world) | {"structures": sorted(seen(world)["structures"])} == TWO
    join(world)
    world.projector.pull()
    moved = world.reader.successor("structure", GONE["id"])
    assert moved is not None
    assert [each["id"] for each in orjson.loads(moved.native)["sources"]] == [GONE["id"]]
    assert "sources" not in orjson.loads(moved.event)["data"], "the event is as its home signed it"
    changed = structure(1, nom="Maison rouverte")
    world.feed.put(changed, sources=[{"id": GONE["id"], "source": "dora", "source_id": "s1"}])
    world.projector.pull()
    page = world.reader.search(Query(kind="service", size=100))
    assert {orjson.loads(item)["structure"]["nom"] for item in page.items} == {"Maison rouverte"}
    world.publish(KEPT, GONE)
    assert seen(world) | {"structures": sorted(seen(world)["structures"])} == TWO
    assert world.reader.successor("structure", GONE["id"]) is None


def test_a_tombstone_that_its_home_leads_to_another_takes_no_service_along(world: World) -> None:
    world.publish(KEPT, GONE, OF_KEPT, OF_GONE)
    world.merge(GONE, KEPT)
    assert seen(world)["services"] == {OF_KEPT["id"]}
