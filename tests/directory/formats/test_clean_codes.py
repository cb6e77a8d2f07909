"""SIRET, codes, dates, numbers and coordinates: checked, and mended where spreadsheets break them."""

import datetime
from typing import Any

import pytest

from services.directory.formats import clean
from services.directory.formats.clean import Refused
from services.kernel import clock


def refusal(clean_one: Any, *values: object) -> Refused:
    with pytest.raises(Refused) as caught:
        clean_one(*values)
    return caught.value


@pytest.mark.parametrize(
    ("given", "digits"),
    [
        ("13003013300016", "13003013300016"),
        ("SIRET : 130 030 133 00016", "13003013300016"),
        (13003013300016.0, "13003013300016"),
        ("35600000009075", "35600000009075"),
        ("35600000000048", "35600000000048"),
        ("0572078400015", "00572078400015"),
    ],
)
def test_a_siret_keeps_its_digits(given: object, digits: str) -> None:
    assert clean.siret(given) == digits


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("13003013300017", "siret.checksum"),
        ("130030133", "siret.siren"),
        ("1,30030133E+13", "siret.rounded"),
        ("1300301330001", "siret.length"),
        ("en cours", "siret.format"),
    ],
)
def test_a_wrong_siret_says_what_is_wrong(given: str, code: str) -> None:
    assert refusal(clean.siret, given).code == code


def test_associations_have_a_number_of_their_own() -> None:
    assert clean.rna("w 442 001 234") == "W442001234"
    assert clean.rna("W2A1000123") == "W2A1000123"
    assert refusal(clean.rna, "442001234").code == "rna.format"


@pytest.mark.parametrize(
    ("given", "code"),
    [(1400, "01400"), ("44 000", "44000"), ("F-44000", "44000"), ("44262 CEDEX 2", "44262"), (97200.0, "97200")],
)
def test_a_postal_code_has_five_digits(given: object, code: str) -> None:
    assert clean.postal_code(given) == code


def test_a_wrong_postal_code_is_refused() -> None:
    assert refusal(clean.postal_code, "440").code == "postal_code.format"
    assert refusal(clean.postal_code, "99123").code == "postal_code.department"


def test_a_code_of_commune_is_one_of_today() -> None:
    assert clean.code_insee(1001) == "01001"
    assert clean.code_insee("2a004") == "2A004"
    assert clean.code_insee("01091") == "01033"
    assert clean.code_insee("75115") == "75115"
    assert "44109" in refusal(clean.code_insee, "44000").remedy


@pytest.mark.parametrize(
    ("given", "day"),
    [
        ("2026-11-03", "2026-11-03"),
        ("03/11/2026", "2026-11-03"),
        ("3.11.2026 10:30", "2026-11-03"),
        ("2026-11-03T23:30:00.123Z", "2026-11-03"),
        ("20261103", "2026-11-03"),
        ("1er août 2020", "2020-08-01"),
        ("lundi 3 févr. 2020", "2020-02-03"),
        (datetime.date(2026, 11, 3), "2026-11-03"),
        (datetime.datetime(2026, 11, 3, 10, 30, tzinfo=datetime.UTC), "2026-11-03"),
    ],
)
def test_a_date_is_read_in_french_and_iso(given: object, day: str) -> None:
    assert clean.date(given) == day


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("31/02/2026", "date.impossible"),
        ("12 jui 2026", "date.impossible"),
        ("03/11/26", "date.format"),
        ("45292", "date.format"),
        ("hier", "date.format"),
    ],
)
def test_a_date_that_is_none_or_doubtful_is_refused(given: str, code: str) -> None:
    assert refusal(clean.date, given).code == code


def test_a_date_of_update_lies_between_2000_and_today() -> None:
    today = clock.now().date().isoformat()
    assert clean.check("date_maj", today) == today
    assert refusal(clean.check, "date_maj", "2999-01-01").code == "date.future"
    assert refusal(clean.check, "date_maj", "31/12/1999").code == "date.old"


def test_oui_and_non_are_truth_values() -> None:
    assert [clean.boolean(word) for word in ("Oui", "VRAI", 1, "x", True)] == [True] * 5
    assert [clean.boolean(word) for word in ("non", "Faux", 0, "no", False)] == [False] * 5
    assert refusal(clean.boolean, "peut-être").code == "boolean.format"


@pytest.mark.parametrize(
    ("lat", "lon", "point"),
    [
        ("47,2184", "-1,5536", (47.2184, -1.5536)),
        (46.1060711578546, 5.8260084241619, (46.1060712, 5.8260084)),
        ("-1.5536", "47.2184", (47.2184, -1.5536)),
        ("55.5", "-21.1", (-21.1, 55.5)),
        (-12.8, 45.2, (-12.8, 45.2)),
        (48.85, 2.35, (48.85, 2.35)),
        (52.5, 13.4, (52.5, 13.4)),
    ],
)
def test_coordinates_are_degrees_and_put_right_when_certainly_swapped(
    lat: object, lon: object, point: tuple[float, float]
) -> None:
    assert clean.coordinates(lat, lon) == point


@pytest.mark.parametrize(
    ("lat", "lon", "code"),
    [
        (0, 0, "coordinates.zero"),
        (95, 10, "coordinates.latitude"),
        (47, 181, "coordinates.longitude"),
        (355000, 6689000, "coordinates.projected"),
        ("47°12'", "1", "coordinates.latitude"),
        ("nan", "1", "coordinates.latitude"),
    ],
)
def test_wrong_coordinates_are_refused(lat: object, lon: object, code: str) -> None:
    assert refusal(clean.coordinates, lat, lon).code == code
