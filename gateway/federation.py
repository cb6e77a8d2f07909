"""What other nodes read here: how far the public streams are, and their events. No session, no key: every event is
signed, and what is public is public. `docs/federation.md` has the wire.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import orjson
from flask import Blueprint, Response, request

from gateway import http, problems
from gateway.auth import Ask
from gateway.turned import SIGNATURE, add_turned, signed_question
from services.federation.schemas import CardAsked, DigestsAsked, LogAsked
from services.kernel.errors import Conflict

NDJSON: Final = "application/x-ndjson"
HELD_OPEN_S: Final = 20.0
LOOK_EVERY_S: Final = 0.1
HELD_AT_ONCE: Final = 3
"""Questions that a process holds open: each takes one of its threads. Who comes when all are taken asks again soon."""


def federation_blueprint(ask: Ask, held_open_s: float = 0.0) -> Blueprint:
    """`/federation/v1/streams`, `card`, `log`, `wait`, `snapshot`, `addressed`, `digests`, and `turned` for who calls.

    `held_open_s`: how long `wait` waits, where that is not as long as usual.
    """
    federation = Blueprint("federation", __name__, url_prefix="/federation/v1")
    places = threading.BoundedSemaphore(HELD_AT_ONCE)

    @federation.get("/log")
    def log() -> Response:
        """Events of a stream after a place, one to a line, without holes; nothing at the head."""
        return _lines(_page(ask))

    @federation.get("/snapshot")
    def snapshot() -> Response:
        """The last event of each record that changed after a place, up to the stream's last checkpoint."""
        return _lines(_page(ask, "wire_snapshot"))

    @federation.get("/addressed")
    def addressed() -> Response:
        """Events addressed to who asks, a peer that signs its question (RFC 9421), after those that it has."""
        return _lines(ask("federation", "wire_addressed", signed_question(SIGNATURE))["events"])

    @federation.get("/wait")
    def wait() -> Response:
        """As `log`, and where nothing is new the answer waits for it, 20 s at most."""
        events = _page(ask)
        if events or not places.acquire(blocking=False):
            return _lines(events)
        try:
            ends_at = time.monotonic() + (held_open_s or HELD_OPEN_S)
            while not events and time.monotonic() < ends_at:
                time.sleep(LOOK_EVERY_S)
                events = _page(ask)
        finally:
            places.release()
        return _lines(events)

    _add_heads(federation, ask)
    add_turned(federation, ask, places)
    federation.register_error_handler(Conflict, _conflict)
    return federation


def _add_heads(federation: Blueprint, ask: Ask) -> None:
    """How far streams are, whose they are, and what they are at their last checkpoint."""

    @federation.get("/streams")
    def streams() -> Response:
        """Heads of this node's public streams."""
        return _fresh(orjson.dumps(ask("federation", "wire_streams", {})), http.JSON)

    @federation.get("/card")
    def card() -> Response:
        """This node's card, or that of a peer of it (`node`), for who knows an earlier one."""
        asked = CardAsked.read(request.args.to_dict())
        return _fresh(ask("federation", "wire_card", asked)["card"].encode(), http.JSON)

    @federation.get("/digests")
    def digests() -> Response:
        """What a stream is at its last checkpoint, in 256 digests, for who holds it too and compares."""
        asked = DigestsAsked.read(request.args.to_dict())
        return _fresh(orjson.dumps(ask("federation", "wire_digests", asked)), http.JSON)


def _page(ask: Ask, door: str = "wire_log") -> list[str]:
    asked = LogAsked.read(request.args.to_dict())
    events: list[str] = ask("federation", door, asked)["events"]
    return events


def _lines(events: list[str]) -> Response:
    return _fresh("".join(f"{each}\n" for each in events).encode(), NDJSON)


def _fresh(body: bytes, content_type: str) -> Response:
    return Response(body, 200, {"Cache-Control": "no-store"}, content_type=content_type)


def _conflict(error: Conflict) -> Any:
    """Above the head: who asks holds a history that this node does not have (any more)."""
    return problems.problem(409, error.message)
