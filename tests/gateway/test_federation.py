"""What other nodes read over HTTP: heads, events to a line, an answer that waits for what is new."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway import federation, problems
from services.kernel.errors import Conflict, NotFound

STREAM = "a" * 32 + "/directory/shared"
HEAD = 3


class Carrier:
    """The federation room: a stream of three events, and those that `say` adds."""

    def __init__(self) -> None:
        self.events = [f'{{"sequence":{seq}}}' for seq in range(1, HEAD + 1)]
        self.asked = 0

    def ask(self, room: str, door: str, request: dict[str, Any], **_: Any) -> dict[str, Any]:
        assert room == "federation"
        if door == "wire_streams":
            return {"node": "a" * 32, "streams": [{"stream": STREAM, "epoch": 1, "seq": len(self.events)}]}
        if door == "wire_digests":
            return {"epoch": 1, "seq": HEAD} | request
        self.asked += 1
        if request["stream"] != STREAM:
            raise NotFound("Ce flux n’est pas public ici.")
        if request["after"] > len(self.events):
            raise Conflict("Le flux ne va pas jusque-là.")
        return {"events": self.events[request["after"] :][: request["limit"]]}


@pytest.fixture
def carrier() -> Carrier:
    """The room behind."""
    return Carrier()


@pytest.fixture
def client(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """The endpoints alone; nothing is held open for more than a second."""
    monkeypatch.setattr(federation, "HELD_OPEN_S", 1.0)
    app = Flask("gateway")
    app.register_blueprint(federation.federation_blueprint(carrier.ask))
    problems.install(app)
    with app.test_client() as opened:
        yield opened


def test_heads_and_events_are_read_without_a_key_and_kept_by_no_cache(client: FlaskClient) -> None:
    heads = client.get("/federation/v1/streams")
    assert heads.get_json()["streams"] == [{"stream": STREAM, "epoch": 1, "seq": HEAD}]
    page = client.get("/federation/v1/log", query_string={"stream": STREAM, "after": 1, "limit": 1})
    assert (page.content_type, page.data) == ("application/x-ndjson", b'{"sequence":2}\n')
    assert page.headers["Cache-Control"] == "no-store"
    assert client.get("/federation/v1/log", query_string={"stream": STREAM, "after": HEAD}).data == b""


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"stream": "b" * 32 + "/directory/shared"}, 404), ({"stream": STREAM, "after": HEAD + 1}, 409), ({}, 422),
     ({"stream": STREAM, "after": "x"}, 422), ({"stream": STREAM, "limit": 501}, 422),
     ({"stream": STREAM, "other": 1}, 422)],
)  # fmt: skip
def test_what_cannot_be_read_says_why_as_a_problem_document(
    client: FlaskClient, asked: dict[str, Any], status: int
) -> None:
    for path in ("log", "wait"):
        answer = client.get(f"/federation/v1/{path}", query_string=asked)
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


@pytest.mark.alone
def test_an_answer_waits_for_what_is_new_and_no_longer_than_it_may(client: FlaskClient, carrier: Carrier) -> None:
    at_head = {"stream": STREAM, "after": HEAD}
    began = time.monotonic()
    assert client.get("/federation/v1/wait", query_string=at_head).data == b""
    assert 0.9 < time.monotonic() - began < 3
    threading.Timer(0.3, carrier.events.append, ['{"sequence":4}']).start()
    began = time.monotonic()
    assert client.get("/federation/v1/wait", query_string=at_head).data == b'{"sequence":4}\n'
    assert time.monotonic() - began < 0.9


@pytest.mark.alone
def test_when_all_places_are_taken_the_answer_is_given_at_once(client: FlaskClient) -> None:
    def hold() -> None:
        with client.application.test_client() as other:
            other.get("/federation/v1/wait", query_string={"stream": STREAM, "after": HEAD})

    waiting = [threading.Thread(target=hold) for _ in range(federation.HELD_AT_ONCE)]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    assert client.get("/federation/v1/wait", query_string={"stream": STREAM, "after": HEAD}).data == b""
    assert time.monotonic() - began < 0.5
    for thread in waiting:
        thread.join()


def test_digests_are_asked_by_group_and_bucket(client: FlaskClient) -> None:
    answer = client.get("/federation/v1/digests", query_string={"stream": STREAM, "group": 3, "bucket": 255})
    assert answer.get_json() == {"epoch": 1, "seq": HEAD, "stream": STREAM, "group": 3, "bucket": 255}
    assert client.get("/federation/v1/digests", query_string={"stream": STREAM}).get_json()["group"] is None
    assert client.get("/federation/v1/digests", query_string={"stream": STREAM, "group": 256}).status_code == 422
