"""Tables, workbooks and maps: what is written comes back the same, and runs nothing where it is opened."""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.directory.formats.cells import bare, guarded
from services.directory.formats.drafts import BESIDE, Draft
from services.directory.formats.reading import read
from services.directory.formats.vocabulary import COLUMNS
from services.directory.formats.writing import FORMATS, MEDIA_TYPES, format_for, write
from services.kernel.errors import ValidationError
from tests.directory.formats.records import RUN, SAID, exports, own_parts, record_of

FEW = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
STRUCTURE: dict[str, Any] = {
    "kind": "structure", "source": "essai", "source_id": "1", "sectors": ["logement"], "ess": "yes",
    "legal_form": "9220", "languages": ["ar", "fr"], "memberships": [{"name": "LIS", "scale": "national"}],
    "argumentaire": {"link": "=HYPERLINK(1)", "governance": "Une voix."}, "extra": {"rna": "W442001234", "unread": {}},
    "fields": {"nom": "=1+1 Grain", "date_maj": "2026-01-31", "latitude": 47.2, "longitude": -1.5541,
               "telephone": "+33240123456", "description": "@ tous\n- un\n- deux"},
}  # fmt: skip
SERVICE: dict[str, Any] = {
    "kind": "service", "source": "essai", "source_id": "a", "structure_source_id": "1", "languages": ["en"],
    "fields": {"nom": "Repas", "date_maj": "2026-01-31", "description": "Un repas.", "nombre_semaines": 3,
               "volume_horaire_hebdomadaire": 1.5, "thematiques": ["remobilisation--lien-social"]},
}  # fmt: skip
TRUSTED = {"verified_at": "2026-05-01T08:00:00Z", "confirmed_at": None, "licence": "Licence Ouverte 2.0",
           "review_since": "2026-06-01T08:00:00Z", "attribution": "RADAR"}  # fmt: skip


def records(*drafts: dict[str, Any]) -> list[dict[str, Any]]:
    return [record_of(draft) | TRUSTED for draft in drafts]  # type: ignore[arg-type]


def said(draft: Draft) -> dict[str, Any]:
    """All that a draft says."""
    beside = {name: draft.get(name) for name in BESIDE if draft.get(name)}
    beside["sectors"] = sorted(draft.get("sectors", ()))
    return {"kind": draft["kind"], "id": draft["source_id"], "fields": draft["fields"], **beside}


def there_and_back(format: str, out: Path, drafts: list[Draft]) -> list[Draft]:
    """What a second node reads of an export; it must read it without a word."""
    written = write(format, out, map(record_of, drafts))
    back = list(read(written.files)) if written.structures else []
    assert [row.problems + row.warnings for row in back if row.problems + row.warnings] == []
    return [draft for row in back for draft in row.drafts]


@pytest.mark.parametrize("format", ["csv", "xlsx", "geojson"])
@given(exported=exports(), own=st.lists(own_parts(), min_size=3, max_size=3))
@FEW
def test_whatever_a_record_says_comes_back_the_same(
    tmp_path: Path, format: str, exported: dict[str, list[dict[str, Any]]], own: list[dict[str, Any]]
) -> None:
    (tmp_path / "given.json").write_text(json.dumps(exported), encoding="utf-8")
    drafts = [draft for row in read([tmp_path / "given.json"]) for draft in row.drafts]
    structures = [draft for draft in drafts if draft["kind"] == "structure"]
    for draft, parts in zip(structures, own, strict=False):
        draft.update({**parts, "extra": draft.get("extra", {}) | parts.get("extra", {})})  # type: ignore[typeddict-item]
    known = {draft["source_id"] for draft in structures}
    drafts = [draft for draft in drafts if draft.get("structure_source_id", "") in known | {""}]
    for draft in drafts:
        draft["fields"].setdefault("description", "Ce que dit sa source.")
    back = there_and_back(format, tmp_path / "out", drafts)
    assert list(map(said, back)) == list(map(said, drafts))


@given(text=st.text(max_size=12) | st.sampled_from(RUN) | st.from_regex(r"'*[=+@-].{0,3}", fullmatch=True))
def test_a_guarded_cell_comes_back_and_begins_with_no_formula(text: str) -> None:
    cell = guarded(text)
    assert bare(cell) == text
    assert cell[:1] not in "=@\t\r\n" or not cell
    if cell[:1] in ("+", "-"):
        float(cell)  # a plain number, which does nothing


def test_no_cell_of_a_csv_is_run_and_numbers_stay_numbers(tmp_path: Path) -> None:
    structures, services = write("csv", tmp_path, records(STRUCTURE, SERVICE)).files
    with structures.open(encoding="utf-8", newline="") as lines:
        [row] = csv.DictReader(lines)
    assert tuple(row) == COLUMNS["structure"]
    assert (row["nom"], row["telephone"], row["longitude"]) == ("'=1+1 Grain", "+33240123456", "-1.5541")
    assert (row["argumentaire_link"], row["languages"]) == ("'=HYPERLINK(1)", '["ar","fr"]')
    assert (row["verified_at"], row["review_since"], row["licence"], row["rna"]) == (
        TRUSTED["verified_at"],
        TRUSTED["review_since"],
        "Licence Ouverte 2.0",
        "W442001234",
    )
    assert "'" not in services.read_text("utf-8")


