"""A node that lies: stands where the others reach it, passes their questions on, and changes what it answers."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import orjson

from services.kernel import identity
from services.kernel.envelope import Header, Signed, canonical, datahash, read
from services.kernel.identity import EVENT
from tests.faults.sites import Site, until

PUBLISHED = "directory.structure.published.v1"
Twist = Callable[[str, list[bytes]], list[bytes]]
"""(stream, events as they travel) → what is said instead."""
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def lies(site: Site, twist: Twist | None = None, answer: Answer | None = None) -> Iterator[None]:
    """For a time this site changes the events that it tells by `twist`, or gives an `answer` of its own to all."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError, HTTPException):
                answer(self) if answer else self._passed_on()

        def _passed_on(self) -> None:
            way = HTTPConnection("127.0.0.1", site.port, timeout=60)
            way.request("GET", self.path)
            said = way.getresponse()
            body = said.read()
            way.close()
            stream = parse_qs(urlsplit(self.path).query).get("stream", [""])[0]
            if said.status == 200 and stream and twist:
                body = b"".join(line + b"\n" for line in twist(stream, [line for line in body.split(b"\n") if line]))
            self.send_response(said.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """Who asked has gone."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site.wire.lead_to(server.server_port)
    try:
        yield
    finally:
        site.wire.lead_to(site.port)
        server.shutdown()
        server.server_close()


@dataclass
class Forger:
    """Signs events of another's stream by its own key; `far` makes it begin at a number far ahead."""

    site: Site
    victim: Site
    count: int
    far: int = 0

    def __call__(self, stream: str, told: list[bytes]) -> list[bytes]:
        """What was to be told, and the next events that never were."""
        if not stream.startswith(self.victim.name):
            return told
        own, last = identity.load(self.site.node.folder), read(told[-1]).header if told else self._last(stream)
        forged = []
        for number in range(self.count):
            last = self._after(last, number)
            forged.append(Signed(last, own.sign(EVENT, last.raw), self._data(last), b"s" * 32).body())
        return [*told, *forged]

    def _after(self, last: Header, number: int) -> Header:
        head = replace(
            last, seq=self.far or last.seq + 1, id=f"forged-{number}", type=PUBLISHED, prev=last.hash,
            subject=f"00000000-0000-5000-8000-{number:012}", recordversion=1,
        )  # fmt: skip
        return replace(head, datahash=datahash(b"s" * 32, self._data(head)))

    def _data(self, head: Header) -> bytes:
        return canonical({
            "id": head.subject, "kind": "structure", "home": self.victim.name, "source": "liste", "source_id": head.id,
            "version": 1, "status": "qualified", "sectors": [], "changed": [], "fields": {"nom": "Faux"},
        })  # fmt: skip

    def _last(self, stream: str) -> Header:
        epoch, seq = self.victim.head()
        asked = {"stream": stream, "epoch": epoch, "after": seq - 1, "limit": 1}
        [body] = self.victim.ask("directory", "log_after", **asked)["events"]
        return read(body.encode()).header


def stripped(stream: str, told: list[bytes]) -> list[bytes]:
    """Every event without what it says."""
    return [orjson.dumps({k: v for k, v in orjson.loads(each).items() if k not in ("data", "salt")}) for each in told]


def left_out(stream: str, told: list[bytes]) -> list[bytes]:
    """One record in the middle is not told."""
    return [each for place, each in enumerate(told) if place != len(told) // 2]


class Shuffled:
    """Tells events twice, and before the one before them, each as `often`."""

    def __init__(self, often: float = 0.02) -> None:
        self.moved = 0
        self._often = often
        self._dice = random.Random(10)

    def __call__(self, stream: str, told: list[bytes]) -> list[bytes]:
        """The same events, in disorder."""
        said: list[bytes] = []
        for each in told:
            said.insert(len(said) - (self._dice.random() < self._often), each)
            said += [each] if self._dice.random() < self._often else []
        self.moved += said != told
        return said


@contextmanager
def through(other: Site, home: Site, hub: Site) -> Iterator[None]:
    """For a time a home is read from a hub that re-serves it."""
    other.follow(home, via=hub.label)
    home.wire.hang_up()
    until(lambda: hub.stream(home)["held"] >= home.head()[1])
    yield
    other.follow(home)
    hub.wire.hang_up()
