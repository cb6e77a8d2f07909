"""What may be asked of the lists under `/hsds`, against the standard's OpenAPI and against all records looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from gateway.api.hsds_asked import AT_LOCATIONS, ORGANIZATIONS, SERVICES, TAXONOMIES, TAXONOMY_TERMS
from gateway.app import create_app
from services.directory.formats import sectors
from services.kernel.settings import Http, Node, Settings
from tests.conformance.test_hsds import everything
from tests.gateway import world as w

SECTORS = list(sectors.SECTORS)
NOT_SERVED = {"postcode", "proximity"}
Objects = list[dict[str, Any]]


@pytest.fixture(scope="module")
def records() -> Objects:
    made = w.random_records(120, 11)
    for number, record in enumerate(made):
        record["changed_at"] = f"2026-0{1 + number % 9}-02T10:20:30.00000{number % 7}Z"
        fields = record["fields"]  # the directory says the sectors of each record
        record["sectors"] = list(sectors.of(fields.get("thematiques", ()), fields.get("publics", ())))
        if record["kind"] == "structure":
            record["sectors"] = [SECTORS[number % len(SECTORS)]]
        else:
            record["fields"] |= {"modes_mobilisation": ["telephoner"]} if number % 4 == 0 else {}
            record["fields"] |= {"mobilisable_par": ["usagers"]} if number % 5 == 0 else {}
    return made


@pytest.fixture(scope="module")
def client(records: Objects, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with w.world(tmp_path_factory.mktemp("hsds") / "index") as made:
        made.publish(*records)
        app = create_app(Settings(Node("essai", "Essai"), Http(rate_limit_per_minute=1_000_000)), made.reader, _nobody)
        yield app.test_client()


def _nobody(*_: Any, **__: Any) -> Any:
    raise AssertionError("reading never calls the rooms")


def lines(client: FlaskClient, path: str, **asked: Any) -> Objects:
    answer = client.get(path, query_string=asked | {"format": "ndjson"})
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson")
    return [orjson.loads(line) for line in answer.data.splitlines()]


def ids(found: Objects) -> set[str]:
    said = [each["id"] for each in found]
    assert len(set(said)) == len(said)
    return set(said)


def fault(client: FlaskClient, address: str) -> tuple[str, str]:
    """The parameter that is named, and the remedy."""
    answer = client.get(address)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    [problem] = answer.get_json()["errors"]
    return problem["field"], problem["remedy"]


def test_every_parameter_of_the_standard_is_taken_but_those_that_the_documents_name(test_data: Path) -> None:
    paths = json.loads((test_data / "hsds-3.1" / "openapi.json").read_text())["paths"]
    for path, schema in (("organizations", ORGANIZATIONS), ("services", SERVICES), ("taxonomies", TAXONOMIES),
                         ("service_at_locations", AT_LOCATIONS), ("taxonomy_terms", TAXONOMY_TERMS)):  # fmt: skip
        said = paths[f"/{path}"]["get"]["parameters"]
        standard = {each["name"] if "name" in each else each["$ref"].rpartition("/")[2] for each in said}
        assert standard - NOT_SERVED == set(schema.fields), path


@pytest.mark.parametrize("path", ["organizations", "services", "service_at_locations"])
def test_a_term_or_a_taxonomy_keeps_what_has_it_and_nothing_else(client: FlaskClient, path: str) -> None:
    whole = lines(client, f"/hsds/{path}", full="true")
    has = {each["id"]: terms_of(each.get("service", each)) for each in whole}
    asked = 0
    for taxonomy in everything(client, "/hsds/taxonomies"):
        of_it = everything(client, "/hsds/taxonomy_terms", taxonomy_id=taxonomy["id"])
        wanted = {own for own, terms in has.items() if terms & {term["id"] for term in of_it}}
        assert ids(everything(client, f"/hsds/{path}", taxonomy_id=taxonomy["id"])) == wanted
        for term in of_it[:40]:
            wanted = {own for own, terms in has.items() if term["id"] in terms}
            asked += bool(wanted)
            assert ids(everything(client, f"/hsds/{path}", taxonomy_term_id=term["id"])) == wanted, term
    assert asked > (5 if path == "organizations" else 20)


def terms_of(found: dict[str, Any]) -> set[str]:
    return {each["taxonomy_term_id"] for each in found["attributes"] if "taxonomy_term_id" in each}


def test_services_of_one_organization_and_those_changed_since(client: FlaskClient, records: Objects) -> None:
    services = [record for record in records if record["kind"] == "service"]
    for owner in {record["structure"] for record in services}:
        wanted = {record["id"] for record in services if record["structure"] == owner}
        assert ids(everything(client, "/hsds/services", organization_id=owner)) == wanted
        assert ids(everything(client, "/hsds/service_at_locations", organization_id=owner)) == wanted
    for since in {record["changed_at"] for record in services}:
        wanted = {record["id"] for record in services if record["changed_at"] >= since}
        assert ids(everything(client, "/hsds/services", modified_after=since)) == wanted
    assert everything(client, "/hsds/services", organization_id="6f1d2a30-0000-5000-8000-000000000001") == []
    day = client.get("/hsds/services?modified_after=2026-05-02").get_json()["total_items"]
    assert day == client.get("/hsds/services?modified_after=2026-05-02T02:00:00+02:00").get_json()["total_items"] > 0
    assert client.get("/hsds/services?modified_after=2027-01-01").get_json()["empty"]


def test_conditions_add_up_with_words_and_with_each_other(client: FlaskClient, records: Objects) -> None:
    owner = next(record["structure"] for record in records if record["kind"] == "service")
    of_owner = ids(everything(client, "/hsds/services", organization_id=owner))
    since = ids(everything(client, "/hsds/services", modified_after="2026-04-01"))
    word = "numerique"
    said = ids(everything(client, "/hsds/services", search=word))
    both = everything(client, "/hsds/services", organization_id=owner, modified_after="2026-04-01")
    assert ids(both) == of_owner & since
    assert ids(everything(client, "/hsds/services", organization_id=owner, search=word)) == of_owner & said


def test_minimal_is_identifiers_and_dates_of_all_on_one_page(client: FlaskClient, records: Objects) -> None:
    wanted = {record["id"]: record["changed_at"] for record in records if record["kind"] == "service"}
    body = client.get("/hsds/services?minimal=true").get_json()
    assert (body["total_pages"], body["size"], body["last_page"]) == (1, 120, True)
    assert {each["id"]: each["last_modified"] for each in body["contents"]} == wanted
    assert {tuple(each) for each in body["contents"]} == {("id", "last_modified")}
    assert lines(client, "/hsds/services", minimal="true") == body["contents"]
    paged = everything(client, "/hsds/services", minimal="true")
    assert paged == body["contents"]
    assert client.get("/hsds/services?minimal=true&page=2").get_json()["empty"]


@pytest.mark.parametrize("path", ["organizations", "services", "service_at_locations", "taxonomies", "taxonomy_terms"])
def test_ndjson_is_every_object_a_line_the_same_as_page_by_page(client: FlaskClient, path: str) -> None:
    assert lines(client, f"/hsds/{path}") == everything(client, f"/hsds/{path}")
    if not path.startswith("taxonom"):
        assert lines(client, f"/hsds/{path}", full="true") == everything(client, f"/hsds/{path}", full="true")
    first = client.get(f"/hsds/{path}?format=ndjson")
    again = client.get(f"/hsds/{path}?format=ndjson", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_our_terms_are_flat(client: FlaskClient) -> None:
    assert everything(client, "/hsds/taxonomy_terms", top_only="true") == everything(client, "/hsds/taxonomy_terms")
    assert everything(client, "/hsds/taxonomy_terms", parent_id="x") == []
    assert everything(client, "/hsds/organizations", full_service="true") == everything(
        client, "/hsds/organizations", full="true"
    )


@pytest.mark.parametrize(
    ("address", "name", "remedy"),
    [
        ("services?modified_after=hier", "modified_after", "2026-11-23T15:00:00Z"),
        ("services?modified_after=0001-01-01T00:00:00%2B14:00", "modified_after", "2026-11-23"),
        ("services?organization_id=radar", "organization_id", ""),
        ("services?taxonomy_term_id=x", "taxonomy_term_id", "/hsds/taxonomy_terms"),
        ("organizations?taxonomy_id=x", "taxonomy_id", "/hsds/taxonomies"),
        ("services?format=xml", "format", ""),
        ("services?format=ndjson&page=2", "page", "Ôtez page"),
        ("services?minimal=oui-oui", "minimal", ""),
        ("services?postcode=44000", "postcode", "/docs"),
        ("organizations?modified_after=2026-01-01", "modified_after", "/docs"),
        ("organizations?minimal=true", "minimal", "/docs"),
    ],
)
def test_a_fault_names_its_parameter_and_what_to_do(client: FlaskClient, address: str, name: str, remedy: str) -> None:
    field, said = fault(client, f"/hsds/{address}")
    assert field == name
    assert remedy in said
