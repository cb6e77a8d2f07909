"""Saying that a public record is wrong, without an account: a form that a machine fills badly, and few times."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint, Response, render_template, request

from gateway import problems
from gateway.auth import Ask
from gateway.limit import Limit
from gateway.pages.shown import not_shown, phone, refusal
from gateway.search import Reader
from services.directory.events import NOT_SHOWN
from services.directory.formats import hours
from services.kernel.errors import Conflict, MaillageError, NotFound, ValidationError, WrongState
from services.kernel.settings import Settings

PER_MINUTE = 6
FIELDS = (
    ("telephone", "Téléphone"), ("courriel", "Adresse électronique"), ("site_web", "Site"), ("adresse", "Adresse"),
    ("horaires_accueil", "Horaires"), ("nom", "Nom"), ("description", "Description"),
)  # fmt: skip
"""What a visitor may correct in a form; everything else is said in words, or by the API."""


def add(pages: Blueprint, settings: Settings, reader: Reader, ask: Ask) -> None:
    """`/signaler/<id>`."""
    limit = Limit(PER_MINUTE)

    def page(identifier: UUID, status: int = 200, **given: Any) -> Response:
        native = _native(reader, str(identifier))
        given["unreached"] = "" if given["done"] or given["said"] else _unreached(ask, native)
        shown = [(name, label, _now(name, native["fields"].get(name) or "")) for name, label in FIELDS]
        if native["kind"] == "service":
            shown = [each for each in shown if each[0] != "site_web"]
        html = render_template("report.html", native=native, fields=shown, mail=bool(settings.mail.host), **given)
        return Response(html, status, {"Cache-Control": "no-store"}, content_type="text/html; charset=utf-8")

    @pages.get("/signaler/<uuid:identifier>")
    def report(identifier: UUID) -> Response:
        return page(identifier, said={}, wrong="", done=False)

    @pages.post("/signaler/<uuid:identifier>")
    def send(identifier: UUID) -> Response:
        said = {name: value.strip() for name, value in request.form.items()}
        if said.pop("website", ""):  # a field that nobody sees: who fills it is a machine
            return page(identifier, said={}, wrong="", done=True)
        if not limit.hit(request.remote_addr or "").passes:
            return problems.problem(429, "Trop de signalements d’affilée : recommencez dans une minute.")
        native = _native(reader, str(identifier))
        field = said.get("field", "")
        asked = {"id": native["id"], "message": said.get("message", ""), "contact": said.get("contact") or None}
        if field in dict(FIELDS):
            asked |= {"field": field, "value": said.get("value") or None}
        try:
            ask("directory", "suggest", asked)
        except (Conflict, WrongState) as error:
            return page(identifier, 409, said=said, wrong=error.message, done=False)
        except ValidationError as error:
            return page(identifier, 422, said=said, wrong=refusal(error), done=False)
        return page(identifier, said={}, wrong="", done=True)


def _now(name: str, value: str) -> str:
    """What the record says of a field, in words."""
    if name == "horaires_accueil":
        return " ; ".join(hours.to_french(value)) if value else ""
    return phone(value) if name == "telephone" else value


def _native(reader: Reader, identifier: str) -> dict[str, Any]:
    record = reader.get("structure", identifier) or reader.get("service", identifier)
    native: dict[str, Any] = orjson.loads(record.native) if record else {}
    if native.get("reason") == NOT_SHOWN:
        raise NotFound(not_shown(native))
    if record is None or record.withdrawn:
        raise NotFound("Cette fiche n’est pas dans l’annuaire, ou n’y est plus.")
    return native


def _unreached(ask: Ask, native: dict[str, Any]) -> str:
    """Why nothing can be sent to the home of a record now; empty where it can be, or nobody here knows."""
    if not native.get("home_node"):
        return ""
    try:
        ask("federation", "way_to", {"node": native["home"]})
    except (Conflict, NotFound) as error:
        return error.message
    except MaillageError:  # it will be said of what is sent
        return ""
    return ""
