"""HSDS 3.1 by the standard's own JSON Schemas: exports, endpoints, the way there and back, and its own examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings

from gateway.app import create_app
from services.directory.formats import hsds
from services.directory.formats.drafts import Draft
from services.directory.formats.reading import detect, read
from services.directory.formats.writing import write
from services.kernel.settings import Http, Node, Settings
from tests.directory.formats.records import exports, record_of
from tests.gateway import world as w

PLACES = 2845
POLES = [{"name": "LIS", "scale": "country", "territory": "FR"}]
OWN = {"ess": "yes", "legal_form": "9220", "languages": ["fr", "ar"], "accessibility": "De plain-pied.",
       "memberships": POLES, "argumentaire": {"link": "Un lien entre l’offre et le projet."}}  # fmt: skip


def schema(test_data: Path, name: str) -> jsonschema_rs.Validator:
    raw = json.loads((test_data / "hsds-3.1" / "compiled" / f"{name}.json").read_text())
    return jsonschema_rs.Draft202012Validator(raw, validate_formats=True)


@pytest.fixture(scope="module")
def drafts(test_data: Path) -> list[Draft]:
    places = test_data / "france-services" / "liste-fs-20240801.csv"
    return [draft for row in read([places], "france-services") for draft in row.drafts]


def wrong(validator: jsonschema_rs.Validator, found: list[dict[str, Any]]) -> list[str]:
    return [f"{each['id']}: {error.message}" for each in found for error in validator.iter_errors(each)]


def test_all_real_places_are_valid_and_the_same_after_import_into_a_second_node(
    drafts: list[Draft], tmp_path: Path, test_data: Path
) -> None:
    written = write("hsds", tmp_path / "export.json", map(record_of, drafts))
    assert (written.structures, written.services, written.left_out) == (PLACES, PLACES, [])
    whole = orjson.loads(written.files[0].read_bytes())
    assert wrong(schema(test_data, "organization"), whole["organizations"]) == []
    assert wrong(schema(test_data, "service"), whole["services"]) == []
    assert detect(written.files).source == "france-services"
    assert told(read(written.files)) == {key(draft): essence(draft) for draft in drafts}


def told(rows: Any) -> dict[Any, Any]:
    """What came back, once nothing was refused and nothing was not understood."""
    back = list(rows)
    assert [row.problems + row.warnings for row in back if row.problems or row.warnings] == []
    return {key(draft): essence(draft) for row in back for draft in row.drafts}


def key(draft: Any) -> tuple[str, str, str]:
    return draft["kind"], draft["source"], draft["source_id"]


def essence(draft: Any) -> dict[str, Any]:
    names = ("fields", "sectors", "structure_source_id", "extra", *OWN)
    said = {name: draft[name] for name in names if draft.get(name)}
    lists = {name: sorted(value) for name, value in said["fields"].items() if isinstance(value, list)}
    sets = {name: sorted(said[name]) for name in ("sectors", "languages") if said.get(name)}
    return said | {"fields": said["fields"] | lists} | sets


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(exported=exports())
def test_law_what_a_record_says_survives_hsds_and_back(
    exported: dict[str, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("hsds")
    (folder / "given.json").write_bytes(orjson.dumps(exported))
    drafts = [draft for row in read([folder / "given.json"]) for draft in row.drafts]
    known = {draft["source_id"] for draft in drafts if draft["kind"] == "structure"}
    drafts = [draft for draft in drafts if draft.get("structure_source_id", draft["source_id"]) in known
              or draft["kind"] == "structure"]  # fmt: skip
    written = write("hsds", folder / "e.json", map(record_of, drafts))
    assert told(read(written.files)) == {key(draft): essence(draft) for draft in drafts}


def test_what_a_structure_says_of_its_own_comes_back(tmp_path: Path) -> None:
    fields = {"nom": "L’Écluse des Outils", "date_maj": "2026-01-31", "horaires_accueil": "Mo-Fr 09:00-12:00"}
    draft: Any = {"kind": "structure", "source": "radar", "source_id": "s1", "fields": fields} | OWN
    record = record_of(draft) | OWN
    written = write("hsds", tmp_path / "e.json", [record])
    assert told(read(written.files)) == {key(draft): essence(draft)}
    [organization] = orjson.loads(written.files[0].read_bytes())["organizations"]
    assert organization["legal_status"] == "9220"
    [schedule] = organization["locations"][0]["schedules"]
    assert (schedule["byday"], schedule["opens_at"], schedule["closes_at"]) == ("MO,TU,WE,TH,FR", "09:00", "12:00")


def test_a_record_in_review_says_so_and_what_reads_it_takes_it_for_no_field(tmp_path: Path, test_data: Path) -> None:
    fields = {"nom": "L’Écluse des Outils", "date_maj": "2026-01-31"}
    draft: Any = {"kind": "structure", "source": "radar", "source_id": "s1", "fields": fields}
    since = "2026-03-12T09:00:00.000000Z"
    written = write("hsds", tmp_path / "e.json", [record_of(draft) | {"review_since": since}])
    [found] = orjson.loads(written.files[0].read_bytes())["organizations"]
    assert {each["label"]: each["value"] for each in found["attributes"]}["maillage:review_since"] == since
    assert wrong(schema(test_data, "organization"), [found]) == []
    assert told(read(written.files)) == {key(draft): essence(draft)}


def test_a_field_that_nobody_here_knows_is_kept_and_given_back(tmp_path: Path) -> None:
    foreign = {
        "id": "ac148810-d857-441c-9679-408f346de14b", "name": "Écoute", "status": "active", "wait_time": "3 jours",
        "organization_id": "5c4d79d7-cc55-470e-9f1f-8cad074e4892", "capacities": [{"id": "x", "available": 3}],
        "fundings_of_tomorrow": {"deep": [1]},
        "organization": {"id": "5c4d79d7-cc55-470e-9f1f-8cad074e4892", "name": "Maison", "description": "Maison",
                         "year_incorporated": 1901},
    }  # fmt: skip
    path = tmp_path / "foreign.json"
    path.write_bytes(orjson.dumps([foreign]))
    [row] = read([path], source="ailleurs")
    assert row.problems == []
    out = write("hsds", tmp_path / "again.json", map(record_of, row.drafts))
    again = orjson.loads(out.files[0].read_bytes())
    for name in ("wait_time", "capacities", "fundings_of_tomorrow"):
        assert again["services"][0][name] == foreign[name]
    assert again["organizations"][0]["year_incorporated"] == 1901


@pytest.mark.parametrize("name", ["service_full", "service_list", "organization_full", "organization_list"])
def test_the_standards_own_examples_are_read(test_data: Path, tmp_path: Path, name: str) -> None:
    example = json.loads((test_data / "hsds-3.1" / "examples" / f"{name}.json").read_text())
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(example if "contents" in example else [example]))
    rows = list(read([path], source="exemple"))
    drafts = [draft for row in rows for draft in row.drafts]
    assert drafts, [row.problems for row in rows]
    assert all(draft["fields"]["nom"] for draft in drafts)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The endpoints over a read model of random records."""
    with w.world(tmp_path_factory.mktemp("hsds") / "index") as made:
        made.publish(*w.random_records(120, 7))
        app = create_app(Settings(Node("essai", "Essai"), Http(rate_limit_per_minute=1_000_000)), made.reader, _nobody)
        yield app.test_client()


