"""What comes first: where a word stands, how rare it is, how near the record; in French, with its mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import text
from gateway.index.arrays import smallest
from gateway.index.ranking import blended
from gateway.index.strings import OrderedStrings
from gateway.query import Query
from tests.gateway import world as w
from tests.gateway.world import World, service, structure


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with w.world(tmp_path / "index") as made:
        made.publish(structure(1, nom="Maison"))
        yield made


def found(world: World, q: str, **query: Any) -> list[str]:
    """Source ids without their letter, best first."""
    page = world.reader.search(Query(q=q, size=50, **query))
    return [public_id.removeprefix("dora--v") for public_id in page.ids]


def test_a_word_counts_more_in_the_name_than_in_labels_place_or_description(world: World) -> None:
    world.publish(
        structure(2, nom="Le vélo bleu"),
        service("corps", description="réparer son vélo"),
        service("lieu", of=2),
        service("nom", nom="Prêt de vélos"),
    )
    assert found(world, "vélo") == ["nom", "lieu", "corps"]


def test_labels_of_themes_and_audiences_are_words_of_the_record(world: World) -> None:
    world.publish(
        service("theme", thematiques=["famille--garde-denfants"]),
        service("public", publics=["personnes-en-situation-de-handicap"]),
        service("type", type="formation"),
        service("rien"),
    )
    assert found(world, "garde d'enfant") == ["theme"]
    assert found(world, "handicap") == ["public"]
    assert found(world, "formations") == ["type"]


def test_a_rare_word_weighs_more_than_a_common_one_but_all_are_needed(world: World) -> None:
    world.publish(
        *(service(f"{n}", nom="Atelier cuisine") for n in range(5)), service("b", nom="Atelier", description="tricot")
    )
    assert found(world, "atelier tricot") == ["b"]


def test_when_no_record_has_every_word_any_of_them_will_do(world: World) -> None:
    world.publish(service("a", nom="Cuisine"), service("b", nom="Tricot"), service("c", nom="Chant"))
    assert sorted(found(world, "cuisine tricot")) == ["a", "b"]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Hébergement d'urgence", "hebergements urgents hébergement"),
        ("L'accès aux droits", "acces droit"),
        ("Écoute des aînés", "ecoute aines"),
        ("Cœur de ville", "coeur"),
        ("Aide à l’emploi", "l'emploi"),
        ("Réparation de vélos", "RÉPARATIONS VELO"),
        ("Logements", "je cherche un logement"),
        ("Emplois d'avenir", "emploi"),
        ("Petit travail", "travaux"),
        ("Petits travaux", "travail"),
    ],
)
def test_french_is_found_whatever_its_accents_plurals_and_elisions(world: World, said: str, asked: str) -> None:
    world.publish(service("a", nom=said), service("b", nom="Autre"))
    assert found(world, asked)[:1] == ["a"]


@pytest.mark.parametrize("asked", ["hebergment", "hébergemnet", "hebergementt", "hébargement"])
def test_one_typing_mistake_is_understood_and_comes_after_what_was_well_written(world: World, asked: str) -> None:
    world.publish(service("juste", nom="Hébergement"))
    assert found(world, asked) == ["juste"]
    world.publish(service("pareil", nom=asked))
    assert found(world, asked) == ["pareil", "juste"]


def test_a_word_that_enough_records_hold_is_not_taken_for_a_mistake(world: World) -> None:
    world.publish(service("loyer", nom="Loyer"), *(service(f"f{n}", nom="Foyer") for n in range(3)))
    assert found(world, "foyer") == ["f0", "f1", "f2"]
    assert found(world, "zoyer") == ["f0", "f1", "f2", "loyer"]


def test_words_that_say_nothing_filter_nothing(world: World) -> None:
    world.publish(service("a"), service("b"))
    assert found(world, "de la") == found(world, "  ") == ["a", "b"]


def test_with_a_place_the_nearer_of_two_equals_comes_first_and_remote_ones_count_half(world: World) -> None:
    world.publish(
        service("a-40km", nom="Vélo", latitude=47.2186 + 0.36),
        service("b-1km", nom="Vélo", latitude=47.2186 + 0.01),
        service("c-distance", nom="Vélo", modes_accueil=["a-distance"]),
        service("d-1km-corps", nom="Autre", description="vélo", latitude=47.2186 + 0.01),
    )
    assert found(world, "vélo") == ["a-40km", "b-1km", "c-distance", "d-1km-corps"]
    assert found(world, "vélo", lat=47.2186, lon=-1.5541) == ["b-1km", "c-distance", "d-1km-corps", "a-40km"]


@given(
    scores=st.lists(st.integers(1, 10_000), min_size=1, max_size=20),
    metres=st.lists(st.integers(0, 50_000), min_size=20, max_size=20),
)
def test_the_blend_is_score_times_ten_km_over_ten_km_plus_distance(scores: list[int], metres: list[int]) -> None:
    given_scores = np.array(scores, dtype=np.float64)
    distances = np.array(metres[: len(scores)], dtype=np.float64)
    expected = [score * (10_000 / (10_000 + away)) for score, away in zip(scores, distances.tolist(), strict=True)]
    assert blended(given_scores, distances).tolist() == expected
    assert blended(given_scores, None) is given_scores
    nowhere = np.full(len(scores), np.nan)
    assert blended(given_scores, nowhere).tolist() == [score / 2 for score in scores]


def test_names_are_sorted_as_people_read_them(world: World) -> None:
    world.publish(
        *(service(number, nom=name) for number, name in enumerate(("zèbre", "Écoute", "ecole", "Été", "À table")))
    )
    page = world.reader.search(Query(sort="name"))
    assert [public_id[-1] for public_id in page.ids] == ["4", "2", "1", "3", "0"]


def test_the_latest_update_comes_first(world: World) -> None:
    world.publish(service("a", date_maj="2026-01-01"), service("b", date_maj="2026-05-01"), service("c", date_maj=None))
    page = world.reader.search(Query(sort="updated"))  # c: as its record changed, in November
    assert [public_id[-1] for public_id in page.ids] == ["c", "b", "a"]


@given(
    pairs=st.lists(
        st.tuples(st.sampled_from((0.0, 1.0, 1.0, 2.5)), st.integers(0, 10_000)), unique_by=lambda p: p[1], max_size=60
    ),
    count=st.integers(1, 70),
)
def test_the_smallest_pairs_are_those_of_sorting_them_all(pairs: list[tuple[float, int]], count: int) -> None:
    first, tie = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs], dtype=np.int64)
    assert [pairs[place] for place in smallest(first, tie, count)] == sorted(pairs)[:count]
    assert [pairs[place][1] for place in smallest(None, tie, count)] == sorted(p[1] for p in pairs)[:count]


@given(
    rounds=st.lists(st.dictionaries(st.integers(0, 60), st.binary(min_size=1, max_size=3), max_size=30), max_size=12),
    asked=st.binary(max_size=3),
)
def test_strings_stay_in_order_through_any_rounds_of_changes(rounds: list[dict[int, bytes]], asked: bytes) -> None:
    column, plain = OrderedStrings(), dict[int, bytes]()
    column.resize(61)
    for changes in rounds:
        column.put(changes)
        plain.update(changes)
        keys = column.keys()
        assert len({int(keys[row]) for row in plain}) == len(plain)
        by_key = sorted(plain, key=lambda row: int(keys[row]))
        assert [plain[row] for row in by_key] == sorted(plain.values())
        assert {row for row in plain if keys[row] > column.bound(asked)} == {row for row in plain if plain[row] > asked}
        assert all(column[row] == string for row, string in plain.items())


def test_many_newcomers_at_one_place_of_the_order_find_room() -> None:
    column = OrderedStrings()
    column.resize(2000)
    column.put({0: b"a", 1: b"z", **{row: b"b%04d" % row for row in range(2, 1000)}})
    column.keys()
    for row in range(1000, 1100):
        column.put({row: b"y" + b"y" * (row - 1000)})
        keys = column.keys()
    assert sorted(range(1100), key=lambda row: int(keys[row])) == sorted(range(1100), key=column.__getitem__)


@given(said=st.text(max_size=60))
def test_folding_leaves_plain_words_and_folding_again_changes_nothing(said: str) -> None:
    folded = text.fold(said)
    assert folded == " ".join(folded.split()) and text.fold(folded) == folded


def test_grams_are_the_beginnings_of_words() -> None:
    assert text.grams("Été à Nort").split() == ["a", "e", "et", "ete", "n", "no", "nor", "nort"]
