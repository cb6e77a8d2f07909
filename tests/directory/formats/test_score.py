"""The share of filled fields."""

import json
import timeit
from pathlib import Path

import pytest

from services.directory.formats.score import score
from services.directory.formats.vocabulary import FIELDS, SERVICE_FIELDS


def test_nothing_filled_is_nought_and_everything_is_one() -> None:
    assert score("structure", {}) == 0.0
    assert score("service", dict.fromkeys(SERVICE_FIELDS, "x")) == 1.0


def test_empty_values_and_unknown_names_do_not_count() -> None:
    empty = {"nom": "", "telephone": None, "publics": [], "siret_old": "x", "id": "a--1"}
    assert score("service", empty) == 0.0
    assert score("service", {**empty, "nom": "Un", "longitude": 0.0}) == round(2 / len(SERVICE_FIELDS), 2)


@pytest.mark.parametrize("kind", ("structure", "service"))
def test_the_fields_counted_are_those_of_the_schema(kind: str, test_data: Path) -> None:
    schema = json.loads((test_data / "data-inclusion-v1" / "jsonschema" / f"{kind}s.json").read_text())
    theirs = set(schema["$defs"][kind.title()]["properties"])
    assert set(FIELDS[kind]) == theirs - {"source", "id", "structure_id"}


def test_a_score_takes_a_few_microseconds() -> None:
    fields = {name: ["x"] for name in SERVICE_FIELDS}
    best_s = min(timeit.repeat(lambda: score("service", fields), number=1000, repeat=5)) / 1000
    assert best_s < 20e-6, f"{best_s * 1e6:.1f} µs"
