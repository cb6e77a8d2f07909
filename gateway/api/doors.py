"""The doors of rooms as HTTP, said in one table: who is behind the request, what is asked, the room's answer.

Nothing is decided here. The room checks the shape and the role; what it refuses comes back as a problem document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from flask import Response, request
from flask_smorest import Blueprint
from marshmallow import fields

from gateway import http
from gateway.auth import Ask, Callers
from gateway.problems import problem
from services.kernel.errors import ValidationError
from services.kernel.request import Request

LONGEST_KEY: Final = 200
LINK: Final = "structure_link"
VERSION, REPEAT = "version", "request_id"
"""Fields of a request that travel as headers: `If-Match` and `Idempotency-Key`."""


@dataclass(frozen=True)
class Door:
    """One act over HTTP.

    `method` and `path` as Flask writes them; what the path holds goes into the request under its name, or under the
    name that `names` gives it. `shape` is the room's own, `status` that of an answer.
    """

    method: str
    path: str
    door: str
    shape: type[Request] | None
    summary: str
    room: str = "directory"
    names: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    must_match: bool = False


def add(blueprint: Blueprint, ask: Ask, callers: Callers, doors: Iterable[Door]) -> None:
    """Open these doors to who holds a key or a session."""
    for door in doors:
        _add(blueprint, ask, callers, door)


def answered(body: Any, status: int = 200) -> Response:
    """An answer to one person, which no cache keeps."""
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store"}, content_type=http.JSON)


def body_of() -> dict[str, Any]:
    """The request's JSON object, `{}` where nothing was sent. Raises `ValidationError`."""
    raw = request.get_data()
    try:
        body = orjson.loads(raw) if raw else {}  # strict: `NaN` would be an empty field, half a character no text
    except orjson.JSONDecodeError as error:
        raise ValidationError(f"Ce n’est pas du JSON : {error}.") from None
    if not isinstance(body, dict):
        raise ValidationError("Un objet JSON est attendu.")
    return body


def if_match() -> int | None:
    """The version that the caller read. Raises `ValidationError`."""
    tags = list(request.if_match)
    if not tags:
        return None
    if len(tags) != 1 or not tags[0].isdigit() or len(tags[0]) > 15:
        raise ValidationError('If-Match attend l’ETag de la fiche, par exemple "3".')
    return int(tags[0])


def idempotency_key() -> str | None:
    """The caller's name for this request, under which a repeat answers the same. Raises `ValidationError`."""
    key = request.headers.get("Idempotency-Key")
    if key and len(key) > LONGEST_KEY:
        raise ValidationError(f"Idempotency-Key est trop longue : {LONGEST_KEY} caractères au plus.")
    return key.strip('"') or None if key else None


def _add(blueprint: Blueprint, ask: Ask, callers: Callers, door: Door) -> None:
    def answer(**within: Any) -> Response:
        actor = callers.actor()
        asked = _asked(door) | {door.names.get(name, name): str(value) for name, value in within.items()}
        if door.must_match and VERSION not in asked:
            return problem(428, "Dites quelle version vous changez : If-Match, avec l’ETag lu.")
        if door.door == LINK:
            _require_structures(ask, actor, asked)
        return answered(ask(door.room, door.door, asked, actor=actor), door.status)

    answer.__name__ = f"{door.method}_{door.door}".lower()
    answer.__doc__ = door.summary
    view = blueprint.response(door.status, fields.Dict)(answer)
    view = blueprint.doc(security=[{"key": []}, {"session": []}], **_documented(door))(view)
    blueprint.route(door.path, methods=[door.method], endpoint=answer.__name__)(view)


def _require_structures(ask: Ask, actor: str | None, asked: dict[str, Any]) -> None:
    """Raises `NotFound`, or `ValidationError` for what is no living structure: a link to it would open nothing.

    Here, since accounts knows people and no records.
    """
    named = asked.get("structures")
    for each in named if isinstance(named, list) else ():
        record = ask("directory", "get", {"id": str(each)}, actor=actor)
        if record["kind"] != "structure" or record["status"] == "withdrawn" or record["id"] != str(each):
            fault = {"line": None, "field": "structures", "value": str(each), "code": "structure",
                     "why": "ce n’est pas une structure vivante",
                     "remedy": "Donnez l’identifiant de la fiche d’une structure."}  # fmt: skip
            raise ValidationError("Un lien s’ouvre sur des structures.", [fault])


def _asked(door: Door) -> dict[str, Any]:
    if door.method == "GET":
        return request.args.to_dict()
    asked = body_of()
    known = door.shape().fields if door.shape else {}
    version, repeat = if_match(), idempotency_key()
    if VERSION in known and version is not None:
        asked[VERSION] = version
    if REPEAT in known and repeat is not None:
        asked[REPEAT] = repeat
    return asked


def _documented(door: Door) -> dict[str, Any]:
    """The request's shape without what the path and the headers say."""
    if door.shape is None:
        return {}
    within = {door.names.get(name, name) for name in _names_in(door.path)}
    known = door.shape().fields
    elsewhere = {name for name, each in known.items() if (each.data_key or name) in within | {VERSION, REPEAT}}
    shape = door.shape(exclude=sorted(elsewhere))
    if not shape.fields:
        return {}
    if door.method == "GET":
        return {"parameters": [{"in": "query", "schema": shape}]}
    needed = any(each.required for each in shape.fields.values())
    return {"requestBody": {"required": needed, "content": {http.JSON: {"schema": shape}}}}


def _names_in(path: str) -> list[str]:
    return [part.partition(":")[2].rstrip(">") for part in path.split("/") if part.startswith("<")]
