"""The public pages, from the read model: search with its list, one service, one structure, about; and a report."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, Response, current_app, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from gateway import problems
from gateway.addresses import address
from gateway.auth import Ask
from gateway.pages import reporting, rows, shown
from gateway.pages.asked import RADIUS_CHOICES_KM, Asked
from gateway.query import Kind
from gateway.search import Page, Reader, Suggestion
from gateway.staff.session import Sessions
from services.directory.events import NOT_SHOWN
from services.directory.formats import sectors
from services.kernel import clock
from services.kernel.errors import NotFound, ValidationError
from services.kernel.settings import Settings

STRUCTURES_AT_MOST = 5


def pages_blueprint(settings: Settings, reader: Reader, ask: Ask) -> Blueprint:
    """The pages of a node, to be registered by the application."""
    pages = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
    pages.add_app_template_filter(shown.phone, "phone")
    pages.add_app_template_filter(shown.day, "day")
    pages.add_app_template_filter(shown.fault, "fault")
    pages.add_app_template_filter(shown.looked_at, "looked_at")
    pages.add_app_template_filter(shown.in_review, "in_review")
    pages.add_app_template_filter(address, "address")

    @pages.app_context_processor
    def always() -> dict[str, Any]:
        # Called by the page that shows it: the page of an error must not need a read model that may be the error.
        return {"node": settings.node, "figures_now": reader.status}

    @pages.get("/")
    def search() -> Response:
        return _search_page(reader)

    sessions = Sessions.of(settings, ask)

    @pages.get("/services/<path:identifier>")
    def one_service(identifier: str) -> Answer:
        return _moved(reader, "service", identifier) or _service_page(reader, sessions, identifier)

    @pages.get("/structures/<path:identifier>")
    def one_structure(identifier: str) -> Answer:
        return _moved(reader, "structure", identifier) or _structure_page(reader, sessions, identifier)

    reporting.add(pages, settings, reader, ask)

    @pages.get("/a-propos")
    def about() -> str:
        return render_template("about.html", sources=reader.sources(), endpoints=current_app.view_functions)

    return pages


def _search_page(reader: Reader) -> Response:
    asked = Asked.of(request.args)
    page, wrong = _search(reader, asked)
    html = render_template(
        "search.html", asked=asked, wrong=wrong, total=page.total if page else 0,
        results=_results(page) if page else [], next_cursor=page.next_cursor if page else None,
        sectors=shown.sector_choices(), publics=shown.public_choices(), radii=RADIUS_CHOICES_KM,
        facets=_sector_facets(page, asked), structures=_structures(reader, asked),
    )  # fmt: skip
    return Response(html, 422 if wrong else 200, {"Vary": "Accept"}, content_type="text/html; charset=utf-8")


def _service_page(reader: Reader, sessions: Sessions, identifier: str) -> Response:
    native, item = _public(reader, "service", identifier)
    structure = reader.item("structure", native["structure"])
    embedded = orjson.loads(structure[1]) if structure else None
    labelled = shown.labelled(item)
    said = rows.of_service(labelled, native, embedded)
    return _record_page("service.html", sessions, structure=embedded, rows=said, **_of(labelled, native))


def _structure_page(reader: Reader, sessions: Sessions, identifier: str) -> Response:
    native, item = _public(reader, "structure", identifier)
    services = [shown.labelled(orjson.loads(raw)) for raw in reader.services_of(native["id"])]
    labelled = shown.labelled(item)
    said = rows.of_structure(labelled, native)
    return _record_page("structure.html", sessions, services=services, rows=said, **_of(labelled, native))


def _record_page(template: str, sessions: Sessions, **given: Any) -> Response:
    """One record for everybody; of another node's, a permanent who is in may also hide it."""
    is_anothers = bool(given["native"].get("home_node"))
    permanent = sessions.who_may("directory:qualify") if is_anothers else None
    html = render_template(template, permanent=permanent, **given)
    headers = ({"Vary": "Cookie"} if is_anothers else {}) | ({"Cache-Control": "no-store"} if permanent else {})
    return Response(html, 200, headers, content_type="text/html; charset=utf-8")


def _search(reader: Reader, asked: Asked) -> tuple[Page | None, str]:
    """The page found, or why there is none: beside the form for people, as any error for programs."""
    try:
        return reader.search(asked.query()), ""
    except ValidationError as error:
        if not problems.for_people():
            raise
        return None, error.message


def _results(page: Page) -> list[dict[str, Any]]:
    found = []
    for raw, distance_km in zip(page.items, page.distances_km, strict=True):
        item = orjson.loads(raw)
        found.append(shown.labelled(item) | {"distance_km": distance_km, "address": shown.address(item)})
    return found


def _structures(reader: Reader, asked: Asked) -> list[Suggestion]:
    """Structures by their names, beside the services: one without services would be found nowhere."""
    return reader.complete(asked.words, ("structure",), STRUCTURES_AT_MOST) if asked.words and not asked.cursor else []


def _sector_facets(page: Page | None, asked: Asked) -> list[dict[str, Any]]:
    counts = page.facets.get("sectors", {}) if page else {}
    return [
        {"label": sectors.label(code, "fr"), "count": count, "link": asked.link(secteur=code)}
        for code, count in list(counts.items())[:10]
        if code != asked.sector
    ]


def _moved(reader: Reader, kind: Kind, identifier: str) -> Answer | None:
    """The way to the record that this one was merged into."""
    into = reader.successor(kind, identifier)
    return redirect(f"/{kind}s/{into.address}", 301) if into is not None else None


def _public(reader: Reader, kind: Kind, identifier: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The native record and its data·inclusion form; 404 where it is not public, in other words if it was withdrawn."""
    record = reader.get(kind, identifier)
    this = "Ce service" if kind == "service" else "Cette structure"
    if record is not None and record.withdrawn:
        tombstone = orjson.loads(record.native)
        if tombstone["status"] != "withdrawn":
            raise NotFound("Cette fiche n’est pas publique en ce moment : elle est à compléter ou à vérifier.")
        if tombstone["reason"] == NOT_SHOWN:
            raise NotFound(shown.not_shown(tombstone))
        why = tombstone["reason"].rstrip(".")
        raise NotFound(f"{this} n’est plus dans l’annuaire, la fiche a été retirée : {why}.")
    if record is None or record.item is None:
        raise NotFound(f"{this} n’est pas dans l’annuaire, ou n’y est plus.")
    return orjson.loads(record.native), orjson.loads(record.item)


def _of(item: dict[str, Any], native: dict[str, Any]) -> dict[str, Any]:
    return {
        "item": item, "native": native, "opening": shown.opening(item), "review": shown.review(native),
        "trust": shown.trust(native, clock.now()), "argumentaire": shown.told(native),
        "sources": shown.sources(native), "source_page": rows.source_page(item),
        "unread_hours": native.get("extra", {}).get("horaires_texte", ""),
    }  # fmt: skip
