"""The HTTP API over a real read model: data·inclusion's contract, our own parameters, errors, writes with a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.app import create_app
from services.kernel import errors
from services.kernel.settings import Http, Node, Settings
from tests.gateway import world as w
from tests.gateway.world import World, random_records, service, structure

KEY = {"Authorization": "Bearer mlg_essai"}
SETTINGS = Settings(Node("essai", "Essai"), Http(rate_limit_per_minute=100_000))


class Rooms:
    """Stands for the rooms behind the broker: remembers what was asked, answers or raises as told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []
        self.raises: Exception | None = None

    def __call__(self, service: str, method: str, request: dict[str, Any], *, actor: str | None = None) -> Any:
        """What a room would answer."""
        if method == "authenticate":
            if request["key"] != "mlg_essai":
                raise errors.Unauthorized("Cette clé n’existe pas, ou plus.")
            return {"actor": "signed", "origins": [], "scopes": []}
        if method == "session_get":
            raise errors.Unauthorized("Votre session est terminée : entrez de nouveau.")
        self.asked.append((method, request, actor))
        if self.raises is not None:
            raise self.raises
        return {"records": [{"id": "x", "version": 3}], "withdrawn": ["x"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with w.world(tmp_path_factory.mktemp("api") / "index") as made:
        made.publish(*random_records(60, seed=7))
        made.publish(structure("unique"), service("unique", of="unique", thematiques=[w.THEMES[0]]))
        yield made


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def client(world: World, rooms: Rooms) -> FlaskClient:
    return create_app(SETTINGS, world.reader, rooms).test_client()


def fields_at_fault(answer: Any) -> list[str]:
    assert answer.mimetype == "application/problem+json"
    return [error["field"] for error in answer.json["errors"]]


@pytest.mark.parametrize("path", ["/api/v1/search/services", "/api/v1/services", "/api/v1/structures"])
def test_a_page_has_the_contracts_shape_and_its_links_walk_through_everything_once(
    client: FlaskClient, path: str
) -> None:
    whole = client.get(f"{path}?size=1000").json
    assert set(whole) == {"items", "total", "page", "size", "pages"}
    assert (whole["page"], whole["pages"], whole["size"]) == (1, 1, whole["total"])
    seen: list[Any] = []
    following: str | None = f"{path}?size=7"
    while following:
        answer = client.get(following)
        seen += answer.json["items"]
        links = answer.headers["Link"].split(", ")
        following = next((link[1 : link.index(">")] for link in links if 'rel="next"' in link), None)
    assert seen == whole["items"]


def test_a_search_gives_the_service_with_its_structure_and_its_distance(client: FlaskClient) -> None:
    [first, *_] = client.get(f"/api/v1/search/services?code_commune={w.NANTES}&size=5").json["items"]
    assert set(first) == {"service", "distance"}
    assert {"structure", "score_qualite", "adresse_certifiee"} <= set(first["service"])


def test_one_service_and_one_structure_by_their_ids(client: FlaskClient) -> None:
    one = client.get("/api/v1/services/dora--vunique").json
    assert one["structure"]["id"] == "dora--sunique"
    host = client.get("/api/v1/structures/dora--sunique").json
    assert ([each["id"] for each in host["services"]], host["doublons"]) == (["dora--vunique"], [])
    assert client.get("/api/v1/services/dora--nobody").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("thematiques=cuisine", "thematiques"),
        ("publics=tous-publics&publics=martiens", "publics"),
        ("code_commune=00000", "code_commune"),
        ("lat=47.2", "lon"),
        ("size=0", "size"),
        ("size=10001", "size"),
        ("page=0", "page"),
        ("thematique=mobilite", "thematique"),
        ("bbox=1,2,3", "bbox"),
        ("cursor=forged", "cursor"),
        ("score_qualite_minimum=2", "score_qualite_minimum"),
        ("sort=alphabet", "sort"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_named(client: FlaskClient, query: str, field: str) -> None:
    answer = client.get(f"/api/v1/search/services?{query}")
    assert answer.status_code == 422
    assert fields_at_fault(answer) == [field]


def test_a_misspelt_parameter_is_told_the_nearest_one(client: FlaskClient) -> None:
    answer = client.get("/api/v1/services?thematique=mobilite")
    assert "thematiques" in answer.json["errors"][0]["remedy"]


def test_a_category_stands_for_its_themes_and_facets_count_what_was_found(client: FlaskClient) -> None:
    answer = client.get("/api/v1/services?thematiques=mobilite&facets=thematiques&size=1000").json
    assert answer["total"] > 0
    assert all(any(t.startswith("mobilite--") for t in item["thematiques"]) for item in answer["items"])
    assert answer["facets"]["thematiques"]["mobilite--preparer-un-permis"] <= answer["total"]


def test_nothing_new_is_304_without_a_body(client: FlaskClient) -> None:
    first = client.get("/api/v1/services?size=3")
    again = client.get("/api/v1/services?size=3", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert int(first.headers["Age"]) >= 0


def test_large_answers_are_compressed_for_those_who_take_it(client: FlaskClient) -> None:
    answer = client.get("/api/v1/services?size=50", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in client.get("/api/v1/services?size=50").headers


def test_any_origin_may_read_and_sees_etag_and_link(client: FlaskClient) -> None:
    answer = client.get("/api/v1/sources", headers={"Origin": "https://example.org"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"ETag", "Link"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    asked = client.options("/api/v1/records", headers={"Origin": "https://example.org"})
    assert "Idempotency-Key" in asked.headers["Access-Control-Allow-Headers"]


def test_changes_are_read_on_from_where_one_stopped(client: FlaskClient) -> None:
    seen: list[int] = []
    after = 0
    while True:
        page = client.get(f"/api/v1/changes?after={after}&limit=20").json
        if not page["items"]:
            break
        seen += [item["position"] for item in page["items"]]
        after = page["next"]
    assert seen == sorted(set(seen))
    assert seen[-1] == page["head"]


def test_completion_referentials_and_sources(client: FlaskClient) -> None:
    assert client.get("/api/v1/complete?q=nant&kinds=commune").json[0]["label"]
    assert {"thematiques", "publics", "sectors"} <= set(client.get("/api/v1/referentials").json)
    assert client.get("/api/v1/referentials/frais").json[0]["value"] == "gratuit"
    assert client.get("/api/v1/referentials/couleurs").status_code == 404
    assert {source["source"] for source in client.get("/api/v1/sources").json} == {"dora", "soliguide"}


def test_health_readiness_and_metrics(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json["reads"] is True
    assert b"maillage_requests_total" in client.get("/metrics").data
    away = client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.5"})
    assert away.status_code == 403


def test_a_node_without_a_read_model_says_so(tmp_path: Path, rooms: Rooms) -> None:
    from gateway.search import Reader

    empty = create_app(SETTINGS, Reader(tmp_path), rooms).test_client()
    assert empty.get("/readyz").status_code == 503
    answer = empty.get("/api/v1/services")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_too_many_requests_are_told_when_to_come_back(world: World, rooms: Rooms) -> None:
    few = Settings(Node("essai", "Essai"), Http(rate_limit_per_minute=3))
    client = create_app(few, world.reader, rooms).test_client()
    answers = [client.get("/api/v1/sources") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].mimetype == "application/problem+json"
    assert int(answers[3].headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "query",
    [
        "open_at=9999-12-31T23:59:59-12:00",
        "open_at=0001-01-01T00:00:00%2B14:00",
        "q=a&q=b",
        "code_commune=1&code_commune=2",
    ],
)
def test_odd_questions_are_refused_not_failed(client: FlaskClient, query: str) -> None:
    assert client.get(f"/api/v1/search/services?{query}").status_code == 422


def test_bytes_that_are_no_text_are_refused_not_failed(client: FlaskClient) -> None:
    for path in ("/api/v1/services", "/"):
        answer = client.open(path, environ_overrides={"QUERY_STRING": "\xff=1", "REQUEST_URI": f"{path}?\xff=1"})
        assert answer.status_code in (200, 422), path


def test_a_cursor_beyond_the_end_of_the_changes_is_told(client: FlaskClient) -> None:
    answer = client.get("/api/v1/changes?after=9999999")
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "changes.ahead")


DRAFT = {"kind": "structure", "source": "site", "source_id": "1", "fields": {"nom": "Maison"}}


def test_a_write_needs_a_key_and_carries_its_proof_version_and_idempotency_key(
    client: FlaskClient, rooms: Rooms
) -> None:
    assert client.post("/api/v1/records", json=DRAFT).status_code == 401
    assert client.post("/api/v1/records", json=DRAFT, headers={"Authorization": "Bearer no"}).status_code == 401
    said = KEY | {"If-Match": '"2"', "Idempotency-Key": "abc"}
    answer = client.post("/api/v1/records", json=DRAFT, headers=said)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"3"')
    assert rooms.asked == [("put", {"records": [DRAFT], "version": 2, "request_id": "abc"}, "signed")]


def test_withdrawing_needs_the_version_that_was_read(client: FlaskClient, rooms: Rooms) -> None:
    path = "/api/v1/records/6f1f1f7e-0000-5000-8000-000000000000"
    assert client.delete(path, headers=KEY).status_code == 428
    assert client.delete(path, headers=KEY | {"If-Match": '"2"'}).status_code == 200
    assert rooms.asked[0][1]["version"] == 2


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (errors.ValidationError("non", [{"field": "nom"}]), 422),
        (errors.NotFound("non"), 404),
        (errors.Forbidden("non"), 403),
        (errors.NotHome("non"), 403),
        (errors.WrongState("non"), 409),
        (errors.Conflict("non"), 409),
        (errors.Unavailable("non"), 503),
        (RuntimeError("secret"), 500),
    ],
)
def test_each_error_of_a_room_has_its_status(client: FlaskClient, rooms: Rooms, raised: Exception, status: int) -> None:
    rooms.raises = raised
    answer = client.post("/api/v1/records", json=DRAFT, headers=KEY)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert "secret" not in answer.text


def test_a_version_read_too_long_ago_is_412(client: FlaskClient, rooms: Rooms) -> None:
    rooms.raises = errors.Conflict("elle a changé")
    answer = client.post("/api/v1/records", json=DRAFT, headers=KEY | {"If-Match": '"1"'})
    assert (answer.status_code, answer.json["status"], answer.json["title"]) == (412, 412, "Version dépassée")


@pytest.mark.parametrize("nom", ["NaN", "1e999", r'"\ud800"', '"Maison'])
def test_a_body_that_is_no_strict_json_is_refused_and_changes_nothing(
    client: FlaskClient, rooms: Rooms, nom: str
) -> None:
    body = '{"kind": "structure", "source": "site", "source_id": "1", "fields": {"nom": ' + nom + "}}"
    answer = client.post("/api/v1/records", data=body, content_type="application/json", headers=KEY)
    assert (answer.status_code, rooms.asked) == (422, [])
    assert "JSON" in answer.json["detail"]


def test_an_idempotency_key_beyond_measure_is_refused_not_shortened(client: FlaskClient, rooms: Rooms) -> None:
    answer = client.post("/api/v1/records", json=DRAFT, headers=KEY | {"Idempotency-Key": "k" * 201})
    assert (answer.status_code, rooms.asked) == (422, [])


@pytest.mark.parametrize(
    ("body", "field"),
    [({**DRAFT, "kind": "chat"}, "kind"), ({**DRAFT, "couleur": 1}, "couleur"), ({**DRAFT, "fields": 3}, "fields")],
)
def test_a_body_at_fault_is_refused_and_named(client: FlaskClient, body: dict[str, Any], field: str) -> None:
    answer = client.post("/api/v1/records", json=body, headers=KEY)
    assert (answer.status_code, fields_at_fault(answer)) == (422, [field])


def test_pages_are_in_french_without_scripts_and_show_what_was_typed_as_text(client: FlaskClient) -> None:
    for path in ("/", "/services/dora--vunique", "/structures/dora--sunique", "/a-propos", "/docs"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert '<html lang="fr">' in answer.text
        assert "<script" not in answer.text
    hostile = client.get("/?q=%3Cscript%3Ealert(1)%3C/script%3E&lieu=Nantes")
    assert "<script" not in hostile.text
    assert "&lt;script&gt;" in hostile.text


def test_every_operation_is_described(client: FlaskClient) -> None:
    spec = client.get("/openapi.json").json
    assert spec["openapi"].startswith("3.1")
    assert {"/api/v1/search/services", "/api/v1/changes", "/api/v1/records"} <= set(spec["paths"])


def test_an_old_identifier_leads_to_the_record_it_was_merged_into_at_last(world: World, client: FlaskClient) -> None:
    first, second, last = (structure(f"fusion-{number}") for number in (1, 2, 3))
    world.publish(first, second, last)
    world.merge(first, second)
    world.merge(second, last)
    for old in ("dora--sfusion-1", first["id"], second["id"]):
        answer = client.get(f"/api/v1/structures/{old}")
        assert (answer.status_code, answer.location) == (301, "/api/v1/structures/dora--sfusion-3")
        assert client.get(answer.location).json["nom"] == "Maison fusion-3"
    for path in (f"/api/v1/records/{first['id']}", f"/hsds/organizations/{first['id']}"):
        answer = client.get(path, follow_redirects=True)
        assert (answer.status_code, answer.json["id"]) == (200, last["id"])
    assert client.get("/structures/dora--sfusion-1").location == "/structures/dora--sfusion-3"


def test_a_record_merged_into_one_that_is_gone_is_not_found(world: World, client: FlaskClient) -> None:
    first, second = structure("partie-1"), structure("partie-2")
    world.publish(first, second)
    world.merge(first, second)
    world.withdraw(second)
    assert client.get("/api/v1/structures/dora--spartie-1").status_code == 404
