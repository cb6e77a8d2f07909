"""Communes and what they belong to, found as people write them."""

import csv
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.directory.formats import territory, territory_tables
from services.directory.formats.territory import Commune, locate, resolve

NANTES, REZE = "44109", "44143"


def name_of(code: str | None = None, name: str | None = None, postal_code: str | None = None) -> str | None:
    found = resolve(code, name, postal_code)
    return found and found.name


# Finding


@pytest.mark.parametrize(
    ("name", "postal", "code"),
    [
        ("Nantes", "44000", NANTES),
        ("  NANTES ", "44200", NANTES),
        ("Nantes CEDEX 2", "44262", NANTES),
        ("st-herblain", "44800", "44162"),
        ("St. Herblain Cedex", "44802", "44162"),
        ("Ste Luce s/ Loire", "44980", "44172"),
        ("LE PELLERIN", "44640", "44120"),
        ("Pellerin (Le)", "44640", "44120"),
        ("Etang Salé (L')", "97427", "97404"),
        ("l’etang-sale", "97427", "97404"),
        ("Œting", "57600", "57521"),
        ("OETING", "57600", "57521"),
        ("Rezé", "44000", REZE),
        ("Ajaccio", "20090", "2A004"),
        ("L'Abergement-Clémenciat", "1400", "01001"),
    ],
)
def test_a_commune_is_found_as_people_write_it(name: str, postal: str, code: str) -> None:
    found = resolve(name=name, postal_code=postal)
    assert found is not None
    assert found.code == code


def test_a_code_alone_is_enough_and_may_have_lost_its_zero() -> None:
    assert name_of(code=NANTES) == "Nantes"
    assert name_of(code="1001") == "L'Abergement-Clémenciat"
    assert name_of(code="2a004") == "Ajaccio"


def test_a_commune_that_merged_answers_with_what_it_became() -> None:
    assert name_of(code="01091") == "Valserhône"
    assert name_of(name="Châtillon-en-Michaille", postal_code="01200") == "Valserhône"
    assert name_of(name="Belligné") == "Loireauxence"


def test_a_commune_whose_name_grew_is_found_by_the_old_one() -> None:
    assert name_of(name="Louhans", postal_code="71500") == "Louhans-Châteaurenaud"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Paris", "75056"),
        ("Paris 15", "75115"),
        ("PARIS 15ème arrondissement", "75115"),
        ("Paris 1er", "75101"),
        ("Lyon 3e Arrondissement", "69383"),
        ("Marseille 02", "13202"),
    ],
)
def test_arrondissements_are_told_from_their_city(name: str, code: str) -> None:
    found = resolve(name=name)
    assert found is not None
    assert found.code == code


def test_an_arrondissement_belongs_to_its_city() -> None:
    for code, whole in (("75115", "75056"), ("69389", "69123"), ("13216", "13055"), (NANTES, NANTES)):
        found = territory.commune(code)
        assert found is not None
        assert territory.city(found).code == whole
    assert name_of(postal_code="75015") == "Paris 15e Arrondissement"
    assert name_of(name="Paris", postal_code="75015") == "Paris"


def test_what_is_doubtful_is_told_not_guessed() -> None:
    problem = locate(name="Saint-Denis")
    assert not isinstance(problem, Commune)
    assert problem["code"] == "commune.ambiguous"
    assert "93200" in problem["why"]
    assert "97400" in problem["why"]
    assert problem["remedy"] == "Ajoutez le code postal ou le code INSEE."
    assert name_of(name="Saint-Denis (93)") == "Saint-Denis"
    shared = locate(postal_code="44530")
    assert not isinstance(shared, Commune)
    assert "Guenrouet" in shared["why"]


@pytest.mark.parametrize(
    ("asked", "field", "code", "remedy"),
    [
        ({"code": "44999"}, "code_insee", "commune.code", "nom et le code postal"),
        ({"name": "Nante", "postal_code": "44000"}, "commune", "commune.name", "Nantes (44000)"),
        ({"name": "Nante"}, "commune", "commune.name", "Nantes (44000)"),
        ({"name": "Sauzé-Vaussais", "postal_code": "79190"}, "commune", "commune.name", "Sauzé-entre-Bois"),
        ({"name": "Brest", "postal_code": "44000"}, "code_postal", "commune.mismatch", "Corrigez"),
        ({"name": "Nantes (93)"}, "code_postal", "commune.mismatch", "Corrigez"),
        ({"postal_code": "44999"}, "code_postal", "commune.postal", "Vérifiez"),
        ({"name": "???"}, "commune", "commune.name", "INSEE"),
        ({}, "commune", "commune.missing", "Donnez"),
        ({"code": NANTES, "name": "Rezé", "postal_code": "44400"}, "code_insee", "commune.contradiction", REZE),
    ],
)
def test_a_failure_says_which_value_why_and_what_to_do(
    asked: dict[str, str], field: str, code: str, remedy: str
) -> None:
    problem = locate(**asked)
    assert not isinstance(problem, Commune)
    assert (problem["field"], problem["code"]) == (field, code)
    assert remedy in problem["remedy"]
    assert problem["why"].endswith(".")


