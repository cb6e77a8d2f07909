"""Calls of nodes that cannot be reached, at the gateway: what is read of them, and how long they wait."""

from __future__ import annotations

import base64
import threading
import time
import zlib
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from http_message_signatures import ContentDigest

from gateway import alone, federation, problems, turned
from services.kernel.errors import NotFound
from services.kernel.settings import Http, Node, Settings

QUERY = "from=" + "a" * 32


class Room:
    """The federation room: what it awaits, and what it has to ask."""

    def __init__(self) -> None:
        self.at_most = 0
        self.questions: list[dict[str, Any]] = []
        self.wait = True
        self.brought: list[dict[str, Any]] = []
        self.looked = 0

    def ask(self, room: str, door: str, request: dict[str, Any], **_: Any) -> dict[str, Any]:
        assert room == "federation"
        if door == "wire_turned":
            if "stranger" in request["query"]:
                raise NotFound("Inconnu.")
            of = {"id": "q", "status": 200, "date": "now"}
            return {"node": "a" * 32, "call": "c", "at_most": self.at_most} | of
        if door == "turned_answer":
            self.brought.append(request)
            return {"taken": True}
        assert (door, request) == ("turned_question", {"node": "a" * 32, "call": "c"})
        self.looked += 1
        return {"question": self.questions.pop(0) if self.questions else None, "wait": self.wait}


@pytest.fixture
def room() -> Room:
    """The room behind."""
    return Room()


@pytest.fixture
def client(room: Room, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The endpoints alone; no call is held for more than half a second."""
    monkeypatch.setattr(turned, "CALL_HELD_S", 0.5)
    app = Flask("gateway")
    app.config["MAX_CONTENT_LENGTH"] = 4
    app.register_blueprint(federation.federation_blueprint(room.ask))
    problems.install(app)
    return app.test_client()


def call(client: FlaskClient, body: bytes = b"", digest: str = "", query: str = QUERY) -> Any:
    headers = {"Content-Digest": digest or ContentDigest.create(body)}
    return client.post(f"/federation/v1/turned?{query}", data=body, headers=headers)


def test_an_answer_that_is_awaited_is_handed_on_and_the_next_question_comes(client: FlaskClient, room: Room) -> None:
    room.at_most, room.questions = 100, [{"id": "next"}]
    answer = call(client, b"an answer")
    assert (answer.status_code, answer.get_json()) == (200, {"id": "next"})
    assert answer.headers["Cache-Control"] == "no-store"
    [brought] = room.brought
    assert zlib.decompress(base64.b64decode(brought["body"])) == b"an answer"
    assert (brought["node"], brought["id"], brought["status"], brought["date"]) == ("a" * 32, "q", 200, "now")


def test_what_nobody_awaits_is_not_read_and_what_is_not_signed_or_too_long_not_taken(
    client: FlaskClient, room: Room
) -> None:
    room.questions = [{"id": "next"}]
    assert call(client, b"unasked" * 100, digest=ContentDigest.create(b"other")).status_code == 200
    room.at_most = 5
    assert call(client, b"five5", digest=ContentDigest.create(b"other")).status_code == 401
    assert call(client, b"five5", digest="sha-256=five").status_code == 401
    assert call(client, b"six six").status_code == 413
    assert call(client, b"", query="stranger").status_code == 404
    assert room.brought == []
    assert call(client, b"five5").status_code == 204
    assert len(room.brought) == 1


def test_a_call_waits_for_a_question_and_no_longer_than_some_seconds(client: FlaskClient, room: Room) -> None:
    threading.Timer(0.2, room.questions.append, [{"id": "late"}]).start()
    began = time.monotonic()
    assert call(client).get_json() == {"id": "late"}
    assert time.monotonic() - began > 0.15
    began = time.monotonic()
    for _ in range(federation.HELD_AT_ONCE + 1):  # who has waited leaves its place to the next
        answer = call(client)
        assert (answer.status_code, answer.data) == (204, b"")
    assert time.monotonic() - began >= 0.5 * (federation.HELD_AT_ONCE + 1)


@pytest.mark.alone
def test_who_called_again_is_not_waited_for(client: FlaskClient, room: Room) -> None:
    room.wait = False
    began = time.monotonic()
    assert call(client).status_code == 204
    assert (time.monotonic() - began < 0.4, room.looked) == (True, 1)


@pytest.mark.alone
def test_calls_take_no_more_places_than_others_that_wait_and_are_sent_away_at_once(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turned, "CALL_HELD_S", 1.0)
    app = Flask("gateway")
    app.register_blueprint(federation.federation_blueprint(room.ask))
    took: list[float] = []

    def one() -> None:
        began = time.monotonic()
        assert call(app.test_client()).status_code == 204
        took.append(time.monotonic() - began)

    threads = [threading.Thread(target=one) for _ in range(federation.HELD_AT_ONCE + 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sum(each < 0.5 for each in took) == 2
    room.questions = [{"id": "at once"}]
    assert call(app.test_client()).get_json() == {"id": "at once"}


def test_a_node_asked_by_its_calls_answers_as_its_gateway_does_and_to_each_asker_so_often() -> None:
    def ask(room: str, door: str, request: dict[str, Any], **_: Any) -> dict[str, Any]:
        if door == "wire_streams":
            return {"node": "a" * 32, "streams": []}
        raise NotFound("Ce flux n’est pas public ici.")

    answers = alone.Alone(Settings(Node("essai", "Essai"), Http(rate_limit_per_minute=3)), ask)
    app = Flask("gateway")
    app.register_blueprint(federation.federation_blueprint(ask))
    problems.install(app)
    for path, query in (("/federation/v1/streams", ""), ("/federation/v1/log", "stream=s"), ("/federation/v1/log", "")):
        there = app.test_client().get(f"{path}?{query}")
        assert answers(path, query, {}, "radar") == (there.status_code, there.data)
    assert answers("/federation/v1/streams", "", {}, "radar")[0] == 429
    assert answers("/federation/v1/streams", "", {}, "orpan")[0] == 200
