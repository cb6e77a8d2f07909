"""Pages by cursor: nothing lost, nothing repeated, whatever else changes; and nothing else taken for a cursor."""

from __future__ import annotations

import base64
import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.index import answering, cursors
from gateway.query import Query, Sort
from services.kernel.errors import ValidationError
from tests.gateway import world as w
from tests.gateway.corpus import HOME, native
from tests.gateway.world import World, random_records, random_service

ORDERS: dict[str, dict[str, Any]] = {
    "id": {},
    "contract": {"place_commune": w.NANTES},
    "distance": {"lat": 47.2186, "lon": -1.5541, "sort": "distance"},
    "relevance": {"q": "logement jardin"},
    "relevance near": {"q": "hebergment", "place_commune": w.NANTES},
    "name": {"sort": "name"},
    "updated": {"sort": "updated"},
}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Some two hundred random records."""
    with w.world(tmp_path_factory.mktemp("crowd")) as made:
        made.publish(*random_records(200, seed=3))
        yield made


def pages(world: World, **query: Any) -> Iterator[list[str]]:
    """UUIDs page by page, following cursors; what happens between two pages is the caller's."""
    cursor = None
    while True:
        page = world.reader.search(Query(**query, cursor=cursor))
        yield page.uuids
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pages_by_cursor_are_the_whole_list_in_the_same_order(crowd: World, order: str, size: int) -> None:
    whole = crowd.reader.search(Query(size=1000, **ORDERS[order]))
    assert whole.total > 20
    assert [uuid for page in pages(crowd, size=size, **ORDERS[order]) for uuid in page] == whole.uuids


@settings(max_examples=12, deadline=None)
@given(order=st.sampled_from(sorted(ORDERS)), size=st.integers(20, 60), seed=st.integers(0, 10_000))
def test_records_that_stay_are_met_once_each_while_others_come_change_and_go(
    crowd: World, order: str, size: int, seed: int
) -> None:
    rnd = random.Random(seed)
    structures = [*crowd.feed.live("structure").values()]
    met: list[str] = []
    touched: set[str] = set()
    before = set(crowd.reader.search(Query(size=1000, **ORDERS[order])).uuids)
    for page in pages(crowd, size=size, **ORDERS[order]):
        met += page
        services = [*crowd.feed.live("service").values()]
        fresh = [random_service(rnd, rnd.randrange(500), structures) for _ in range(rnd.randint(0, 4))]
        gone = rnd.sample(services, min(len(services) - 60, rnd.randint(0, 3))) if len(services) > 60 else []
        touched |= {record["id"] for record in (*fresh, *gone)}
        for record in gone:
            crowd.feed.delete(record)
        crowd.publish(*fresh)
    after = set(crowd.reader.search(Query(size=1000, **ORDERS[order])).uuids)
    stayed = [uuid for uuid in met if uuid not in touched]
    assert len(stayed) == len(set(stayed)), "a record that did not change was met twice"
    if order.startswith("relevance"):
        # What a word weighs and whether it may be mistyped is decided on the first page and kept.
        assert (before & after) - touched <= set(met)
    else:
        assert set(stayed) == (before & after) - touched


def test_a_newcomer_ahead_of_the_cursor_appears_and_one_behind_it_does_not(tmp_path: Path) -> None:
    with w.world(tmp_path / "index") as world:
        world.publish(w.structure(1), *(w.service(f"{number:02d}") for number in range(0, 20, 2)))
        walk = pages(world, size=5)
        first = next(walk)
        world.publish(w.service("01"), w.service("15"))
        rest = [uuid for page in walk for uuid in page]
        assert w.service("01")["id"] not in first + rest
        assert rest.count(w.service("15")["id"]) == 1
        assert len(first + rest) == 11


def test_the_words_of_a_question_weigh_on_the_last_page_what_they_did_on_the_first(tmp_path: Path) -> None:
    with w.world(tmp_path / "index") as world:
        both = [w.service(f"{number:02d}", nom="vélo", description="jardin") for number in range(6)]
        world.publish(w.structure(1), *both, *(w.service(f"v{number}", nom="vélo") for number in range(6)))
        walk = pages(world, q="velo jardin", size=4)
        met = next(walk)
        # Gardens become so common that they weigh nothing, were they weighed again.
        world.publish(*(w.service(f"j{number}", nom="jardin") for number in range(60)))
        met += [uuid for page in walk for uuid in page]
        assert met == [record["id"] for record in both]


