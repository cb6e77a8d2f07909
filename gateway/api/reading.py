"""The public read endpoints: data·inclusion's contract, and our own beside it. Everything comes from the read model."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import orjson
from flask import Response, redirect, request
from flask.views import MethodView  # noqa: F401 (flask-smorest wants it importable)
from flask_smorest import Blueprint
from marshmallow import EXCLUDE, Schema, fields, validate
from werkzeug.wrappers import Response as Answer

from gateway import http
from gateway.api import arguments, shapes
from gateway.query import Kind
from gateway.search import Page, Reader
from services.directory.formats import referentials, sectors
from services.kernel.errors import NotFound, ValidationError

REFERENTIALS = ("thematiques", "publics", "frais", "types", "modes_accueil", "modes_mobilisation",
                "personne_mobilisatrice", "reseaux_porteurs")  # fmt: skip
CHANGES_AT_MOST = 1_000


class ChangesArguments(Schema):
    """A page of the feed."""

    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**53))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, CHANGES_AT_MOST))


class CompleteArguments(Schema):
    """What was typed so far."""

    q = fields.String(required=True, validate=validate.Length(1, 100))
    kinds = fields.List(fields.String(validate=validate.OneOf(("commune", "theme", "structure", "service"))))
    limit = fields.Integer(load_default=10, validate=validate.Range(1, 50))


def asking(schema: type[Schema]) -> dict[str, Any]:
    """The query parameters of a schema, for the documentation; reading them is ours, cached."""
    return {"parameters": [{"in": "query", "schema": schema}]}


def reading_blueprint(reader: Reader) -> Blueprint:
    """The read endpoints over one read model."""
    blueprint = Blueprint("lecture", __name__, url_prefix="/api/v1", description="Lecture publique, sans clé.")
    _add_searches(blueprint, reader)
    _add_records(blueprint, reader)
    _add_helpers(blueprint, reader)
    return blueprint


def _add_searches(blueprint: Blueprint, reader: Reader) -> None:
    @blueprint.get("/search/services")
    @blueprint.doc(**asking(arguments.SearchServices))
    @blueprint.response(200, shapes.PageOfServices)
    def search_services() -> Response:
        """Services around a commune or a point, in data·inclusion's contract."""
        return http.cached(reader, lambda: _page(reader, "search"))

    @blueprint.get("/services")
    @blueprint.doc(**asking(arguments.ListServices))
    @blueprint.response(200, shapes.PageOfItems)
    def list_services() -> Response:
        """Services, in data·inclusion's contract."""
        return http.cached(reader, lambda: _page(reader, "services"))

    @blueprint.get("/structures")
    @blueprint.doc(**asking(arguments.ListStructures))
    @blueprint.response(200, shapes.PageOfItems)
    def list_structures() -> Response:
        """Structures, in data·inclusion's contract."""
        return http.cached(reader, lambda: _page(reader, "structures"))


def _add_records(blueprint: Blueprint, reader: Reader) -> None:
    @blueprint.get("/services/<path:identifier>")
    @blueprint.response(200, shapes.Item)
    def one_service(identifier: str) -> Answer:
        """One service with its structure, by data·inclusion id or UUID."""
        return _one(reader, "service", identifier, lambda: (_found(reader, "service", identifier)[1], []))

    @blueprint.get("/structures/<path:identifier>")
    @blueprint.response(200, shapes.Item)
    def one_structure(identifier: str) -> Answer:
        """One structure with its services, by data·inclusion id or UUID; the one it was merged into, by 301."""
        return _one(reader, "structure", identifier, lambda: (_structure(reader, identifier), []))

    @blueprint.get("/changes")
    @blueprint.doc(**asking(ChangesArguments))
    @blueprint.response(200, shapes.PageOfChanges)
    def changes() -> Response:
        """Public changes in order, tombstones included, each with the signed event of its home."""
        return http.cached(reader, lambda: _changes(reader))


