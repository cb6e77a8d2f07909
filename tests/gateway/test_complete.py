"""Completion as one types: every word typed begins a word, the likeliest first, all kinds their share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway import world as w
from tests.gateway.world import World, service, structure


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with w.world(tmp_path_factory.mktemp("index")) as made:
        made.publish(
            structure(1, nom="Les Restos du Cœur de Nantes"),
            structure(2, nom="Restos du cœur"),
            structure(3, nom="Mission locale"),
            *(service(number, nom=f"Permis {number}") for number in range(30)),
            service("atelier", nom="Atelier d'écriture de la Loire-Atlantique-et-des-environs"),
        )
        yield made


def labels(world: World, typed: str, *kinds: str, limit: int = 10) -> list[str]:
    return [suggestion.label for suggestion in world.reader.complete(typed, kinds, limit)]


def test_another_nodes_record_is_told_by_its_uuid_and_its_home_beside_this_nodes_own(tmp_path: Path) -> None:
    with w.world(tmp_path / "index") as made:
        other = structure(1, nom="Relais", home=w.OTHER_HOME)
        made.publish(structure(1, nom="Relais"), other)
        told = {one.value: one.detail for one in made.reader.complete("relais", ("structure",))}
    assert told == {"dora--s1": "Nantes", other["id"]: "Nantes · Ailleurs"}


def test_communes_by_name_and_postal_code_the_most_populous_first(world: World) -> None:
    assert labels(world, "nan", "commune")[0] == "Nantes"
    assert labels(world, "st herb", "commune")[0] == "Saint-Herblain"
    assert "Nantes" in labels(world, "4400", "commune")
    (first, *_) = world.reader.complete("nantes", ("commune",))
    assert (first.kind, first.value, first.detail) == ("commune", "44109", "44")


def test_themes_by_label_and_by_the_words_people_use(world: World) -> None:
    found = world.reader.complete("permis", ("theme",))
    assert found[0].value == "mobilite--preparer-un-permis" and found[0].detail == "Mobilité"
    assert world.reader.complete("prep perm", ("theme",))[0].value == "mobilite--preparer-un-permis"
    assert any(one.value == "famille--garde-denfants" for one in world.reader.complete("crech", ("theme",)))


def test_names_by_the_beginning_of_any_of_their_words_shortest_first(world: World) -> None:
    assert labels(world, "rest", "structure") == ["Restos du cœur", "Les Restos du Cœur de Nantes"]
    assert labels(world, "coeur rest", "structure") == ["Restos du cœur", "Les Restos du Cœur de Nantes"]
    assert labels(world, "MISSION LOC", "structure") == ["Mission locale"]
    assert labels(world, "l'ecri", "service") == labels(world, "d'ecri", "service")
    assert labels(world, "d'ecri", "service") == ["Atelier d'écriture de la Loire-Atlantique-et-des-environs"]
    assert labels(world, "environsqui", "service") == []


def test_what_is_withdrawn_is_suggested_no_more(tmp_path: Path) -> None:
    with w.world(tmp_path / "index") as made:
        made.publish(structure(1), service(1, nom="Jardin"))
        assert labels(made, "jard", "service") == ["Jardin"]
        made.withdraw(service(1))
        assert labels(made, "jard", "service") == []


def test_each_kind_has_its_share_and_kinds_stay_together(world: World) -> None:
    found = world.reader.complete("p", limit=8)
    kinds = [suggestion.kind for suggestion in found]
    assert kinds == ["commune"] * 3 + ["theme"] * 3 + ["service"] * 2
    assert len(labels(world, "permis", limit=50)) > 20


def test_nothing_typed_suggests_nothing(world: World) -> None:
    assert labels(world, "") == labels(world, " -' ") == []


@settings(max_examples=150, deadline=None)
@given(typed=st.text(max_size=90))
def test_whatever_is_typed_is_answered(world: World, typed: str) -> None:
    assert len(world.reader.complete(typed, limit=5)) <= 5


@pytest.mark.alone
def test_an_answer_takes_less_than_five_milliseconds(world: World) -> None:
    for typed in ("n", "nan", "permis", "44000", "zzzz"):
        world.reader.complete(typed)
        taken_ms = []
        for _ in range(9):
            began = time.perf_counter()
            world.reader.complete(typed)
            taken_ms.append((time.perf_counter() - began) * 1000)
        assert min(taken_ms) < 5, (typed, taken_ms)
