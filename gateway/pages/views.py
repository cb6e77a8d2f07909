"""The four pages: search with its list, one service, one structure, about. All of them answer from the read model."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, abort, render_template, request
from werkzeug.wrappers import Response

from gateway.pages import shown
from gateway.pages.asked import RADIUS_CHOICES_KM, Asked
from gateway.search import Page, Reader
from services.directory.formats import sectors
from services.kernel.errors import ValidationError
from services.kernel.settings import Settings


def pages_blueprint(settings: Settings, reader: Reader) -> Blueprint:
    """The pages of a node, to be registered by the application."""
    pages = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
    pages.add_app_template_filter(shown.phone, "phone")
    pages.add_app_template_filter(shown.day, "day")

    @pages.app_context_processor
    def always() -> dict[str, Any]:
        return {"node": settings.node, "status": reader.status()}

    @pages.get("/")
    def search() -> str:
        asked = Asked.of(request.args)
        page, wrong = _search(reader, asked)
        return render_template(
            "search.html", asked=asked, wrong=wrong, total=page.total if page else 0,
            results=_results(page) if page else [], next_cursor=page.next_cursor if page else None,
            sectors=shown.sector_choices(), publics=shown.public_choices(), radii=RADIUS_CHOICES_KM,
            facets=_sector_facets(page, asked),
        )  # fmt: skip

    @pages.get("/services/<path:identifier>")
    def one_service(identifier: str) -> str:
        record = _public(reader, "service", identifier)
        native = orjson.loads(record.native)
        item = orjson.loads(record.item or b"{}")
        structure = reader.get("structure", native.get("structure", ""))
        embedded = orjson.loads(structure.item) if structure and structure.item else None
        return render_template("service.html", structure=embedded, **_of(item, native))

    @pages.get("/structures/<path:identifier>")
    def one_structure(identifier: str) -> str:
        record = _public(reader, "structure", identifier)
        services = [shown.labelled(orjson.loads(raw)) for raw in reader.services_of(record.uuid)]
        item = orjson.loads(record.item or b"{}")
        return render_template("structure.html", services=services, **_of(item, orjson.loads(record.native)))

    @pages.get("/a-propos")
    def about() -> str:
        return render_template("about.html", sources=reader.sources())

    return pages


def _search(reader: Reader, asked: Asked) -> tuple[Page | None, str]:
    """The page found, or why there is none, for people."""
    try:
        return reader.search(asked.query()), ""
    except ValidationError as error:
        return None, error.message


def _results(page: Page) -> list[dict[str, Any]]:
    found = []
    for raw, distance_km in zip(page.items, page.distances_km, strict=True):
        item = orjson.loads(raw)
        found.append(shown.labelled(item) | {"distance_km": distance_km, "address": shown.address(item)})
    return found


def _sector_facets(page: Page | None, asked: Asked) -> list[dict[str, Any]]:
    counts = page.facets.get("sectors", {}) if page else {}
    return [
        {"label": sectors.label(code, "fr"), "count": count, "link": asked.link(secteur=code)}
        for code, count in list(counts.items())[:10]
        if code != asked.sector
    ]


def _public(reader: Reader, kind: Any, identifier: str) -> Any:
    """The record, 404 where there never was one, 410 where it was withdrawn."""
    record = reader.get(kind, identifier)
    if record is None:
        abort(404)
    if record.withdrawn:
        abort(Response(render_template("gone.html", kind=kind), 410))
    return record


def _of(item: dict[str, Any], native: dict[str, Any]) -> dict[str, Any]:
    return {
        "item": shown.labelled(item), "native": native, "opening": shown.opening(item), "address": shown.address(item),
        "sectors": [sectors.label(code, "fr") for code in native.get("sectors", ())],
        "unread_hours": native.get("extra", {}).get("horaires_texte", ""),
    }  # fmt: skip