def test_no_cell_of_a_workbook_is_a_formula(tmp_path: Path) -> None:
    [path] = write("xlsx", tmp_path / "x.xlsx", records(STRUCTURE, SERVICE)).files
    with zipfile.ZipFile(path) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if "/worksheets/" in name]
    assert len(sheets) == 2 and not any("<f>" in sheet or "<f " in sheet or 't="e"' in sheet for sheet in sheets)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["structures", "services"]
    for sheet in book.worksheets:
        assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    head, row = book["structures"].iter_rows(values_only=True)
    cells = dict(zip(head, row, strict=True))
    assert (cells["nom"], cells["telephone"], cells["longitude"]) == ("=1+1 Grain", "+33240123456", -1.5541)


@given(texts=st.lists(SAID | st.text(max_size=20), min_size=4, max_size=4))
@FEW
def test_a_workbook_of_any_text_opens_without_formula(tmp_path: Path, texts: list[str]) -> None:
    parts = dict(zip(("link", "participation", "added_value", "governance"), texts, strict=True))
    [path] = write("xlsx", tmp_path / "x.xlsx", records(STRUCTURE | {"argumentaire": parts})).files
    with zipfile.ZipFile(path) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
    sheet = openpyxl.load_workbook(path)["structures"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


def test_signs_that_a_workbook_cannot_hold_are_left_out(tmp_path: Path) -> None:
    fields = {"nom": "Le\x0bGrain\uffff", "description": "#N/A", "date_maj": "2026-01-31"}
    [path] = write("xlsx", tmp_path, records(STRUCTURE | {"fields": fields})).files
    head, row = openpyxl.load_workbook(path)["structures"].iter_rows(values_only=True)
    cells = dict(zip(head, row, strict=True))
    assert (path.name, cells["nom"], cells["description"]) == ("annuaire.xlsx", "LeGrain", "#N/A")


def test_a_map_is_one_collection_with_null_where_there_is_no_point(tmp_path: Path) -> None:
    [path] = write("geojson", tmp_path, records(STRUCTURE, SERVICE)).files
    collection = json.loads(path.read_bytes())
    place, offer = collection["features"]
    assert collection["type"] == "FeatureCollection" and path.name == "annuaire.geojson"
    assert place["geometry"] == {"type": "Point", "coordinates": [-1.5541, 47.2]}
    assert offer["geometry"] is None
    assert place["id"] == record_of(STRUCTURE)["id"]  # type: ignore[arg-type]
    assert (place["properties"]["kind"], place["properties"]["argumentaire_governance"]) == ("structure", "Une voix.")
    assert not {"longitude", "latitude", "siret"} & place["properties"].keys()
    assert json.loads(write("geojson", tmp_path / "vide", []).files[0].read_bytes())["features"] == []


def test_a_map_of_another_making_is_read_by_its_properties_and_points(tmp_path: Path) -> None:
    feature = {"type": "Feature", "id": 7, "geometry": {"type": "Point", "coordinates": [-1.55, 47.2, 12]},
               "properties": {"nom": "Le Grain", "kind": "café"}}  # fmt: skip
    (tmp_path / "lieux.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    [row] = read([tmp_path / "lieux.geojson"], source="carte")
    [draft] = row.drafts
    assert (draft["source_id"], draft["fields"]["longitude"], draft["fields"]["latitude"]) == ("7", -1.55, 47.2)
    assert draft["extra"]["unread"] == {"kind": "café"}


def test_parquet_has_lists_as_lists_and_numbers_as_numbers(tmp_path: Path) -> None:
    import pyarrow.parquet

    files = write("parquet", tmp_path / "x.parquet", records(STRUCTURE, SERVICE)).files
    assert [path.name for path in files] == ["x-structures.parquet", "x-services.parquet"]
    [structure], [service] = (pyarrow.parquet.read_table(path).to_pylist() for path in files)
    assert tuple(structure) == COLUMNS["structure"]
    assert (structure["languages"], structure["longitude"], structure["nom"]) == (["ar", "fr"], -1.5541, "=1+1 Grain")
    assert structure["memberships"] == [{"name": "LIS", "scale": "national", "territory": None}]
    assert (service["nombre_semaines"], service["volume_horaire_hebdomadaire"]) == (3, 1.5)


def test_parquet_without_its_library_says_how_to_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValidationError, match=r"pip install 'maillage\[parquet\]'"):
        write("parquet", tmp_path, records(STRUCTURE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", list(FORMATS))
def test_an_export_that_fails_leaves_the_last_one_and_nothing_beside_it(tmp_path: Path, format: str) -> None:
    def failing() -> Any:
        yield records(STRUCTURE)[0]
        raise OSError("disk full")

    before = {path: path.read_bytes() for path in write(format, tmp_path, records(STRUCTURE, SERVICE)).files}
    with pytest.raises(OSError, match="disk full"):
        write(format, tmp_path, failing())
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert all(path.suffix in MEDIA_TYPES for path in before)


def test_the_extension_of_a_file_says_the_format() -> None:
    said = [format_for(Path(name)) for name in ("a.csv", "a.XLSX", "a.geojson", "a.parquet", "a.json", "a.jsonl", "a")]
    assert said == ["csv", "xlsx", "geojson", "parquet", "data-inclusion", "data-inclusion", "data-inclusion"]
