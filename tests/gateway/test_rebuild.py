"""A new index beside the old one: readers never pause, nothing that happens meanwhile is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import projection
from gateway.index import latest
from gateway.query import Query
from gateway.search import Reader
from services.kernel.errors import Unavailable
from tests.gateway import world as w
from tests.gateway.test_projection import content
from tests.gateway.world import World, random_records, service, structure


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with w.world(tmp_path / "index") as made:
        yield made


def generations(world: World) -> list[str]:
    return sorted(path.name for path in world.path.glob("gen-*"))


def test_a_rebuilt_index_says_the_same_and_takes_the_place_of_the_old(world: World) -> None:
    world.publish(*random_records(60, seed=6))
    world.withdraw(*[*world.feed.live("service").values()][:5])
    before, was = content(world.reader), world.reader.status()
    seen: list[tuple[int, int]] = []
    rebuilt = world.projector.rebuild(lambda position, head: seen.append((position, head)))
    assert content(world.reader) == before
    assert rebuilt == len(before["feed"]) and seen[-1] == (world.feed.head, world.feed.head)
    assert world.reader.status().version != was.version
    assert generations(world) == ["gen-000002"]
    world.publish(structure("neuve"))
    assert world.reader.search(Query(kind="structure", q="neuve")).total == 1


def test_readers_answer_and_changes_arrive_all_through_a_rebuild(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "PAGE", 20)
    world.publish(structure(1), *(service(f"{number:03d}") for number in range(150)))
    answers: list[int] = []

    def meanwhile(position: int, head: int) -> None:
        number = len(answers)
        world.publish(service(f"pendant{number:03d}"))
        answers.append(world.reader.search(Query(size=1)).total)

    world.projector.rebuild(meanwhile)
    assert answers == [151 + number for number in range(len(answers))] and len(answers) >= 8
    assert world.reader.search(Query(size=1)).total == 150 + len(answers)
    assert content(world.reader) == content(Reader(world.path))


def test_an_old_reader_goes_on_with_the_old_index_until_it_looks(world: World) -> None:
    world.publish(structure(1), *(service(number) for number in range(20)))
    sleepy = Reader(world.path, check_every_s=3600.0)
    before = sleepy.search(Query(size=20))
    world.projector.rebuild()
    world.withdraw(service(3))
    during = sleepy.search(Query(size=20))
    assert (during.items, during.version) == (before.items, before.version)
    assert sleepy.refresh()
    assert sleepy.search(Query(size=20)).total == 19


def test_who_was_not_asked_for_a_while_answers_from_the_new_index_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish(structure(1), *(service(number) for number in range(20)))
    idle = Reader(world.path, check_every_s=0.0)
    assert idle.search(Query(size=20)).total == 20
    monkeypatch.setattr(latest, "OLD_S", 0.2)
    world.withdraw(service(3))  # and what it said is erased from every file
    world.projector.rebuild()
    time.sleep(0.3)
    assert idle.search(Query(size=20)).total == 19


def test_a_rebuild_that_fails_leaves_the_old_index_and_no_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "PAGE", 5)
    world.publish(structure(1), *(service(number) for number in range(20)))
    calls = iter(range(100))

    def failing(after: int, limit: int) -> dict[str, Any]:
        if next(calls) == 2:
            raise Unavailable("panne")
        return world.feed.fetch(after, limit)

    world.projector._fetch = failing
    with pytest.raises(Unavailable):
        world.projector.rebuild()
    assert world.reader.search(Query()).total == 20
    assert generations(world) == ["gen-000001"]
    world.projector._fetch = world.feed.fetch
    world.projector.rebuild()
    assert generations(world) == ["gen-000002"]


def test_services_that_come_before_their_structures_find_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "PAGE", 4)
    for number in range(12):
        world.feed.put(service(number, of=number % 3))
    for number in range(3):
        world.feed.put(structure(number))
    world.projector.rebuild()
    assert world.reader.search(Query(size=50)).total == 12


def test_a_cut_off_rebuild_is_swept_away_by_the_next_one(world: World) -> None:
    world.publish(structure(1))
    (world.path / "gen-000002").mkdir()
    (world.path / "gen-000002" / "half.store").write_bytes(b"half")
    world.projector.rebuild()
    assert generations(world) == ["gen-000003"]


def test_a_rebuild_while_the_projector_follows_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "PAGE", 25)
    world.publish(structure(1), *(service(f"{number:03d}") for number in range(100)))
    stop = threading.Event()
    follower = threading.Thread(target=world.projector.run, args=(stop,))
    follower.start()
    try:
        rebuilding = threading.Thread(target=world.projector.rebuild)
        rebuilding.start()
        for number in range(40):
            world.feed.put(service(f"n{number:03d}"))
            world.projector.wake()
        rebuilding.join(20)
        assert not rebuilding.is_alive()
    finally:
        stop.set()
        world.projector.wake()
        follower.join(5)
    world.projector.pull()
    assert world.reader.search(Query(size=1)).total == 140
