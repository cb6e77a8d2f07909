"""Nodes that nobody can reach call here: each call brings the answer to the former question, and takes the next one."""

from __future__ import annotations

import base64
import threading
import time
import zlib
from typing import Any, Final

import orjson
from flask import Blueprint, Response, request
from http_message_signatures import ContentDigest, InvalidSignature

from gateway import http
from gateway.auth import Ask
from services.kernel.errors import Unauthorized

SIGNATURE: Final = ("Signature-Input", "Signature")
DIGEST: Final = "Content-Digest"
CALL_HELD_S: Final = 15.0
LOOK_EVERY_S: Final = 0.1
QUICK: Final = 1
"""zlib's least effort: events are text, and packed to a third at once."""


def signed_question(names: tuple[str, ...]) -> dict[str, Any]:
    """The query as it was sent and the headers that sign it, for a room to prove: `AddressedAsked`."""
    query = request.query_string.decode("ascii", "replace")[:500] or "-"
    return {"query": query, "headers": {name: request.headers[name] for name in names if name in request.headers}}


def add_turned(federation: Blueprint, ask: Ask, places: threading.BoundedSemaphore) -> None:
    """`POST /federation/v1/turned`. `places`: of those that wait in this process, `/wait` among them."""

    @federation.post("/turned")
    def turned() -> Response:
        """A peer calls, and signs that: the next question for it, or 204 after some seconds."""
        call = ask("federation", "wire_turned", signed_question((*SIGNATURE, DIGEST)))
        if call["at_most"]:
            of = {name: call[name] for name in ("node", "id", "status", "date")}
            ask("federation", "turned_answer", of | {"body": _body(call["at_most"])})
        question = _question(ask, {"node": call["node"], "call": call["call"]}, places)
        headers = {"Cache-Control": "no-store"}
        if question is None:
            return Response(b"", 204, headers)
        return Response(orjson.dumps(question), 200, headers, content_type=http.JSON)


def _body(at_most: int) -> str:
    """The body, packed for the way to the room. Raises `Unauthorized` where it is not what was signed; 413."""
    request.max_content_length = at_most
    body = request.get_data(cache=False)
    try:
        ContentDigest.verify(request.headers[DIGEST], body)
    except InvalidSignature:
        raise Unauthorized("Ce qui est apporté n’est pas ce qui est signé.") from None
    return base64.b64encode(zlib.compress(body, QUICK)).decode()


def _question(ask: Ask, call: dict[str, str], places: threading.BoundedSemaphore) -> dict[str, Any] | None:
    """The next question for who calls; where none waits it is waited for, as long as there is a place to wait."""
    said = ask("federation", "turned_question", call)
    if said["question"] or not said["wait"] or not places.acquire(blocking=False):
        return said["question"] or None
    try:
        ends_at = time.monotonic() + CALL_HELD_S
        while said["wait"] and not said["question"] and time.monotonic() < ends_at:
            time.sleep(LOOK_EVERY_S)
            said = ask("federation", "turned_question", call)
    finally:
        places.release()
    return said["question"] or None
