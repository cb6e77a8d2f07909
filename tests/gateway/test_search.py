"""What a search finds: data·inclusion's contract, point by point."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.query import Query
from services.kernel.errors import Unavailable, ValidationError
from tests.gateway import world as w
from tests.gateway.corpus import ELSEWHERE
from tests.gateway.world import World, service, structure


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with w.world(tmp_path / "index") as made:
        made.publish(structure(1))
        yield made


def found(world: World, **query: Any) -> list[str]:
    """Source ids of what a query finds, in order."""
    page = world.reader.search(Query(**{"size": 100, **query}))
    assert page.total == len(page.items)
    return [orjson.loads(item)["id"].removeprefix("dora--") for item in page.items]


def test_an_item_is_the_service_in_data_inclusions_shape_with_its_structure(world: World) -> None:
    world.publish(service(1, thematiques=["mobilite--preparer-un-permis"]))
    (item,) = world.reader.search(Query()).items
    answered = orjson.loads(item)
    assert answered["id"] == "dora--v1"
    assert answered["structure_id"] == answered["structure"]["id"] == "dora--s1"
    assert answered["thematiques"] == ["mobilite--preparer-un-permis"]
    assert answered["description"] and answered["frais"] is None
    assert 0 < answered["score_qualite"] <= 1 and answered["adresse_certifiee"] is False
    (bare,) = world.reader.search(Query(embed_structure=False)).items
    assert "structure" not in orjson.loads(bare)


def test_a_service_is_kept_where_its_zone_is_empty_or_holds_the_commune(world: World) -> None:
    zones = {"empty": None, "commune": ["44109"], "epci": ["244400404"], "departement": ["44"], "pays": ["france"]}
    zones |= {"code-pays": ["99100"], "autre": ["49"], "region": ["52"], "autre-commune": ["44162"]}
    world.publish(*(service(name, zone_eligibilite=zone) for name, zone in zones.items()))
    kept = found(world, place_commune=w.NANTES)
    assert kept == ["vcode-pays", "vcommune", "vdepartement", "vempty", "vepci", "vpays"]


def test_near_or_reached_from_afar_and_distance_only_for_what_is_received_on_site_near(world: World) -> None:
    angers = {"latitude": 47.4784, "longitude": -0.5632}
    world.publish(
        service("a-ici", modes_accueil=["en-presentiel"]),
        service("b-ici-et-a-distance", modes_accueil=["en-presentiel", "a-distance"]),
        service("c-ici-a-distance-seulement", modes_accueil=["a-distance"]),
        service("d-ici-sans-mode", modes_accueil=None),
        service("e-loin", modes_accueil=["en-presentiel"], **angers),
        service("f-loin-et-a-distance", modes_accueil=["en-presentiel", "a-distance"], **angers),
        service("g-sans-lieu", modes_accueil=["en-presentiel"], latitude=None, longitude=None),
        service("h-sans-lieu-a-distance", modes_accueil=["a-distance"], latitude=None, longitude=None),
    )
    page = world.reader.search(Query(place_commune=w.NANTES, size=50))
    assert [(name[7], km is None) for name, km in zip(page.ids, page.distances_km, strict=True)] == [
        ("a", False),
        ("b", False),
        ("c", True),
        ("d", True),
        ("f", True),
        ("h", True),
    ]


def test_order_is_whole_kilometres_nulls_last_then_id(world: World) -> None:
    for name, shift in (("d", 0.0), ("b", 0.002), ("c", 0.1), ("a", 0.1)):
        world.publish(service(name, latitude=47.2186 + shift))
    world.publish(service("0", modes_accueil=["a-distance"]))
    point = {"lat": 47.2186, "lon": -1.5541}
    page = world.reader.search(Query(place_commune=w.NANTES, **point))
    assert [name.removeprefix("dora--v") for name in page.ids] == ["b", "d", "a", "c", "0"]
    assert page.distances_km == [0, 0, 11, 11, None]
    to_the_metre = world.reader.search(Query(place_commune=w.NANTES, sort="distance", **point))
    assert [name.removeprefix("dora--v") for name in to_the_metre.ids] == ["d", "b", "a", "c", "0"]


def test_lat_and_lon_replace_the_commune_point_and_alone_are_a_place_without_eligibility(world: World) -> None:
    world.publish(
        service("nantes", zone_eligibilite=["44"]),
        service("angers", zone_eligibilite=["49"], latitude=47.4784, longitude=-0.5632),
    )
    angers = {"lat": 47.47, "lon": -0.55}
    assert found(world, place_commune=w.NANTES, **angers) == []
    assert found(world, **angers) == ["vangers"]
    assert found(world, **angers, radius_km=500.0) == ["vangers", "vnantes"]
    with pytest.raises(ValidationError) as caught:
        world.reader.search(Query(lat=47.0))
    assert caught.value.details[0]["field"] == "lon"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (Query(place_commune="00000"), "code_commune"),
        (Query(sort="distance"), "sort"),
        (Query(size=0), "size"),
        (Query(size=10_001), "size"),
        (Query(page=0), "page"),
        (Query(radius_km=0.0), "radius_km"),
        (Query(lat=91.0, lon=0.0), "lat"),
        (Query(lat=float("nan"), lon=0.0), "lat"),
        (Query(bbox=(2.0, 0.0, 1.0, 1.0)), "bbox"),
        (Query(open_at=datetime(2026, 11, 23)), "open_at"),  # noqa: DTZ001
    ],
)
def test_a_question_that_does_not_hold_together_names_its_field(world: World, query: Query, field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        world.reader.search(query)
    assert caught.value.details[0]["field"] == field


def test_tous_publics_always_match_and_asking_for_them_filters_nothing(world: World) -> None:
    world.publish(
        service(1, publics=["jeunes"]), service(2, publics=["tous-publics"]), service(3), service(4, publics=["femmes"])
    )
    assert found(world, publics=("jeunes",)) == ["v1", "v2"]
    assert found(world, publics=("tous-publics",)) == ["v1", "v2", "v3", "v4"]
    assert found(world, publics=("jeunes", "tous-publics")) == ["v1", "v2", "v3", "v4"]


def test_a_category_stands_for_all_its_themes_in_any_mix(world: World) -> None:
    world.publish(
        service(1, thematiques=["mobilite--preparer-un-permis"]),
        service(2, thematiques=["mobilite--acceder-a-un-vehicule"]),
        service(3, thematiques=["sante--addictions"]),
        service(4),
    )
    assert found(world, thematiques=("mobilite",)) == ["v1", "v2"]
    assert found(world, thematiques=("mobilite--preparer-un-permis", "sante")) == ["v1", "v3"]


def test_words_about_audiences_are_found_in_labels_and_in_free_text(world: World) -> None:
    world.publish(
        service(1, publics=["demandeurs-emploi"]),
        service(2, publics_precisions="Réservé aux habitantes du quartier"),
        service(3, description="demandeurs d'emploi, habitantes"),
    )
    assert found(world, recherche_public="demandeur d’emploi") == ["v1"]
    assert found(world, recherche_public="habitante") == ["v2"]
    assert found(world, recherche_public="demandeur habitante") == []


def test_a_service_waits_for_its_structure_and_goes_with_it(world: World) -> None:
    world.publish(service(1, of=2))
    assert found(world) == []
    world.publish(structure(2, nom="Relais"))
    assert found(world) == ["v1"]
    world.publish(structure(2, nom="Relais du port"))
    (item,) = world.reader.search(Query(q="port")).items
    assert orjson.loads(item)["structure"]["nom"] == "Relais du port"
    world.withdraw(structure(2))
    assert found(world) == []


def test_the_box_the_radius_and_the_addresses(world: World) -> None:
    world.publish(
        service("nantes"), service("angers", code_insee="49007", commune="Angers", latitude=47.4784, longitude=-0.5632)
    )
    assert found(world, bbox=(-2.0, 47.0, -1.0, 48.0)) == ["vnantes"]
    assert found(world, code_departement=("49",)) == ["vangers"]
    assert found(world, code_commune=("44109",)) == ["vnantes"]
    assert found(world, code_region=("52",)) == ["vangers", "vnantes"]
    assert found(world, place_commune="44162", radius_km=1.0) == []
    assert found(world, place_commune="44162", radius_km=100.0) == ["vnantes", "vangers"]


def test_an_arrondissement_is_found_by_its_city_too(world: World) -> None:
    world.publish(service(1, code_insee="75111", commune="Paris"))
    assert found(world, code_commune=("75111",)) == found(world, code_commune=("75056",)) == ["v1"]


def test_open_at_keeps_only_what_is_known_to_be_open_then(world: World) -> None:
    world.publish(
        service("semaine", horaires_accueil="Mo-Fr 09:00-12:00,14:00-17:00"),
        service("mardi", horaires_accueil="Tu 14:00-18:00"),
        service("ete", horaires_accueil="Jul-Aug Mo-Sa 08:00-20:00"),
        service("ferie", horaires_accueil="We 08:00-20:00; PH off"),
        service("texte", horaires_accueil="sur rendez-vous le matin"),
        service("rien"),
    )
    tuesday = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)  # 15:30 in Paris
    assert found(world, open_at=tuesday) == ["vmardi", "vsemaine"]
    assert found(world, open_at=tuesday - timedelta(hours=2)) == []  # 13:30
    assert found(world, open_at=datetime(2026, 7, 18, 10, 0, tzinfo=UTC)) == ["vete"]
    assert found(world, open_at=datetime(2026, 11, 11, 9, 0, tzinfo=UTC)) == ["vsemaine"]  # a Wednesday, and a holiday


def test_facets_count_all_that_was_found_most_frequent_first(world: World) -> None:
    world.publish(
        service(1, thematiques=["mobilite--preparer-un-permis", "sante--addictions"], type="atelier"),
        service(2, thematiques=["mobilite--acceder-a-un-vehicule"], type="atelier"),
        service(3, type="formation", frais="gratuit"),
    )
    page = world.reader.search(
        Query(size=1, facets=("types", "categories", "thematiques", "frais", "departements", "sources"))
    )
    assert page.total == 3
    assert page.facets["types"] == {"atelier": 2, "formation": 1}
    assert list(page.facets["types"]) == ["atelier", "formation"]
    assert page.facets["categories"] == {"mobilite": 2, "sante": 1}
    assert page.facets["thematiques"]["sante--addictions"] == 1
    assert page.facets["frais"] == {"gratuit": 1}
    assert page.facets["departements"] == {"44": 3}
    assert page.facets["sources"] == {"dora": 3}


def test_structures_are_listed_and_found_near_a_place(world: World) -> None:
    world.publish(structure(2, nom="Relais", reseaux_porteurs=["emmaus"], latitude=47.25), structure(3, latitude=48.9))
    page = world.reader.search(Query(kind="structure", lat=47.2186, lon=-1.5541))
    assert page.ids == ["dora--s1", "dora--s2"]
    assert page.distances_km == [0, 3]
    assert world.reader.search(Query(kind="structure", reseaux_porteurs=("emmaus",))).ids == ["dora--s2"]
    assert world.reader.search(Query(kind="structure", q="Emmaüs")).ids == ["dora--s2"]


def test_one_record_by_either_id_its_services_and_its_tombstone(world: World) -> None:
    one, other = service(1), service(2)
    world.publish(one, other)
    record = world.reader.get("service", "dora--v1")
    assert record is not None and record == world.reader.get("service", one["id"])
    assert record.item is not None
    assert orjson.loads(record.item)["id"] == record.id == "dora--v1"
    assert orjson.loads(record.native) == one
    assert orjson.loads(record.event)["data"] == one
    assert [orjson.loads(item)["id"] for item in world.reader.services_of(one["structure"])] == ["dora--v1", "dora--v2"]
    assert world.reader.get("structure", one["id"]) is None
    assert world.reader.get("service", "dora--nobody") is None
    world.withdraw(one)
    gone = world.reader.get("service", "dora--v1")
    assert gone is not None and gone.withdrawn and gone.item is None
    assert orjson.loads(gone.native)["status"] == "withdrawn"
    assert [orjson.loads(item)["id"] for item in world.reader.services_of(one["structure"])] == ["dora--v2"]


def test_two_homes_may_use_one_id_and_both_are_found(world: World) -> None:
    elsewhere = w.OTHER_HOME
    world.publish(structure(1, home=elsewhere), service(1), service(1, home=elsewhere))
    assert found(world) == ["v1", "v1"]
    world.withdraw(service(1))
    left = world.reader.get("service", "dora--v1")
    assert left is not None and not left.withdrawn and left.uuid == service(1, home=elsewhere)["id"]


def test_at_an_address_that_two_homes_use_this_nodes_own_record_stands(world: World) -> None:
    numbers = range(2, 9)
    both = [(service(number), service(number, home=w.OTHER_HOME)) for number in numbers]
    world.publish(structure(1), structure(1, home=w.OTHER_HOME), *(each for pair in both for each in pair))
    assert any(other["id"] < own["id"] for own, other in both)
    stands = [world.reader.get("service", f"dora--v{number}") for number in numbers]
    assert [each and each.uuid for each in stands] == [own["id"] for own, _ in both]
    items = [world.reader.item("service", f"dora--v{number}") for number in numbers]
    assert [each and each[0] for each in items] == [own["id"] for own, _ in both]


def test_what_is_found_says_whose_it_is_and_when_it_was_last_confirmed_its_structure_too(world: World) -> None:
    dates = {"confirmed_at": "2026-03-12T09:00:00.000000Z", "verified_at": "2026-01-31T09:00:00.000000Z",
             "review_since": "2026-04-01T09:00:00.000000Z"}  # fmt: skip
    owner, other = structure(1, home=w.OTHER_HOME), service(1, home=w.OTHER_HOME) | dates
    world.publish(owner, other, service(2))
    [theirs, ours] = [orjson.loads(item) for item in world.reader.search(Query(size=10)).items]
    assert theirs["record"] == {"id": other["id"], "home_node": ELSEWHERE, **dates}
    assert theirs["structure"]["record"]["id"] == owner["id"]
    assert theirs["structure"]["record"]["home_node"] == ELSEWHERE
    assert ours["record"] == {"id": service(2)["id"], "home_node": None, **dict.fromkeys(dates)}
    confirmed = owner | {"version": 2, "confirmed_at": dates["confirmed_at"]}
    world.publish(confirmed)
    [theirs, _] = [orjson.loads(item) for item in world.reader.search(Query(size=10)).items]
    assert theirs["structure"]["record"]["confirmed_at"] == dates["confirmed_at"]


def test_sources_count_what_is_public(world: World) -> None:
    world.publish(service(1), service(2), structure(9, source="soliguide"))
    assert world.reader.sources() == [
        {
            "source": "dora",
            "home": w.HOME,
            "home_node": None,
            "structures": 1,
            "services": 2,
            "licence": "Licence Ouverte 2.0",
            "attribution": "Réseau dora",
        },
        {
            "source": "soliguide",
            "home": w.HOME,
            "home_node": None,
            "structures": 1,
            "services": 0,
            "licence": "Licence Ouverte 2.0",
            "attribution": "Réseau soliguide",
        },
    ]


def test_sources_of_one_name_are_told_for_each_home_whatever_their_texts_hold(world: World) -> None:
    hostile = {"licence": "à\tnous\nseuls", "attribution": 'Eux\t\t"'}
    world.publish(service(1), structure(8, home=w.OTHER_HOME) | hostile, structure(9, home=w.OTHER_HOME) | hostile)
    told = {each["home"]: each for each in world.reader.sources()}
    assert [each["source"] for each in told.values()] == ["dora", "dora"]
    own, other = told[w.HOME], told[w.OTHER_HOME]
    assert (own["structures"], own["services"], own["home_node"]) == (1, 1, None)
    assert (other["structures"], other["services"], other["home_node"]) == (2, 0, ELSEWHERE)
    assert {name: other[name] for name in hostile} == hostile
    assert own["licence"] == "Licence Ouverte 2.0"


def test_without_a_read_model_searching_says_so_and_the_status_is_empty(tmp_path: Path) -> None:
    from gateway.search import Reader

    reader = Reader(tmp_path / "nothing")
    assert reader.status().services == 0 and reader.status().as_of is None
    with pytest.raises(Unavailable):
        reader.search(Query())