def _nobody(*_: Any, **__: Any) -> Any:
    raise AssertionError("reading never calls the rooms")


def everything(client: FlaskClient, path: str, **asked: Any) -> list[dict[str, Any]]:
    """All contents of a list, page by page."""
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        body = client.get(path, query_string={"page": page, "per_page": 50} | asked).get_json()
        assert (body["page_number"], body["size"], body["empty"]) == (page, len(body["contents"]), not body["contents"])
        found += body["contents"]
        if body["last_page"]:
            assert len(found) == body["total_items"]
            return found
        page += 1


@pytest.mark.parametrize(
    ("path", "listed", "whole"),
    [
        ("organizations", "organization_list", "organization"),
        ("services", "service_list", "service"),
        ("service_at_locations", "service_at_location_list", "service_at_location"),
    ],
)
def test_every_list_and_every_object_is_valid(
    client: FlaskClient, test_data: Path, path: str, listed: str, whole: str
) -> None:
    found = everything(client, f"/hsds/{path}")
    assert len({each["id"] for each in found}) == len(found) > 20
    assert wrong(schema(test_data, listed), found) == []
    full = everything(client, f"/hsds/{path}", full="true")
    assert wrong(schema(test_data, whole), full) == []
    by_id = {each["id"]: each for each in full}
    for each in found[:20]:
        assert client.get(f"/hsds/{path}/{each['id']}").get_json() == by_id[each["id"]]


def test_the_base_and_the_taxonomies_answer_as_the_standard_says(client: FlaskClient) -> None:
    assert client.get("/hsds/").get_json()["version"] == "3.1"
    taxonomies = everything(client, "/hsds/taxonomies")
    terms = everything(client, "/hsds/taxonomy_terms")
    assert {each["taxonomy_id"] for each in terms} == {each["id"] for each in taxonomies}
    one = terms[0]
    assert client.get(f"/hsds/taxonomy_terms/{one['id']}").get_json() == one
    assert client.get(f"/hsds/taxonomies/{one['taxonomy_id']}").get_json()["name"] == one["taxonomy"]
    of_one = everything(client, "/hsds/taxonomy_terms", taxonomy_id=taxonomies[0]["id"])
    assert {each["taxonomy"] for each in of_one} == {taxonomies[0]["name"]}


def test_faults_are_problem_documents_and_an_etag_saves_a_second_answer(client: FlaskClient) -> None:
    missing = client.get("/hsds/services/6f1d2a30-0000-5000-8000-000000000001")
    assert (missing.status_code, missing.content_type) == (404, "application/problem+json")
    assert client.get("/hsds/services?per_page=0").status_code == 422
    first = client.get("/hsds/organizations")
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert client.get("/hsds/organizations", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_derived_identifiers_are_the_same_each_time_and_differ_by_what_they_are_of() -> None:
    own = "6f1d2a30-0000-5000-8000-000000000001"
    assert hsds.derived(own, "phone") == hsds.derived(own, "phone") != hsds.derived(own, "location")
