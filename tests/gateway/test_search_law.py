"""Any query finds exactly what plain Python finds, in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.index import postings, selector
from gateway.query import Query
from tests.gateway import world as w
from tests.gateway.oracle import Oracle, one_mistake
from tests.gateway.world import World, random_records


def test_one_mistake_is_a_letter_more_less_other_or_two_swapped() -> None:
    assert all(one_mistake("permis", other) for other in ("permi", "permiss", "pernis", "premis", "permsi"))
    assert not any(one_mistake("permis", other) for other in ("perm", "premi", "simrep", "permisse"))


OPTIONS: dict[str, tuple[Any, ...]] = {
    "q": (
        "permis",
        "logements",
        "aide logement",
        "hebergment",
        "velo jardin urgence",
        "de la",
        "écoute zzzz",
        "Maison",
    ),
    "place_commune": (w.NANTES, w.ANGERS, "44184", "97411"),
    "radius_km": (3.0, 150.0, 20_000.0),
    "bbox": ((-3.0, 46.0, -1.0, 48.0), (-180.0, -90.0, 180.0, 90.0)),
    "sources": (("dora",), ("dora", "soliguide"), ("nobody",)),
    "thematiques": (("mobilite",), (w.THEMES[0], "sante"), (w.THEMES[2],)),
    "frais": (("gratuit",),),
    "types": (("atelier", "formation"),),
    "publics": (("jeunes",), ("femmes", "tous-publics")),
    "modes_accueil": (("a-distance",), ("en-presentiel",)),
    "reseaux_porteurs": (("emmaus",),),
    "sectors": (("logement",), ("mobilite", "logement")),
    "recherche_public": ("jeunes", "séniors quartier"),
    "score_qualite_minimum": (0.0, 0.3, 0.4),
    "code_departement": (("44",), ("75", "49")),
    "code_region": (("52",),),
    "code_commune": ((w.NANTES, w.RENNES),),
    "open_at": (datetime(2026, 11, 24, 14, 30, tzinfo=UTC), datetime(2026, 7, 14, 9, 0, tzinfo=UTC)),
    "sort": ("name", "updated", "relevance"),
}


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """A question with up to four of all that can be asked."""
    names = draw(st.sets(st.sampled_from(sorted(OPTIONS)), max_size=4))
    kind = draw(st.sampled_from(("service", "service", "structure")))
    return Query(kind=kind, **{name: draw(st.sampled_from(OPTIONS[name])) for name in sorted(names)})


@pytest.fixture(scope="module", params=["small table", "large table"])
def crowd(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, dict[str, Oracle]]]:
    """Some hundred random records, changed a little after a first commit, and the oracle of each kind.

    Once looked at whole, as small tables are, and once by the sorted lists that large tables need.
    """
    with pytest.MonkeyPatch.context() as patch, w.world(tmp_path_factory.mktemp("crowd")) as made:
        if request.param == "large table":
            patch.setattr(postings, "SMALL_TABLE", 0)
            patch.setattr(postings, "MAX_CHANGED", 60)  # so that lists are sorted, then some rows change
            patch.setattr(selector, "LISTS_WORTH_IT", 1)
        records = random_records(300, seed=7)
        made.publish(*records)
        made.reader.search(Query(q="permis"))
        changed = random_records(300, seed=8)
        made.publish(*changed[60:100], *changed[250:300])
        made.reader.search(Query(q="permis"))
        made.withdraw(*(record for record in records[5:8]), *(record for record in records[-20:]))
        made.publish(*changed[150:180])
        owners = made.feed.live("structure")
        yield made, {kind: Oracle(kind, made.feed.live(kind), owners) for kind in ("service", "structure")}


@settings(max_examples=250, deadline=None)
@given(query=queries())
def test_any_query_finds_exactly_what_plain_python_finds_in_the_same_order(
    crowd: tuple[World, dict[str, Oracle]], query: Query
) -> None:
    world, oracles = crowd
    expected = oracles[query.kind].answer(query)
    page = world.reader.search(Query(**{**_as_dict(query), "size": 1000}))
    assert page.total == len(expected)
    assert list(zip(page.uuids, page.distances_km, strict=True)) == expected
    second = world.reader.search(Query(**{**_as_dict(query), "size": 7, "page": 2}))
    assert list(zip(second.uuids, second.distances_km, strict=True)) == expected[7:14]
    assert second.total == len(expected)


def _as_dict(query: Query) -> dict[str, Any]:
    return {name: getattr(query, name) for name in Query.__slots__}
