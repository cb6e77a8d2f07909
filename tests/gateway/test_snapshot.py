"""The readers' arrays as a file: the same answers as without, however old the file is; and arrays that stay small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gateway import projection
from gateway.index import sets, snapshot, snapshots
from gateway.index.items import KEPT_BYTES
from gateway.index.sets import SetColumn, written
from gateway.index.view import View
from gateway.query import Query
from gateway.search import Reader
from tests.gateway import world as w
from tests.gateway.test_projection import content, wait_for
from tests.gateway.world import World, random_records, service, structure


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with w.world(tmp_path / "index") as made:
        yield made


def save(path: Path) -> int:
    view = View(path)
    snapshot.save(path, view.position.stamp, {kind: records.state() for kind, records in view.records.items()})
    return view.position.stamp


def answers(reader: Reader) -> list[tuple[list[str], list[int | None], int]]:
    queries = [
        Query(size=500),
        Query(size=500, sort="name"),
        Query(size=500, sort="updated", kind="structure"),
        Query(size=500, place_commune=w.NANTES),
        Query(size=500, q="jardin permis", place_commune=w.NANTES),
        Query(size=500, thematiques=("mobilite",), publics=("jeunes",)),
    ]
    pages = [reader.search(query) for query in queries]
    return [(page.uuids, page.distances_km, page.total) for page in pages]


def test_a_reader_that_begins_with_an_old_snapshot_says_what_one_without_says(world: World) -> None:
    records = random_records(90, seed=12)
    world.publish(*records)
    path = world.reader.status().generation
    stamp = save(world.path / path)
    world.publish(*random_records(90, seed=13)[40:70], structure("nouvelle"), service("nouveau", of="nouvelle"))
    world.withdraw(*records[-9:])
    resumed = Reader(world.path)
    assert snapshot.load(world.path / path) is not None
    assert answers(resumed) == answers(world.reader)
    assert content(resumed) == content(world.reader)
    (world.path / path / snapshot.FILE).unlink()
    assert answers(Reader(world.path)) == answers(resumed)
    assert resumed.status().version != stamp


def test_a_rebuild_of_many_records_leaves_a_snapshot_made_in_another_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish(*random_records(30, seed=1))
    before = answers(world.reader)
    monkeypatch.setattr(projection, "FROM_ROWS", 20)
    world.projector.rebuild()
    assert world.reader.refresh()
    assert snapshot.load(world.path / world.reader.status().generation) is not None
    assert answers(world.reader) == before


def test_a_snapshot_is_made_anew_when_a_quarter_was_written_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "FROM_ROWS", 20)
    world.publish(*random_records(45, seed=1))
    path = world.path / world.reader.status().generation
    wait_for(lambda: snapshot.load(path) is not None)
    found = snapshot.load(path)
    assert found is not None and found[0] == 61
    world.publish(structure(1))
    assert world.projector._snapshots._stamp_of == {path: 61}


def test_a_snapshot_of_another_format_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(structure(1), service(1))
    path = world.path / world.reader.status().generation
    monkeypatch.setattr("gateway.schema.FORMAT", 7)
    snapshot.save(path, 99, {})
    monkeypatch.undo()
    assert snapshot.load(path) is None
    assert Reader(world.path).search(Query()).total == 1


def test_sets_that_no_row_has_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "FORGETFUL_FROM", 8)
    column = SetColumn()
    column.resize(3)
    rows = np.arange(3)
    for round_ in range(40):
        column.put(rows, [written(["commun", f"seul{round_}-{row}"]) for row in range(3)])
    assert len(column.values) > 100
    column.forget_unused(rows)
    assert len(column.values) == 4 and column.times_forgotten == 1
    assert column.counts(rows) == {"commun": 3, "seul39-0": 1, "seul39-1": 1, "seul39-2": 1}
    assert column.with_any(["seul39-1"])[column.codes].tolist()[:3] == [False, True, False]
    column.put(rows[:1], [""])
    assert column.with_any(["commun"], or_empty=True)[column.codes[:3]].all()


def test_a_filter_asked_before_a_set_was_seen_knows_it_afterwards() -> None:
    column, rows = SetColumn(), np.arange(2)
    column.resize(2)
    column.put(rows, [written(["a"]), ""])
    assert column.with_any(["a"])[column.codes[:2]].tolist() == [True, False]
    column.put(rows[1:], [written(["b", "a"])])
    assert column.with_any(["a"])[column.codes[:2]].tolist() == [True, True]


def test_items_kept_in_memory_stay_within_their_share(world: World) -> None:
    long = "x" * 9_000
    world.publish(structure(1), *(service(number, description=long) for number in range(1000)))
    for page in range(1, 41):
        world.reader.search(Query(size=25, page=page))
    view = world.reader._latest.view()
    assert 0 < view.items.nbytes <= KEPT_BYTES
    assert view.items.nbytes == sum(len(item) for _, item in view.items._kept.values())
