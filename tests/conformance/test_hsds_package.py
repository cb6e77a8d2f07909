"""The tabular package of HSDS 3.1: the standard's own tables, the way there and back, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.directory.formats.drafts import Draft
from services.directory.formats.hsds_tables import BEYOND, TABLES
from services.directory.formats.reading import detect, read
from services.directory.formats.writing import write
from services.kernel.errors import ValidationError
from tests.conformance.test_hsds import OWN, essence, key, told
from tests.directory.formats.records import RUN, exports, record_of

PLACES = 2845
ORGANIZATION = {"id": "5c4d79d7-cc55-470e-9f1f-8cad074e4892", "name": "Maison", "description": "Une maison."}
SERVICE = {"id": "ac148810-d857-441c-9679-408f346de14b", "organization_id": ORGANIZATION["id"], "name": "Écoute",
           "status": "active"}  # fmt: skip


@pytest.fixture(scope="module")
def drafts(test_data: Path) -> list[Draft]:
    places = test_data / "france-services" / "liste-fs-20240801.csv"
    return [draft for row in read([places], "france-services") for draft in row.drafts]


def tables_of(path: Path) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(path) as archive:
        return {
            name: list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline="")))
            for name in archive.namelist() if name.endswith(".csv")
        }  # fmt: skip


def described(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        found: dict[str, Any] = orjson.loads(archive.read("datapackage.json"))
    return found


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return path


def sheet(*rows: Mapping[str, Any]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def refusal(path: Path) -> Any:
    with pytest.raises(ValidationError) as refused:
        list(read([path], source="essai"))
    [problem] = refused.value.details or ()
    assert problem["why"] and problem["remedy"]
    return problem


def test_tables_and_columns_are_those_of_the_standard(test_data: Path) -> None:
    standard = json.loads((test_data / "hsds-3.1" / "datapackage.json").read_text())
    assert [(each["name"], each["path"]) for each in standard["resources"]] == [
        (table.name, table.file) for table in TABLES.values()
    ]
    for each in standard["resources"]:
        fields, table = each["schema"]["fields"], TABLES[each["name"]]
        if table.name in ("service_capacity", "unit"):  # of which it leaves most out
            examples = test_data / "hsds-3.1" / "examples" / "csv" / table.file
            assert list(table.columns) == examples.read_text().splitlines()[0].split(",")
            continue
        assert {field["name"]: field["type"] for field in fields} == table.columns
        assert list(table.columns) == [field["name"] for field in fields]
        assert {field["name"] for field in fields if field["constraints"]["required"]} == table.required
        keys = {one["fields"]: one["reference"]["resource"] for one in each["schema"].get("foreignKeys", ())}
        assert keys == table.refers


def test_all_real_places_are_the_same_after_a_package_as_after_json(drafts: list[Draft], tmp_path: Path) -> None:
    written = write("hsds-csv", tmp_path / "paquet.zip", map(record_of, drafts))
    assert (written.structures, written.services, written.left_out) == (PLACES, PLACES, [])
    assert detect(written.files).source == "france-services"
    back = told(read(written.files))
    assert back == {key(draft): essence(draft) for draft in drafts}
    assert back == told(read(write("hsds", tmp_path / "e.json", map(record_of, drafts)).files))
    keeps_its_description(written.files[0])


def keeps_its_description(path: Path) -> None:
    """Every rule of `datapackage.json`, applied to the files: columns, filled, unique, pointing at what is there."""
    tables = tables_of(path)
    resources = {each["name"]: each for each in described(path)["resources"]}
    assert {each["path"] for each in resources.values()} == tables.keys()
    ids = {name: {row["id"] for row in tables[each["path"]]} for name, each in resources.items()}
    for each in resources.values():
        rows, schema = tables[each["path"]], each["schema"]
        assert len(ids[each["name"]]) == len(rows)
        for field in schema["fields"]:
            cells = [row[field["name"]] for row in rows]
            assert all(cells) or not field.get("constraints", {}).get("required")
            assert not any(cell.startswith(("=", "@", "\t", "\r", "\n")) for cell in cells)
            if field["type"] == "number":
                assert [cell for cell in cells if cell and float(cell) != float(cell)] == []
        for one in schema.get("foreignKeys", ()):
            named = {row[one["fields"]] for row in rows} - {""}
            assert named <= ids[one["reference"]["resource"]], (each["name"], one)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(exported=exports())
def test_law_what_a_record_says_survives_the_package_and_back(
    exported: dict[str, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("package")
    (folder / "given.json").write_bytes(orjson.dumps(exported))
    drafts = [draft for row in read([folder / "given.json"]) for draft in row.drafts]
    known = {draft["source_id"] for draft in drafts if draft["kind"] == "structure"}
    drafts = [draft for draft in drafts if draft.get("structure_source_id", draft["source_id"]) in known]
    written = write("hsds-csv", folder / "e.zip", map(record_of, drafts))
    assert told(read(written.files)) == {key(draft): essence(draft) for draft in drafts}
    keeps_its_description(written.files[0])


WORD = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12) | st.sampled_from(RUN)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3), max_leaves=6,
)  # fmt: skip
ID = st.sampled_from(["c1", "c2", ORGANIZATION["id"], SERVICE["id"]]) | st.uuids().map(str)
COLUMNS = sorted({name for table in TABLES.values() for name in (*table.columns, *table.nests, *table.names)})


def things(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from([*COLUMNS, "colonne_d_ailleurs", "autre-chose", BEYOND]) | WORD
    said = st.dictionaries(names.filter(lambda name: name != "id"), inside, max_size=4)
    return st.builds(lambda own, own_id: own | ({"id": own_id} if own_id else {}), said, st.none() | ID)


THING = st.recursive(things(ANY), lambda inner: things(ANY | inner | st.lists(inner, max_size=2)), max_leaves=5)
LISTS = ("contacts", "funding", "programs", "additional_websites", "metadata", "cost_options", "capacities",
         "required_documents", "additional_urls", "program", "de_demain")  # fmt: skip
TAKEN = ("id", "name", "nom", "status", "organization_id", "organization", "services", "attributes", "locations",
         "service_at_locations", "organization_identifiers", "phones", "schedules", "languages",
         "service_areas")  # fmt: skip
FOREIGN = st.dictionaries(
    st.sampled_from(LISTS) | st.sampled_from(COLUMNS) | WORD, ANY | THING | st.lists(THING, max_size=2), max_size=4
).map(lambda said: {name: value for name, value in said.items() if name not in TAKEN and not name.startswith("_")})


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(whose=FOREIGN, what=FOREIGN, attributes=st.lists(THING, max_size=2), places=st.lists(THING, max_size=3))
def test_law_whatever_nobody_here_knows_comes_back_by_the_package_as_it_does_by_json(
    whose: dict[str, Any], what: dict[str, Any], attributes: list[Any], places: list[Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("foreign")
    given = {"organizations": [whose | ORGANIZATION | {"locations": places}],
             "services": [what | SERVICE | {"attributes": attributes}]}  # fmt: skip
    (folder / "given.json").write_bytes(orjson.dumps(given))
    drafts = [draft for row in read([folder / "given.json"], source="ailleurs") for draft in row.drafts]
    assert len(drafts) == 2
    packed = write("hsds-csv", folder / "e.zip", map(record_of, drafts)).files
    plain = write("hsds", folder / "e.json", map(record_of, drafts)).files
    by_package = {key(draft): essence(draft) for row in read(packed, source="ailleurs") for draft in row.drafts}
    by_json = {key(draft): essence(draft) for row in read(plain, source="ailleurs") for draft in row.drafts}
    assert by_package == by_json
    keeps_its_description(packed[0])


def test_a_text_that_a_spreadsheet_would_run_is_guarded_in_every_table_and_comes_back(tmp_path: Path) -> None:
    item = ORGANIZATION | {"name": "=1+1", "alternate_name": "@SUM(1)", "ailleurs": "-2+3|'x'!A0",
                           "contacts": [{"id": "c1", "name": "=HYPERLINK(1)", "=1": {"deep": [1]}}]}  # fmt: skip
    (tmp_path / "given.json").write_bytes(orjson.dumps({"organizations": [item]}))
    drafts = [draft for row in read([tmp_path / "given.json"], source="ailleurs") for draft in row.drafts]
    [path] = write("hsds-csv", tmp_path / "e.zip", map(record_of, drafts)).files
    cells = [cell for rows in tables_of(path).values() for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell[:1] in ("=", "@", "-", "+")] == []
    [row] = read([path], source="ailleurs")
    assert [essence(draft) for draft in row.drafts] == [essence(draft) for draft in drafts]
    assert row.drafts[0]["extra"]["hsds"] == {name: item[name] for name in ("alternate_name", "ailleurs", "contacts")}


def test_foreign_columns_and_tables_are_kept_and_given_back_as_columns_and_tables(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", {
        "dossier/organizations.csv": sheet(ORGANIZATION | {"couleur": "vert", "year_incorporated": "1901"}),
        "dossier/services.csv": sheet(SERVICE | {"wait_time": "3 jours", "humeur": "=bonne"}),
        "dossier/cost_options.csv": sheet({"id": "k", "service_id": SERVICE["id"], "amount": "3.50", "remise": "10 %"}),
        "dossier/funding.csv": sheet({"id": "f", "organization_id": ORGANIZATION["id"], "service_id": SERVICE["id"],
                                      "source": "Ville"}),
        "dossier/service_capacity.csv": sheet({"id": "s", "service_id": SERVICE["id"], "unit_id": "u", "available": 3}),
        "dossier/units.csv": sheet({"id": "u", "name": "lit"}),
    })  # fmt: skip
    rows = list(read([path], source="ailleurs"))
    assert [row.problems + row.warnings for row in rows] == [[], []]
    [again] = write("hsds-csv", tmp_path / "again.zip", [record_of(each) for row in rows for each in row.drafts]).files
    tables = tables_of(again)
    assert (tables["organizations.csv"][0]["couleur"], tables["services.csv"][0]["humeur"]) == ("vert", "'=bonne")
    assert tables["organizations.csv"][0]["year_incorporated"] == "1901"
    [cost], [unit] = tables["cost_options.csv"], tables["units.csv"]
    assert (cost["amount"], cost["remise"], unit["name"]) == ("3.5", "10 %", "lit")
    assert {row["source"] for row in tables["funding.csv"]} == {"Ville"}
    assert tables["service_capacity.csv"][0]["available"] == "3"
    keeps_its_description(again)
    back = [draft for row in read([again], source="ailleurs") for draft in row.drafts]
    assert [essence(draft)["extra"] for draft in back] == [
        essence(each)["extra"] for row in rows for each in row.drafts
    ]


def test_the_standards_own_tables_are_read_and_what_hangs_on_nothing_is_told(test_data: Path, tmp_path: Path) -> None:
    folder = test_data / "hsds-3.1" / "examples" / "csv"
    files = {each.name: each.read_bytes() for each in folder.glob("*.csv")}
    path = zipped(
        tmp_path / "standard.zip", files | {"datapackage.json": (folder.parents[1] / "datapackage.json").read_bytes()}
    )
    rows = list(read([path], source="exemple"))
    drafts = {draft["kind"]: draft for row in rows for draft in row.drafts}
    assert drafts["structure"]["fields"]["nom"] == "Example Organization Inc"
    service = drafts["service"]
    assert (service["fields"]["nom"], service["structure_source_id"]) == (
        "Community Counselling",
        drafts["structure"]["source_id"],
    )
    foreign = service["extra"]["hsds"]
    assert foreign["cost_options"][0]["amount"] == 35
    assert foreign["program"]["name"] == "Community Mental Health Support"
    assert foreign["required_documents"][0]["uri"] == "http://example.com"
    [place] = foreign["service_at_locations"]  # it is abroad
    assert place["location"]["addresses"][0]["city"] == "MyCity"
    lost = [problem for row in rows for problem in row.problems]
    assert {problem["code"] for problem in lost} == {"hsds.orphan"}
    assert {problem["field"].partition(" ")[0] for problem in lost} == {
        "attributes.csv", "metadata.csv", "service_capacity.csv", "url.csv"
    }  # fmt: skip
    [again] = write("hsds-csv", tmp_path / "again.zip", map(record_of, drafts.values())).files
    assert {key(each): essence(each) for row in read([again]) for each in row.drafts} == {
        key(each): essence(each) for each in drafts.values()
    }
    keeps_its_description(again)


def test_what_a_structure_says_of_its_own_comes_back(tmp_path: Path) -> None:
    fields = {"nom": "L’Écluse des Outils", "date_maj": "2026-01-31", "horaires_accueil": "Mo-Fr 09:00-12:00"}
    draft: Any = {"kind": "structure", "source": "radar", "source_id": "s1", "fields": fields} | OWN
    written = write("hsds", tmp_path / "e.zip", [record_of(draft) | OWN])
    assert [path.name for path in written.files] == ["e.zip"]
    assert told(read(written.files)) == {key(draft): essence(draft)}
    [schedule] = tables_of(written.files[0])["schedules.csv"]
    assert (schedule["byday"], schedule["opens_at"]) == ("MO,TU,WE,TH,FR", "09:00:00")


def test_the_same_records_make_the_same_file_to_the_byte_and_nothing_stays_beside(
    drafts: list[Draft], tmp_path: Path
) -> None:
    first, second = (write("hsds-csv", tmp_path / name, map(record_of, drafts[:40])).files[0] for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert first.name == "annuaire-hsds.zip"
    with pytest.raises(ZeroDivisionError):
        write("hsds-csv", tmp_path / "a", (record_of(draft) for draft in broken(drafts)))
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["annuaire-hsds.zip"]


def broken(drafts: list[Draft]) -> Iterator[Draft]:
    yield drafts[0]
    raise ZeroDivisionError(str(uuid4()))
