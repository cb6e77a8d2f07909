"""The way to another node: which addresses are spoken to, and how little of an answer is believed."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from services.federation.reaching import Answer, Reach
from services.kernel.errors import Unavailable, ValidationError

TRIAL, PUBLIC = "http://127.0.0.1:8080", "https://radar.example.org"
Answering = Callable[[Callable[[BaseHTTPRequestHandler], None]], str]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """A server of this machine that answers as told; its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def named(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """From now on every name has these addresses."""
    found = [(socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, 443)) for each in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize(
    "url",
    ["http://radar.example.org", "ftp://radar.example.org", "file:///etc/passwd", "https://", "radar.example.org",
     "https://me:secret@radar.example.org", "https://radar.example.org/?a=b", "https://radar.example.org/#a",
     "https://radar.example.org:99999", "javascript:alert(1)"],
)  # fmt: skip
def test_what_is_no_address_of_a_node_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Reach(url, PUBLIC)
    [problem] = caught.value.details
    assert (problem["field"], problem["value"]) == ("url", url)
    assert problem["remedy"]


@pytest.mark.parametrize(
    ("address", "private"),
    [("127.0.0.1", True), ("::1", True), ("169.254.169.254", True), ("fe80::1", True), ("0.0.0.0", True),
     ("224.0.0.1", True), ("::ffff:127.0.0.1", True), ("::ffff:169.254.169.254", True), ("10.1.2.3", False),
     ("192.168.1.1", False), ("fd00::1", False)],
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_followed(monkeypatch: pytest.MonkeyPatch, address: str, private: bool) -> None:
    named(monkeypatch, address)
    with pytest.raises(ValidationError, match="n’est pas acceptée"):
        Reach("https://radar.example.org", PUBLIC, private=private)


def test_one_inner_address_among_several_is_enough_to_refuse_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, "93.184.215.14", "127.0.0.1")
    with pytest.raises(ValidationError, match="cette machine"):
        Reach("https://radar.example.org", PUBLIC)


def test_a_private_network_is_reached_where_the_operator_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, "10.1.2.3")
    assert Reach("https://radar.example.org", PUBLIC, private=True)


def test_a_name_that_changes_after_the_check_leads_nowhere_else(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = answering(lambda handler: say(handler, 200, handler.headers["Host"].encode()))
    reach = Reach(url.replace("127.0.0.1", "localhost"), TRIAL)
    asked: list[str] = []
    known = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **more: asked.append(given[0]) or known(*given, **more))
    answer = reach.get("/federation/v1/streams", {})
    assert (answer.status, answer.body.partition(b":")[0]) == (200, b"localhost")
    assert "localhost" not in asked


def test_a_redirect_is_an_answer_and_not_a_way(answering: Answering) -> None:
    asked: list[str] = []

    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_response(302)
        handler.send_header("Location", "/secret")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    assert Reach(answering(elsewhere), TRIAL).get("/a", {}).status == 302
    assert asked == ["/a?"]


def test_a_packed_answer_is_not_unpacked(answering: Answering) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    url = answering(lambda handler: say(handler, 200, bomb, {"Content-Encoding": "gzip"}))
    with pytest.raises(Unavailable, match="comprimée"):
        Reach(url, TRIAL).get("/a", {})


def test_an_answer_without_end_is_left_at_the_limit(answering: Answering) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65_536)
        except OSError:
            return

    with pytest.raises(Unavailable, match="plus de 100000 octets"):
        Reach(answering(endless), TRIAL).get("/a", {}, at_most=100_000)


@pytest.mark.parametrize("chunked", [False, True])
def test_of_an_answer_that_breaks_off_whole_lines_are_given_and_never_half_a_one(
    answering: Answering, chunked: bool
) -> None:
    def breaks(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "100")))
        handler.end_headers()
        handler.wfile.write(b"64\r\none\ntwo\nthr" if chunked else b"one\ntwo\nthr")
        handler.close_connection = True

    url = answering(breaks)
    assert Reach(url, TRIAL).get("/a", {}, lines=True).body == b"one\ntwo"
    with pytest.raises(Unavailable, match="ne répond pas"):
        Reach(url, TRIAL).get("/a", {})


def test_nobody_there_is_said_in_a_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match="ne répond pas"):
        Reach(f"http://127.0.0.1:{port}", TRIAL).get("/a", {})


def say(handler: Any, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    """A plain answer."""
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _heard(answer: bytes) -> str:
    """Where somebody takes one connection, says this and hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listening, listening.accept()[0] as taken:
            taken.recv(10_000)
            taken.sendall(answer)

    threading.Thread(target=run, daemon=True).start()
    return f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    ("scheme", "answer", "said"),
    [("http", b"", "rompue avant la fin"),
     ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "rompue avant la fin"),
     ("http", b"bonjour\r\n\r\n", "ne parle pas HTTP"), ("https", b"bonjour", "ne parle TLS")],
)  # fmt: skip
def test_why_no_answer_came_is_said_in_words(scheme: str, answer: bytes, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        Reach(f"{scheme}://{_heard(answer)}", TRIAL).get("/", {})


def test_a_port_at_which_nothing_listens_is_no_slow_answer() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="refusée : il est arrêté, ou le port est faux"):
            Reach(f"http://127.0.0.1:{held.getsockname()[1]}", TRIAL).get("/", {})


@pytest.mark.parametrize(
    ("date", "told"),
    [("garbage", False), ("", False), ("Sat, 28 Nov 9999999 08:00:00 GMT", False), ("Sat, 28 Nov 2026 08:00:00", True),
     ("Sat, 28 Nov 2026 08:00:00 -0000", True), ("Sat, 01 Jan 0001 08:00:00 +2300", True)],
)  # fmt: skip
def test_the_time_by_anothers_clock_is_read_where_it_can_be(date: str, told: bool) -> None:
    assert (Answer(200, b"", date).ahead_by() is not None) is told
