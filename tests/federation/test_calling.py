"""A node calls a peer: what it answers there is what its gateway answers to anybody, brought once, and nothing else."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from services.federation import calling, requests
from services.federation.calling import Caller
from services.federation.cards import written
from services.federation.reaching import Reach
from services.kernel import clock, identity
from services.kernel.errors import Unavailable
from services.kernel.identity import Identity
from tests.federation.homes import Home
from tests.federation.test_messages import soon
from tests.running import running_node

OWN, PEER = Identity.from_seed(b"own " * 8), Home.of("peer")
Said = tuple[int, bytes]


class Called:
    """A peer that is called: it says what a test tells it to, in order, and keeps what was brought."""

    def __init__(self) -> None:
        self.to_say: list[Said] = []
        self.came: list[tuple[dict[str, str], bytes, dict[str, str]]] = []
        self.ahead_by = timedelta()
        self.keyring = OWN.keyring()
        self.url = ""

    def asks(self, path: str, query: str = "", headers: Mapping[str, str] = {}) -> None:
        """A question that the next call takes."""
        question = {"id": f"q{len(self.came)}{path}", "path": path, "query": query, "headers": dict(headers)}
        self.to_say.append((200, orjson.dumps(question)))

    @contextmanager
    def running(self) -> Iterator[None]:
        """It answers at `url`."""
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                said = {name: self.headers[name] for name in (*requests.HEADERS, requests.DIGEST)}
                requests.proved_post(peer.keyring, PEER.identity.name, parts.query, said)
                peer.came.append((dict(parse_qsl(parts.query)), body, said))
                status, answer = peer.to_say.pop(0) if peer.to_say else (204, b"")
                self.send_response_only(status)
                self.send_header("Date", format_datetime(clock.now() + peer.ahead_by, usegmt=True))
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


@pytest.fixture
def peer() -> Iterator[Called]:
    """A peer that answers calls."""
    made = Called()
    with made.running():
        yield made


def caller(peer: Called, answer: Said = (200, b"{}")) -> Caller:
    """Who calls it and answers all alike."""
    return Caller(PEER.identity.name, OWN, lambda: Reach(peer.url, ""), lambda *_: answer)


def test_each_call_brings_the_answer_to_the_former_question_and_takes_the_next(peer: Called) -> None:
    peer.asks("/federation/v1/log")
    peer.asks("/federation/v1/streams")
    calls = caller(peer, (409, b"above"))
    assert [calls.call() for _ in range(4)] == [True, True, False, False]
    first, second, third, fourth = peer.came
    assert (first[0], first[1]) == ({"from": OWN.name, "begins": "true"}, b"")
    assert (second[0]["id"], second[0]["status"], second[1]) == ("q0/federation/v1/log", "409", b"above")
    assert (second[0]["begins"], third[0]["id"]) == ("false", "q0/federation/v1/streams")
    assert "id" not in fourth[0]


def test_an_answer_that_did_not_get_through_is_brought_again_until_nobody_waits_for_it(
    peer: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = caller(peer, (200, b"an answer"))
    peer.asks("/federation/v1/log")
    peer.to_say += [(503, b""), (503, b"")]
    assert calls.call()
    for _ in range(2):
        with pytest.raises(Unavailable, match="503"):
            calls.call()
    assert [(of.get("id"), of["begins"], body) for of, body, _ in peer.came[1:]] == [
        ("q0/federation/v1/log", "false", b"an answer"), ("q0/federation/v1/log", "true", b"an answer"),
    ]  # fmt: skip
    monkeypatch.setattr(calling, "AWAITED_S", 0.0)
    assert calls.call() is False
    assert ("id" in peer.came[-1][0], peer.came[-1][1]) == (False, b"")


def test_an_answer_that_a_proxy_finds_too_long_is_told_and_not_brought_again(peer: Called) -> None:
    calls = caller(peer, (200, b"long"))
    peer.asks("/federation/v1/log")
    peer.to_say.append((413, b""))
    calls.call()
    with pytest.raises(Unavailable, match="client_max_body_size"):
        calls.call()
    calls.call()
    assert (peer.came[-1][0]["status"], peer.came[-1][1]) == ("413", b"")


@pytest.mark.parametrize(
    "path",
    ["/", "/api/v1/search/services", "/federation/v1/../../api/v1/sources", "/federation/v1/turned", "/healthz",
     "//federation/v1/log", "/federation/v1/log/", "/federation/v2/log", "/federation/v1/log\n"],
)  # fmt: skip
def test_a_question_outside_of_the_wire_is_not_even_asked_of_the_node(peer: Called, path: str) -> None:
    asked: list[str] = []

    def answers(path: str, *_: object) -> Said:
        asked.append(path)
        return 200, b"secret"

    calls = Caller(PEER.identity.name, OWN, lambda: Reach(peer.url, ""), answers)
    peer.asks(path)
    calls.call()
    calls.call()
    assert (peer.came[-1][0]["status"], peer.came[-1][1], asked) == ("404", b"", [])


@pytest.mark.parametrize("said", [b"", b"[]", b'{"id": "a"}', b'{"id":"a","path":"b","query":"c","headers":3}'])
def test_what_is_no_question_is_trouble_and_the_next_call_begins_anew(peer: Called, said: bytes) -> None:
    calls = caller(peer)
    peer.to_say.append((200, said))
    with pytest.raises(Unavailable, match="forme inconnue"):
        calls.call()
    assert calls.call() is False
    assert peer.came[-1][0]["begins"] == "true"


@pytest.mark.parametrize(("status", "why"), [(404, "ajouter sa carte"), (401, "dernière carte"), (500, "500")])
def test_a_peer_that_takes_no_calls_is_named_with_what_to_do(peer: Called, status: int, why: str) -> None:
    peer.to_say.append((status, b""))
    with pytest.raises(Unavailable, match=why):
        caller(peer).call()


def test_the_time_of_a_call_is_that_of_who_is_called(peer: Called) -> None:
    peer.ahead_by = timedelta(minutes=4)
    calls = caller(peer)
    calls.call()
    calls.call()
    [first, second] = [re.findall(r"created=(\d+)", said["Signature-Input"]) for _, _, said in peer.came]
    assert 235 < int(second[0]) - int(first[0]) < 245


def test_all_that_is_reached_of_a_real_node_is_what_its_gateway_tells_anybody(peer: Called, tmp_path: Path) -> None:
    calls = {"MAILLAGE_FEDERATION_CALLS": "true", "MAILLAGE_NODE_URL": "http://127.0.0.1:1"}
    with running_node(tmp_path / "orpan", **calls) as orpan:
        own = identity.load(orpan.folder)
        peer.keyring = own.keyring()
        card = written(replace(PEER.card(), url=peer.url), PEER.identity).decode()
        orpan.ask("federation", "peer_add", card=card)
        signed = f"from={PEER.identity.name}&service=directory&epoch=1&after=0&limit=5"
        proof = requests.signed(PEER.identity, own.name, signed, clock.now())
        peer.asks("/federation/v1/streams")
        peer.asks("/api/v1/sources")
        peer.asks("/federation/v1/log", "stream=x")
        peer.asks("/federation/v1/addressed", signed, proof)
        peer.asks("/federation/v1/addressed", signed)
        peer.asks("/federation/v1/card", "", {"Cookie": "a"})
        answers = soon(lambda: [each for each in peer.came if "id" in each[0]][5:]) and [
            (of["id"].rpartition("/")[2], of["status"], body) for of, body, _ in peer.came if "id" in of
        ]
    assert [answer[:2] for answer in answers] == [
        ("streams", "200"), ("sources", "404"), ("log", "404"), ("addressed", "200"), ("addressed", "401"),
        ("card", "200"),
    ]  # fmt: skip
    assert orjson.loads(answers[0][2])["node"] == own.name
    assert (answers[1][2], answers[3][2]) == (b"", b"")
