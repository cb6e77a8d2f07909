"""The export is data·inclusion v1: 2,845 real places and their services, all of them, by the models of its authors."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from data_inclusion.schema import v1
from hypothesis import HealthCheck, given, settings

from services.directory.formats.drafts import Draft
from services.directory.formats.reading import read
from services.directory.formats.writing import Written, write
from services.directory.rules import check_draft
from tests.directory.formats.records import exports, record_of

MODELS = {"structures": v1.Structure, "services": v1.Service}
PLACES = 2845


@pytest.fixture(scope="module")
def drafts(test_data: Path) -> list[Draft]:
    places = test_data / "france-services" / "liste-fs-20240801.csv"
    return [draft for row in read([places], "france-services") for draft in row.drafts]


def invalid(items: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What the models of data-inclusion-schema say of the items, their warnings included."""
    wrong = []
    for section, found in items.items():
        for item in found:
            try:
                MODELS[section].model_validate_json(orjson.dumps(item), context={"ignore_warnings": False})
            except ValueError as error:
                wrong.append(f"{item['id']}: {error}")
    return wrong


def parsed(written: Written) -> dict[str, list[dict[str, Any]]]:
    if len(written.files) == 1:
        whole: dict[str, list[dict[str, Any]]] = orjson.loads(written.files[0].read_bytes())
        return whole
    return {path.stem: orjson.loads(path.read_bytes()) for path in written.files}


def test_all_real_places_are_valid(drafts: list[Draft], tmp_path: Path) -> None:
    written = write("data-inclusion", tmp_path / "export.json", map(record_of, drafts))
    items = parsed(written)
    assert (written.structures, written.services, written.left_out) == (PLACES, PLACES, [])
    assert {section: len(found) for section, found in items.items()} == {"structures": PLACES, "services": PLACES}
    assert invalid(items) == []


@pytest.mark.parametrize("format", ["data-inclusion", "csv", "geojson", "xlsx"])
def test_all_real_places_are_the_same_after_import_into_a_second_node(
    drafts: list[Draft], tmp_path: Path, format: str
) -> None:
    there = write(format, tmp_path / "first", map(record_of, sorted(drafts, key=lambda one: one["kind"] == "service")))
    back = list(read(there.files))
    assert [row.problems + row.warnings for row in back if row.problems or row.warnings] == []
    drafts_back = {(draft["kind"], draft["source_id"]): draft for row in back for draft in row.drafts}
    assert len(drafts_back) == 2 * PLACES
    for draft in drafts:
        other = drafts_back[draft["kind"], draft["source_id"]]
        assert other["fields"] == draft["fields"]
        assert other.get("structure_source_id") == draft.get("structure_source_id")
    again = write(format, tmp_path / "second", (record_of(draft) for row in back for draft in row.drafts))
    if format != "xlsx":  # a workbook tells when it was written
        assert [path.read_bytes() for path in again.files] == [path.read_bytes() for path in there.files]


def test_the_directory_takes_every_draft(drafts: list[Draft]) -> None:
    assert [problems for draft in drafts if (problems := check_draft(draft))] == []


@given(exported=exports())
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_whatever_a_source_says_what_is_exported_of_it_is_valid(
    tmp_path: Path, exported: dict[str, list[dict[str, Any]]]
) -> None:
    (tmp_path / "given.json").write_bytes(orjson.dumps(exported))
    found = [draft for row in read([tmp_path / "given.json"]) for draft in row.drafts]
    assert [problems for draft in found if (problems := check_draft(draft))] == []
    assert invalid(parsed(write("data-inclusion", tmp_path / "export.json", map(record_of, found)))) == []
