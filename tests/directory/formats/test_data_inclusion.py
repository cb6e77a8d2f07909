"""Records as data·inclusion says them: items, files, and the way there and back."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from services.directory.formats import data_inclusion, quality
from services.directory.formats.drafts import Draft
from services.directory.formats.reading import read
from services.directory.formats.vocabulary import FIELDS, IDENTIFIERS
from services.directory.formats.writing import Written, write
from services.kernel.errors import ValidationError
from tests.directory.formats.records import exports, record_of

STRUCTURE: Draft = {"kind": "structure", "source": "essai", "source_id": "1", "fields": {"nom": "Le Grain"}}
SERVICE: Draft = {
    "kind": "service", "source": "essai", "source_id": "a", "structure_source_id": "1",
    "fields": {"nom": "Repas", "thematiques": ["remobilisation--lien-social"], "nombre_semaines": 3},
}  # fmt: skip
RECORDS = [record_of(STRUCTURE), record_of(SERVICE)]


def test_an_item_has_every_field_of_v1_null_where_nothing_is_said() -> None:
    item = data_inclusion.service_item(RECORDS[1], RECORDS[0])
    assert list(item) == [*IDENTIFIERS["service"], *FIELDS["service"]]
    assert (item["id"], item["structure_id"], item["telephone"]) == ("essai--a", "essai--1", None)


def test_what_v1_requires_and_nobody_said_is_the_day_of_the_last_change_and_the_name() -> None:
    item = data_inclusion.service_item(RECORDS[1], RECORDS[0])
    assert (item["date_maj"], item["description"]) == ("2026-03-02", "Repas")
    short = {**RECORDS[1], "fields": {"nom": "CAF"}}
    assert data_inclusion.service_item(short, RECORDS[0])["description"] == "Service CAF"


def test_making_an_item_leaves_the_record_alone() -> None:
    before = json.dumps(RECORDS)
    data_inclusion.service_item(RECORDS[1], RECORDS[0])
    data_inclusion.api_structure(RECORDS[0])
    assert json.dumps(RECORDS) == before


def test_the_api_adds_what_an_export_does_not_say() -> None:
    item = data_inclusion.api_structure(RECORDS[0] | {"extra": {"adresse_certifiee": True}})
    assert (item["adresse_certifiee"], item["score_qualite"]) == (True, quality.score(RECORDS[0]))
    assert data_inclusion.api_service(RECORDS[1], RECORDS[0])["adresse_certifiee"] is False
    assert "score_qualite" not in data_inclusion.structure_item(RECORDS[0])


@pytest.mark.alone
def test_an_item_takes_a_few_microseconds() -> None:
    start = time.process_time()
    for _ in range(20_000):
        data_inclusion.service_item(RECORDS[1], RECORDS[0])
    assert (time.process_time() - start) / 20_000 < 20e-6


def items_of(written: Written) -> dict[str, list[dict[str, Any]]]:
    (path,) = written.files
    parsed: dict[str, list[dict[str, Any]]] = json.loads(path.read_bytes())
    return parsed


def test_one_json_file_whatever_the_order_of_the_records(tmp_path: Path) -> None:
    service = RECORDS[1] | {"structure_source_id": "1"}
    written = write("data-inclusion", tmp_path / "new" / "export.json", [service, RECORDS[0]])
    assert (written.structures, written.services) == (1, 1)
    parsed = items_of(written)
    assert [item["id"] for item in parsed["structures"] + parsed["services"]] == ["essai--1", "essai--a"]
    assert items_of(write("data-inclusion", tmp_path / "none.json", [])) == {"structures": [], "services": []}
    assert [path.name for path in sorted(tmp_path.rglob("*.*"))] == ["export.json", "none.json"]


def test_two_files_in_a_folder_or_beside_a_name(tmp_path: Path) -> None:
    def names(format: str, out: Path) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in write(format, out, RECORDS).files]

    assert names("data-inclusion", tmp_path / "all") == ["all/structures.json", "all/services.json"]
    assert names("data-inclusion", tmp_path / "x.jsonl") == ["x-structures.jsonl", "x-services.jsonl"]
    assert names("csv", tmp_path / "x.csv") == ["x-structures.csv", "x-services.csv"]


def test_tombstones_are_passed_over_and_what_v1_cannot_say_is_named(tmp_path: Path) -> None:
    gone = {key: value for key, value in RECORDS[0].items() if key != "fields"}
    nameless = RECORDS[0] | {"fields": {}}
    written = write("csv", tmp_path, [gone, nameless, RECORDS[1]])
    assert (written.structures, written.services) == (0, 0)
    assert written.left_out == [RECORDS[0]["id"], RECORDS[1]["id"]]


def test_an_export_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    def failing() -> Iterable[dict[str, Any]]:
        yield RECORDS[0]
        raise OSError("disk full")

    write("data-inclusion", tmp_path / "x.json", RECORDS)
    before = (tmp_path / "x.json").read_bytes()
    with pytest.raises(OSError, match="disk full"):
        write("data-inclusion", tmp_path / "x.json", failing())
    assert (tmp_path / "x.json").read_bytes() == before


def test_an_unknown_format_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="data-inclusion, hsds, hsds-csv, csv"):
        write("pdf", tmp_path, RECORDS)


@pytest.mark.parametrize(
    ("format", "out"), [("data-inclusion", "x.json"), ("data-inclusion", "x"), ("data-inclusion", "x.jsonl")]
)
@given(exported=exports())
@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_what_is_exported_is_read_back_the_same_and_exported_the_same(
    tmp_path: Path, format: str, out: str, exported: dict[str, list[dict[str, Any]]]
) -> None:
    (tmp_path / "given.json").write_text(json.dumps(exported), encoding="utf-8")
    drafts = [draft for row in read([tmp_path / "given.json"]) for draft in row.drafts]
    there = write(format, tmp_path / out, map(record_of, drafts))
    bytes_there = [path.read_bytes() for path in there.files]
    back = list(read(there.files)) if there.structures else []
    assert [row.problems + row.warnings for row in back if row.problems + row.warnings] == []
    drafts_back = [draft for row in back for draft in row.drafts]
    said = [(draft["kind"], draft["source_id"], _said(draft)) for draft in drafts if _kept(draft, drafts)]
    assert [(draft["kind"], draft["source_id"], draft["fields"]) for draft in drafts_back] == said
    again = write(format, tmp_path / out, map(record_of, drafts_back))
    assert [path.read_bytes() for path in again.files] == bytes_there


def _said(draft: Draft) -> dict[str, Any]:
    """The fields of a draft as v1 makes them: a service has a description."""
    if draft["kind"] == "structure" or "description" in draft["fields"]:
        return draft["fields"]
    name = draft["fields"]["nom"]
    return draft["fields"] | {"description": name if len(name) >= 5 else f"Service {name}"}


def _kept(draft: Draft, drafts: list[Draft]) -> bool:
    """Whether v1 can say it: the structure of a service must be there."""
    structures = {one["source_id"] for one in drafts if one["kind"] == "structure"}
    return draft["kind"] == "structure" or draft["structure_source_id"] in structures
