"""Records cleaned whole, field by field, by the rules of data·inclusion; and what real rows make of it."""

import csv
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.directory.formats import clean, clean_phone, clean_web, territory
from services.directory.formats.clean import Refused, check, check_all

Row = dict[str, str]


@pytest.mark.parametrize(
    ("field", "given", "value"),
    [
        ("thematiques", "numerique--acceder ; mobilite|mobilite", ["numerique--acceder", "mobilite"]),
        ("publics", ["femmes", " femmes ", ""], ["femmes"]),
        ("zone_eligibilite", "1; 44109\n01091, France", ["01", "44109", "01033", "france"]),
        ("zone_eligibilite", ["244400404", "2a", "99100"], ["244400404", "2A", "99100"]),
        ("volume_horaire_hebdomadaire", "3,5", 3.5),
        ("nombre_semaines", "12", 12),
        ("frais", " payant ", "payant"),
        ("frais_precisions", "<p>10&nbsp;€</p><p>par an</p>", "10 €\n\npar an"),
        ("adresse", "3 quai\nde la Fosse", "3 quai de la Fosse"),
        ("contact_nom_prenom", "Marie  DUPONT", "Marie DUPONT"),
        ("horaires_accueil", "Mo-Fr 09:00-12:00", "Mo-Fr 09:00-12:00"),
        ("telephone", "  ", None),
        ("publics", [], None),
        ("publics", ";", None),
        ("siret", None, None),
    ],
)
def test_each_field_has_its_rule_and_an_empty_value_is_none(field: str, given: object, value: object) -> None:
    assert check(field, given) == value


@pytest.mark.parametrize(
    ("field", "given", "code"),
    [
        ("zone_eligibilite", "44, 52bis", "zone.unknown"),
        ("volume_horaire_hebdomadaire", "-1", "number.range"),
        ("nombre_semaines", "0", "number.range"),
        ("nombre_semaines", "1,5", "number.whole"),
        ("description", "ici", "text.short"),
        ("description", "a" * 10_001, "text.long"),
        ("latitude", "95", "coordinates.latitude"),
        ("couleur", "bleu", "field.unknown"),
        ("nom", ["Le Relais"], "text.type"),
        ("adresse", {"rue": "de la Fosse"}, "text.type"),
        ("thematiques", [["a"]], "text.type"),
    ],
)
def test_a_value_out_of_its_limits_is_refused(field: str, given: object, code: str) -> None:
    with pytest.raises(Refused) as caught:
        check(field, given)
    assert caught.value.code == code


def test_a_refusal_is_a_problem_that_can_be_shown() -> None:
    with pytest.raises(Refused) as caught:
        check("siret", "13003013300017")
    problem = caught.value.problem("siret", "13003013300017", line=12)
    assert problem["line"] == 12
    assert (problem["field"], problem["value"], problem["code"]) == ("siret", "13003013300017", "siret.checksum")
    assert problem["why"].startswith("La clé de contrôle")
    assert len(caught.value.problem("description", "x" * 999)["value"]) == 200


def test_a_record_is_cleaned_whole_and_tells_what_was_refused_and_what_was_left() -> None:
    found = check_all(
        {
            "nom": "Le Relais.",
            "telephone": "02 40 41 90 00 / 06 12 34 56 78 (Anne)",
            "courriel": "pas d'adresse",
            "site_web": "www.exemple.fr",
            "latitude": "-1,55",
            "longitude": "47,2",
            "description": "",
        }
    )
    assert found.fields == {
        "nom": "Le Relais",
        "telephone": "+33240419000",
        "site_web": "https://www.exemple.fr",
        "latitude": 47.2,
        "longitude": -1.55,
    }
    assert [(problem["field"], problem["code"]) for problem in found.problems] == [("courriel", "email.invalid")]
    assert [(note["field"], note["code"]) for note in found.notes] == [
        ("telephone", "cell.others"),
        ("telephone", "cell.rest"),
    ]
    assert "+33612345678" in found.notes[0]["why"]


@pytest.mark.parametrize(
    ("lat", "lon", "field", "code"),
    [
        ("47.2", "", "longitude", "coordinates.half"),
        (None, "1.5", "latitude", "coordinates.half"),
        ("95", "1.5", "latitude", "coordinates.latitude"),
        ("47", "est", "longitude", "coordinates.longitude"),
    ],
)
def test_coordinates_go_in_pairs(lat: object, lon: object, field: str, code: str) -> None:
    found = check_all({"latitude": lat, "longitude": lon})
    assert found.fields == {}
    assert [(problem["field"], problem["code"]) for problem in found.problems] == [(field, code)]


# Real rows


@pytest.fixture(scope="module")
def rows(test_data: Path) -> list[Row]:
    with (test_data / "france-services" / "liste-fs-20240801.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def cleaned(row: Row) -> clean.Checked:
    place = territory.resolve(row["insee_com"], row["lib_com"], row["code_postal"])
    return check_all(
        {
            "nom": row["lib_fs"],
            "adresse": row["adresse"],
            "complement_adresse": row["complement_adresse"],
            "code_postal": row["code_postal"],
            "commune": place and place.name,
            "code_insee": place and place.code,
            "latitude": row["latitude"],
            "longitude": row["longitude"],
            "telephone": row["telephone"],
            "courriel": row["mail"],
            "site_web": f"www.lieu-{row['id_fs']}.fr/accueil",
            "frais_precisions": row["commentaire"],
            "date_maj": "2024-08-01",
        }
    )


def test_nearly_all_values_of_real_rows_are_clean_and_none_is_lost(rows: list[Row]) -> None:
    found = [cleaned(row) for row in rows]
    kept = Counter(field for one in found for field in one.fields)
    told = Counter(problem["code"] for one in found for problem in [*one.problems, *one.notes])
    print(f"{len(rows)} rows: {kept['telephone']} telephones, {kept['courriel']} e-mails kept; told: {dict(told)}")
    for column, field in (
        ("telephone", "telephone"),
        ("mail", "courriel"),
        ("latitude", "latitude"),
        ("lib_fs", "nom"),
    ):
        assert kept[field] >= sum(bool(row[column]) for row in rows)
    assert kept["code_insee"] == len(rows)
    assert told["cell.others"] == 2


def test_clean_fields_pass_the_models_of_data_inclusion(rows: list[Row]) -> None:
    from data_inclusion.schema.v1 import Structure

    for row in rows:
        fields: dict[str, Any] = {**cleaned(row).fields, "source": "fs", "id": f"fs--{row['id_fs']}"}
        fields.pop("frais_precisions", None)
        assert Structure.model_validate(fields).nom == fields["nom"]


def test_cleaning_a_row_takes_no_longer_than_checking_five_numbers(rows: list[Row]) -> None:
    """90 µs on an idle machine; the bare library, timed in the same run, tells how busy this one is."""
    import phonenumbers

    cleaned(rows[0])
    numbers = [row["telephone"] for row in rows if row["telephone"]][:1000]

    def bare() -> None:
        for number in numbers:
            phonenumbers.is_valid_number(phonenumbers.parse(number, "FR"))

    def ours() -> None:
        for cache in (clean_phone._exists, clean_web._domain):
            cache.cache_clear()
        for row in rows[:1000]:
            cleaned(row)

    timed = [(seconds(ours), seconds(bare)) for _ in range(7)]
    ratio = min(one / other for one, other in timed)
    ours_us = min(one for one, _ in timed) * 1000
    print(f"{ours_us:.0f} µs a row, every telephone and domain new: {ratio:.1f} telephones checked by the bare library")
    assert ratio < 5


def seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