def _add_helpers(blueprint: Blueprint, reader: Reader) -> None:
    @blueprint.get("/sources")
    @blueprint.response(200, shapes.Source(many=True))
    def sources() -> Response:
        """Sources of the public records, with licence and attribution."""
        return http.cached(reader, lambda: (orjson.dumps(reader.sources()), []))

    @blueprint.get("/complete")
    @blueprint.doc(**asking(CompleteArguments))
    @blueprint.response(200, shapes.Suggestion(many=True))
    def complete() -> Response:
        """Communes, themes and names, as one types."""
        asked = arguments.load(CompleteArguments(unknown=EXCLUDE), request.query_string)
        found = reader.complete(asked["q"], tuple(asked.get("kinds", ())), asked["limit"])
        body = [{"kind": one.kind, "value": one.value, "label": one.label, "detail": one.detail} for one in found]
        return http.cached(reader, lambda: (orjson.dumps(body), []))

    @blueprint.get("/referentials")
    @blueprint.response(200, fields.Dict)
    def all_referentials() -> Response:
        """All values of all referentials, with labels in French."""
        found = {name: _values(name) for name in (*REFERENTIALS, "sectors")}
        return http.cached(reader, lambda: (orjson.dumps(found), []))

    @blueprint.get("/referentials/<name>")
    @blueprint.response(200, shapes.Value(many=True))
    def one_referential(name: str) -> Response:
        """The values of one referential."""
        if name not in (*REFERENTIALS, "sectors"):
            raise NotFound(f"Aucun référentiel « {name} ». Connus : {', '.join((*REFERENTIALS, 'sectors'))}.")
        return http.cached(reader, lambda: (orjson.dumps(_values(name)), []))


def _page(reader: Reader, name: str) -> tuple[bytes, list[str]]:
    query = arguments.query_of(name, request.query_string)
    page = reader.search(query)
    pages = ceil(page.total / query.size)
    number = b"null" if query.cursor else str(query.page).encode()
    items = _search_items(page) if name == "search" else _items(page, name)
    facets = b',"facets":' + orjson.dumps(page.facets) if query.facets else b""
    body = b'{"items":[%b],"total":%d,"page":%b,"size":%d,"pages":%d%b}' % (
        items, page.total, number, len(page.items), pages, facets
    )  # fmt: skip
    links = [http.link("first", cursor=None, page=None)]
    if page.next_cursor:
        links.append(http.link("next", cursor=page.next_cursor, page=None))
    return body, links


def _search_items(page: Page) -> bytes:
    return b",".join(
        b'{"service":%b,"distance":%b}' % (item, b"null" if distance is None else b"%d" % distance)
        for item, distance in zip(page.items, page.distances_km, strict=True)
    )


def _items(page: Page, name: str) -> bytes:
    if name == "services":
        return b",".join(page.items)
    return b",".join(item[:-1] + b',"doublons":[]}' for item in page.items)


def _one(reader: Reader, kind: Kind, identifier: str, make: Callable[[], tuple[bytes, list[str]]]) -> Answer:
    """One record, or the way to the one that it was merged into. Raises `NotFound`."""
    try:
        return http.cached(reader, make)
    except NotFound:
        moved = reader.successor(kind, identifier)
        if moved is None:
            raise
        return redirect(f"/api/v1/{kind}s/{moved.address}", 301)


def _found(reader: Reader, kind: Kind, identifier: str) -> tuple[str, bytes]:
    found = reader.item(kind, identifier)
    if found is None:
        noun = "service" if kind == "service" else "structure"
        raise NotFound(
            f"Aucun{'e' if kind == 'structure' else ''} {noun} « {identifier[:100]} » dans l’annuaire public."
        )
    return found


def _structure(reader: Reader, identifier: str) -> bytes:
    uuid, item = _found(reader, "structure", identifier)
    services = b",".join(reader.services_of(uuid))
    return item[:-1] + b',"doublons":[],"services":[' + services + b"]}"


def _changes(reader: Reader) -> tuple[bytes, list[str]]:
    asked = arguments.load(ChangesArguments(unknown=EXCLUDE), request.query_string)
    page = reader.changes(asked["after"], asked["limit"])
    if asked["after"] > page.head:
        fault = {"field": "after", "value": str(asked["after"]), "code": "changes.ahead",
                 "why": f"au-delà de la fin ({page.head}) : ce nœud a été restauré, ou ce n’est pas le sien",
                 "remedy": "Recommencez depuis after=0."}  # fmt: skip
        raise ValidationError("Ce curseur est au-delà de la fin du flux.", [fault])
    body = b'{"items":[%b],"next":%d,"head":%d}' % (b",".join(page.items), page.next_after, page.head)
    links = [http.link("next", after=page.next_after)] if page.next_after < page.head else []
    return body, links


def _values(name: str) -> list[dict[str, Any]]:
    if name == "sectors":
        return [{"value": code, "label": sectors.label(code, "fr"), "description": None} for code in sectors.SECTORS]
    return [
        {"value": one.value, "label": one.label, "description": one.description or None}
        for one in referentials.values(name)
    ]