def test_a_problem_told_once_can_be_changed_by_who_asked() -> None:
    first = locate(code="44999")
    assert not isinstance(first, Commune)
    first["line"] = 12
    again = locate(code="44999")
    assert not isinstance(again, Commune)
    assert again["line"] is None


def test_every_commune_is_found_by_its_own_code_and_by_its_own_name_and_postal_code() -> None:
    lost = []
    for own in territory.communes():
        asked = [resolve(own.code), *(resolve(name=own.name, postal_code=postal) for postal in own.postal_codes[:1])]
        if any(found is None or found.code != own.code for found in asked):
            lost.append(own.name)
    assert lost == []


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=8), st.text(max_size=8))
def test_no_text_breaks_the_search(name: str, code: str, postal: str) -> None:
    found = locate(code, name, postal)
    assert isinstance(found, Commune) or found["why"]
    assert all(isinstance(one, Commune) for one in territory.complete(name, 3))
    assert territory.valid_zone(code) in (True, False)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_case_accents_hyphens_and_saints_do_not_count(data: st.DataObject) -> None:
    rows = territory_tables.communes()
    own = rows[data.draw(st.integers(0, len(rows) - 1))]
    if own.postal_codes:
        change = data.draw(st.sampled_from([str.upper, str.lower, str.swapcase, str.title]))
        name = change(own.name.replace("Saint-", data.draw(st.sampled_from(["St ", "Saint ", "St-", "SAINT-"]))))
        name = name.replace("'", data.draw(st.sampled_from(["’", " ", "'"])))
        found = resolve(name=name, postal_code=own.postal_codes[-1])
        assert found is not None
        assert found.code == own.code


# Departments, regions, EPCI, zones


def test_departments_regions_and_epci_have_names_and_slugs() -> None:
    nantes = territory.commune(NANTES)
    assert nantes is not None
    department, region = territory.department(nantes.department), territory.region(nantes.region)
    assert department == territory.department_by_slug("loire-atlantique")
    assert region == territory.region_by_slug("pays-de-la-loire")
    assert department is not None and region is not None
    assert (department.name, region.name) == ("Loire-Atlantique", "Pays de la Loire")
    assert nantes.epci is not None
    metropole = territory.epci(nantes.epci)
    assert metropole is not None
    assert (metropole.name, metropole.kind) == ("Nantes Métropole", "METRO")


@pytest.mark.parametrize("slug", ["cotes-d-armor", "cotes-darmor", "Côtes-d'Armor"])
def test_an_elision_in_a_slug_may_be_written_either_way(slug: str) -> None:
    found = territory.department_by_slug(slug)
    assert found is not None
    assert (found.code, found.slug) == ("22", "cotes-d-armor")


def test_every_commune_lies_in_a_known_department_region_and_epci() -> None:
    for own in territory.communes():
        department = territory.department(own.department)
        assert department is not None
        assert department.region == own.region
        assert territory.region(own.region) is not None
        assert own.epci is None or territory.epci(own.epci) is not None


def test_unknown_codes_answer_none() -> None:
    assert territory.commune("99999") is None
    assert territory.department("00") is None
    assert territory.region("99") is None
    assert territory.epci("123456789") is None
    assert territory.department_by_slug("atlantide") is None


def test_a_zone_includes_a_commune_by_any_of_its_codes() -> None:
    nantes, paris_15 = territory.commune(NANTES), territory.commune("75115")
    assert nantes is not None and paris_15 is not None
    assert territory.zone_codes(nantes) == (NANTES, "244400404", "44", "france", "99100")
    assert territory.zone_codes(paris_15) == ("75115", "75056", "200054781", "75", "france", "99100")


def test_every_code_of_a_zone_is_a_valid_one() -> None:
    for own in random.Random(3).sample(list(territory.communes()), 500):
        assert all(map(territory.valid_zone, territory.zone_codes(own)))
    assert all(map(territory.valid_zone, ("01091", "99109", "2A", "974")))
    assert not any(map(territory.valid_zone, ("", "99", "44999", "96", "France", "999999999", "99600")))


# Real rows


def test_the_communes_of_real_rows_are_found(test_data: Path) -> None:
    rows = _csv(test_data / "france-services" / "liste-fs-20240801.csv")
    by_code = [resolve(code=row["insee_com"]) for row in rows]
    by_words = [resolve(name=row["lib_com"], postal_code=row["code_postal"]) for row in rows]
    found = sum(one is not None for one in by_words)
    print(f"{len(rows)} rows: {sum(map(bool, by_code))} by code, {found} by name and postal code alone")
    assert all(by_code)
    assert found >= 2_830
    assert all(one is None or one == other for one, other in zip(by_words, by_code, strict=True))


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
