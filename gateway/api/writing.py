"""The native records: reading one, and writing with a key. One call to the directory for each write."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, redirect, request
from flask_smorest import Blueprint
from marshmallow import RAISE, Schema, fields, validate
from marshmallow import ValidationError as Invalid
from werkzeug.wrappers import Response as Answer

from gateway import http
from gateway.api import shapes
from gateway.api.doors import body_of, idempotency_key, if_match
from gateway.auth import Ask, Callers
from gateway.limit import Limit
from gateway.problems import problem, too_many
from gateway.search import Reader
from services.directory.formats import argumentaire
from services.directory.formats.ids import SOURCE_NAME
from services.kernel.errors import Conflict, NotFound, ValidationError
from services.kernel.request import VISIBLE, problems

SUGGESTIONS_PER_MINUTE = 6


class DraftBody(Schema):
    """A record to create or change; `source` and `source_id` say which."""

    class Meta:
        unknown = RAISE

    kind = fields.String(required=True, validate=validate.OneOf(("structure", "service")))
    source = fields.String(
        required=True, validate=[validate.Length(1, 99), validate.Regexp(rf"^{SOURCE_NAME}$"), VISIBLE]
    )
    source_id = fields.String(required=True, validate=validate.Length(1, 200))
    structure_source_id = fields.String(validate=validate.Length(1, 200))
    sectors = fields.List(fields.String())
    ess = fields.String(
        validate=validate.OneOf(("yes", "no", "unknown")),
        metadata={"description": "Of the social economy; structures."},
    )
    legal_form = fields.String(metadata={"description": "INSEE's code of the legal form, four digits; structures."})
    argumentaire = fields.Dict(
        keys=fields.String(validate=validate.OneOf(sorted(argumentaire.NAMES))), values=fields.String(),
        metadata={"description": "What a structure of the social economy adds, a text for each part."},
    )  # fmt: skip
    languages = fields.List(
        fields.String(), metadata={"description": "Languages spoken there, by their codes of ISO 639-1."}
    )
    accessibility = fields.String(metadata={"description": "What people with a disability find there, in words."})
    memberships = fields.List(
        fields.Dict(),
        metadata={"description": "Networks and poles: `{name, scale, territory}`, the code of the INSEE; structures."},
    )
    fields_ = fields.Dict(required=True, data_key="fields", keys=fields.String())


class SuggestionBody(Schema):
    """What is wrong (`message`), or another value for a field (`field`, `value`); `contact` for who wants an answer."""

    class Meta:
        unknown = RAISE

    field = fields.String(validate=validate.Length(1, 64))
    value = fields.Raw(allow_none=True)
    message = fields.String(validate=validate.Length(0, 2_000))
    contact = fields.Email(validate=validate.Length(3, 254))


def writing_blueprint(reader: Reader, ask: Ask) -> Blueprint:
    """`/api/v1/records` over the read model for reads and the directory for writes."""
    blueprint = Blueprint("fiches", __name__, url_prefix="/api/v1/records", description="Forme native, et écriture.")
    callers = Callers(ask)

    @blueprint.get("/<uuid:identifier>")
    @blueprint.response(200, shapes.NativeRecord)
    def one_record(identifier: Any) -> Answer:
        """One public record as this product keeps it; its `ETag` is its version."""
        record = reader.get("structure", str(identifier)) or reader.get("service", str(identifier))
        if record is None:
            raise NotFound(f"Aucune fiche publique {identifier}.")
        moved = reader.successor(record.kind, record.uuid)
        if moved is not None:
            return redirect(f"/api/v1/records/{moved.uuid}", 301)
        return _tagged(record.native, record.version).make_conditional(request)

    @blueprint.post("")
    @blueprint.doc(security=[{"key": []}], requestBody=_body(DraftBody))
    @blueprint.response(200, shapes.NativeRecord)
    def put_record() -> Response:
        """Create a record, or change the one of this source and source id; `If-Match` guards a change."""
        actor = callers.actor()
        asked = {"records": [_draft()], "version": if_match(), "request_id": idempotency_key()}
        return _written(ask("directory", "put", asked, actor=actor)["records"][0])

    _add_suggestions(blueprint, ask)

    @blueprint.delete("/<uuid:identifier>")
    @blueprint.doc(security=[{"key": []}], parameters=[_reason_parameter()])
    @blueprint.response(200, fields.Dict)
    def withdraw_record(identifier: Any) -> Response:
        """Withdraw a record, a structure with its services; a tombstone stays."""
        actor, version = callers.actor(), if_match()
        if version is None:
            return problem(428, "Dites quelle version vous retirez : If-Match, avec l’ETag lu.")
        reason = request.args.get("reason", "retirée par sa source")
        asked = {"id": str(identifier), "reason": reason, "version": version, "request_id": idempotency_key()}
        return Response(orjson.dumps(ask("directory", "withdraw", asked, actor=actor)), content_type=http.JSON)

    return blueprint


def _add_suggestions(blueprint: Blueprint, ask: Ask) -> None:
    suggestions = Limit(SUGGESTIONS_PER_MINUTE)

    @blueprint.post("/<uuid:identifier>/suggestions")
    @blueprint.doc(requestBody=_body(SuggestionBody))
    @blueprint.response(202, fields.Dict)
    def suggest(identifier: Any) -> Response:
        """Say that a public record is wrong, or propose a value; a permanent reads it first. No key is needed."""
        allowed = suggestions.hit(request.remote_addr or "")
        if not allowed.passes:
            return too_many(allowed.next_in_s, "de propositions d’affilée")
        asked = _read(SuggestionBody(), "La proposition n’est pas valable.") | {"id": str(identifier)}
        return Response(orjson.dumps(ask("directory", "suggest", asked)), 202, content_type=http.JSON)


def precondition_failed(error: Conflict) -> Response:
    """A version read too long ago is 412 where the caller guarded itself with `If-Match`, 409 otherwise."""
    from gateway.problems import of_error

    return of_error(error, 412 if request.headers.get("If-Match") else None)


def _body(schema: type[Schema]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _reason_parameter() -> dict[str, Any]:
    return {"in": "query", "name": "reason", "schema": {"type": "string", "minLength": 3, "maxLength": 500}}


def _draft() -> dict[str, Any]:
    draft = _read(DraftBody(), "La fiche n’est pas valable.")
    return draft | {"fields": draft.pop("fields_")}


def _read(schema: Schema, wrong: str) -> dict[str, Any]:
    """The body of the request, checked. Raises `ValidationError`."""
    body = body_of()
    try:
        read: dict[str, Any] = schema.load(body)
    except Invalid as error:
        raise ValidationError(wrong, list(problems(error.messages, body))) from None
    return read


def _written(record: dict[str, Any]) -> Response:
    return _tagged(orjson.dumps(record), record["version"])


def _tagged(body: bytes, version: int) -> Response:
    response = Response(body, content_type=http.JSON)
    response.set_etag(str(version))
    return response