def test_a_mistyped_word_stays_mistyped_when_somebody_publishes_the_same_mistake(tmp_path: Path) -> None:
    with w.world(tmp_path / "index") as world:
        right = [w.service(f"{number:02d}", nom="hébergement") for number in range(6)]
        world.publish(w.structure(1), *right)
        walk = pages(world, q="hebergment", size=4)
        met = next(walk)
        world.publish(*(w.service(f"z{number}", nom="hebergment") for number in range(6)))
        met += [uuid for page in walk for uuid in page]
        assert met == [record["id"] for record in right]


@pytest.mark.parametrize(
    "spoil", [lambda c: "x", lambda c: c[:-1], lambda c: c[:8] + "A" + c[9:], lambda c: "é" + c, lambda c: ""]
)
def test_what_is_no_cursor_is_refused_with_its_field(crowd: World, spoil: Any) -> None:
    good = crowd.reader.search(Query(size=3)).next_cursor
    assert good is not None and spoil(good) != good
    with pytest.raises(ValidationError) as caught:
        crowd.reader.search(Query(size=3, cursor=spoil(good)))
    assert caught.value.details[0]["field"] == "cursor"


@settings(max_examples=200, deadline=None)
@given(cursor=st.text(max_size=200))
def test_no_text_makes_a_cursor_or_breaks_the_reader(crowd: World, cursor: str) -> None:
    with pytest.raises(ValidationError):
        crowd.reader.search(Query(size=3, cursor=cursor))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(body=JSON | st.tuples(st.floats(allow_nan=False), st.just("6100"), JSON), q=st.sampled_from(("", "jardin")))
def test_a_forged_cursor_is_answered_or_refused_and_nothing_worse(crowd: World, body: Any, q: str) -> None:
    written = orjson.dumps(body)
    question = answering._canonical(Query(size=3, q=q))
    forged = base64.urlsafe_b64encode(cursors._digest(question, written) + written).rstrip(b"=").decode()
    with contextlib.suppress(ValidationError):
        assert len(crowd.reader.search(Query(size=3, q=q, cursor=forged)).items) <= 3


def test_a_cursor_serves_one_question_only_at_any_page_size(crowd: World) -> None:
    cursor = crowd.reader.search(Query(size=3, sort="name")).next_cursor
    assert crowd.reader.search(Query(size=50, sort="name", facets=("types",), cursor=cursor)).uuids
    sorts: tuple[Sort | None, ...] = (None, "updated")
    for other in sorts:
        with pytest.raises(ValidationError):
            crowd.reader.search(Query(size=3, sort=other, cursor=cursor))
    with pytest.raises(ValidationError):
        crowd.reader.search(Query(size=3, sort="name", types=("atelier",), cursor=cursor))


def test_a_cursor_goes_on_when_the_record_it_ended_with_is_gone(tmp_path: Path) -> None:
    with w.world(tmp_path / "index") as world:
        services = [w.service(f"{number:02d}") for number in range(9)]
        world.publish(w.structure(1), *services)
        walk = pages(world, size=3)
        assert next(walk)[-1] == services[2]["id"]
        world.withdraw(services[2], services[3])
        assert [uuid for page in walk for uuid in page] == [record["id"] for record in services[4:]]


def test_ids_that_are_equal_in_two_homes_are_both_met(tmp_path: Path) -> None:
    with w.world(tmp_path / "index") as world:
        world.publish(w.structure(1), w.structure(1, home=w.OTHER_HOME))
        for home in (HOME, w.OTHER_HOME):
            for number in range(4):
                world.publish(native("service", "dora", f"v{number}", {"nom": "Un"}, structure="s1", home=home))
        met = [uuid for page in pages(world, size=1) for uuid in page]
        assert len(met) == len(set(met)) == 8
