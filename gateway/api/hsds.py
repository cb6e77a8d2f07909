"""`/hsds`: the directory as Open Referral HSDS 3.1 asks for it, from the read model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
from flask import Response, request
from flask_smorest import Blueprint
from marshmallow import EXCLUDE, Schema, fields, validate

from gateway import http
from gateway.api import arguments
from gateway.query import Kind, Query
from gateway.search import Reader
from services.directory.formats import hsds
from services.kernel.errors import NotFound

PROFILE: Final = "https://docs.openreferral.org/en/3.1/"
LISTED: Final = {
    "organization": ("id", "name", "description", "email", "website", "legal_status"),
    "service": ("id", "organization_id", "name", "description", "url", "email", "status", "fees_description",
                "application_process", "eligibility_description", "assured_date", "last_modified"),
    "at": ("id", "service_id", "location_id", "location"),
}  # fmt: skip
LOCATED: Final = ("id", "location_type", "latitude", "longitude", "external_identifier", "external_identifier_type")
Object = dict[str, Any]


class Paging(Schema):
    """Pages of a list, by the standard's names."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, 100_000))
    per_page = fields.Integer(load_default=50, validate=validate.Range(1, 500))
    search = fields.String(load_default="", validate=validate.Length(0, 200))


class Listing(Paging):
    """`full`: whole objects, with all that belongs to them."""

    full = fields.Boolean(load_default=False)


class TermListing(Paging):
    """Terms, of one taxonomy or of all."""

    taxonomy_id = fields.String(load_default=None)


def hsds_blueprint(reader: Reader) -> Blueprint:
    """The standard's required endpoints."""
    blueprint = Blueprint("hsds", __name__, url_prefix="/hsds", description="Open Referral HSDS 3.1.")

    @blueprint.get("/")
    @blueprint.response(200, fields.Dict)
    def base() -> Response:
        """The version of the standard, and where this API is described."""
        said = {"version": hsds.VERSION, "profile": PROFILE, "openapi_url": f"{request.host_url}openapi.json"}
        return http.cached(reader, lambda: (orjson.dumps(said), []))

    _add_records(blueprint, reader)
    _add_lists(blueprint, reader)
    _add_terms(blueprint, reader)
    return blueprint


def _add_records(blueprint: Blueprint, reader: Reader) -> None:
    @blueprint.get("/organizations/<uuid:identifier>")
    @blueprint.response(200, fields.Dict)
    def one_organization(identifier: Any) -> Response:
        """One organization with its location and its services."""
        return _one(reader, lambda: _organization(reader, str(identifier)))

    @blueprint.get("/services/<uuid:identifier>")
    @blueprint.response(200, fields.Dict)
    def one_hsds_service(identifier: Any) -> Response:
        """One service with its organization and its place."""
        return _one(reader, lambda: hsds.service(*_service(reader, str(identifier))))

    @blueprint.get("/service_at_locations/<uuid:identifier>")
    @blueprint.response(200, fields.Dict)
    def one_at_location(identifier: Any) -> Response:
        """One service at its place; it has the service's identifier."""
        return _one(reader, lambda: hsds.service_at_location(*_service(reader, str(identifier)), nested=True))


def _add_lists(blueprint: Blueprint, reader: Reader) -> None:
    @blueprint.get("/organizations")
    @blueprint.doc(**_asking(Listing))
    @blueprint.response(200, fields.Dict)
    def organizations() -> Response:
        """Organizations, a page at a time; `full` with all that belongs to them."""
        return _list(reader, "structure", lambda native, full: _organization(reader, native["id"]) if full else
                     hsds.minimal(hsds.organization(native), LISTED["organization"]))  # fmt: skip

    @blueprint.get("/services")
    @blueprint.doc(**_asking(Listing))
    @blueprint.response(200, fields.Dict)
    def hsds_services() -> Response:
        """Services, a page at a time; `full` with all that belongs to them."""

        def made(native: Object, full: bool) -> Object:
            structure = _native(reader, "structure", native["structure"])
            found = hsds.service(native, structure, nested=full)
            return found if full else hsds.minimal(found, LISTED["service"])

        return _list(reader, "service", made)

    @blueprint.get("/service_at_locations")
    @blueprint.doc(**_asking(Listing))
    @blueprint.response(200, fields.Dict)
    def at_locations() -> Response:
        """Services at their places, a page at a time."""

        def made(native: Object, full: bool) -> Object:
            found = hsds.service_at_location(native, _native(reader, "structure", native["structure"]), nested=full)
            if full:
                return found
            return hsds.minimal(found, LISTED["at"]) | {"location": hsds.minimal(found["location"], LOCATED)}

        return _list(reader, "service", made)


def _add_terms(blueprint: Blueprint, reader: Reader) -> None:
    @blueprint.get("/taxonomies")
    @blueprint.doc(**_asking(Paging))
    @blueprint.response(200, fields.Dict)
    def all_taxonomies() -> Response:
        """Our closed lists."""
        asked = _asked(Paging)
        return _one(reader, lambda: _page_of(_named(hsds.taxonomies().values(), asked["search"]), asked))

    @blueprint.get("/taxonomies/<identifier>")
    @blueprint.response(200, fields.Dict)
    def one_taxonomy(identifier: str) -> Response:
        """One closed list."""
        return _one(reader, lambda: _known(hsds.taxonomies(), identifier))

    @blueprint.get("/taxonomy_terms")
    @blueprint.doc(**_asking(TermListing))
    @blueprint.response(200, fields.Dict)
    def all_terms() -> Response:
        """The values of our closed lists."""
        asked = _asked(TermListing)
        found = [each for each in hsds.terms().values() if asked["taxonomy_id"] in (None, each["taxonomy_id"])]
        return _one(reader, lambda: _page_of(_named(found, asked["search"]), asked))

    @blueprint.get("/taxonomy_terms/<identifier>")
    @blueprint.response(200, fields.Dict)
    def one_term(identifier: str) -> Response:
        """One value of a closed list."""
        return _one(reader, lambda: _known(hsds.terms(), identifier))


def _organization(reader: Reader, identifier: str) -> Object:
    native = _must(reader, "structure", identifier)
    services = [
        hsds.service(each, native, nested=False)
        for item in reader.services_of(native["id"])
        if (each := _native(reader, "service", orjson.loads(item)["id"])) is not None
    ]
    return hsds.organization(native, services)


def _service(reader: Reader, identifier: str) -> tuple[Object, Object | None]:
    native = _must(reader, "service", identifier)
    return native, _native(reader, "structure", native["structure"])


def _native(reader: Reader, kind: Kind, identifier: str) -> Object | None:
    record = reader.get(kind, identifier)
    if record is None or record.item is None:
        return None
    native: Object = orjson.loads(record.native)
    return native


def _must(reader: Reader, kind: Kind, identifier: str) -> Object:
    moved = reader.successor(kind, identifier)
    native = _native(reader, kind, moved.uuid if moved else identifier)
    if native is None:
        raise NotFound(f"Rien de public ne porte l’identifiant {identifier}.")
    return native


def _list(reader: Reader, kind: Kind, made: Callable[[Object, bool], Object]) -> Response:
    asked = _asked(Listing)

    def make() -> tuple[bytes, list[str]]:
        page = reader.search(Query(kind=kind, q=asked["search"], page=asked["page"], size=asked["per_page"],
                                   embed_structure=False))  # fmt: skip
        natives = [native for uuid in page.uuids if (native := _native(reader, kind, uuid)) is not None]
        contents = [made(native, asked["full"]) for native in natives]
        return orjson.dumps(_enveloped(contents, page.total, asked)), []

    return http.cached(reader, make)


def _page_of(found: list[Object], asked: Object) -> Object:
    start = (asked["page"] - 1) * asked["per_page"]
    return _enveloped(found[start : start + asked["per_page"]], len(found), asked)


def _enveloped(contents: list[Object], total: int, asked: Object) -> Object:
    pages = -(-total // asked["per_page"])
    return {
        "total_items": total, "total_pages": pages, "page_number": asked["page"], "size": len(contents),
        "first_page": asked["page"] == 1, "last_page": asked["page"] >= pages, "empty": not contents,
        "contents": contents,
    }  # fmt: skip


def _named(found: Iterable[Object], said: str) -> list[Object]:
    return [each for each in found if said.casefold() in each["name"].casefold()]


def _known(found: dict[str, Object], identifier: str) -> Object:
    if identifier not in found:
        raise NotFound(f"Rien ne porte l’identifiant {identifier}.")
    return found[identifier]


def _one(reader: Reader, make: Callable[[], Object]) -> Response:
    return http.cached(reader, lambda: (orjson.dumps(make()), []))


def _asked(schema: type[Schema]) -> Object:
    return arguments.load(schema(unknown=EXCLUDE), request.query_string)


def _asking(schema: type[Schema]) -> Object:
    return {"parameters": [{"in": "query", "name": name, "schema": {"type": _TYPES[type(field)]}}
                           for name, field in schema().fields.items()]}  # fmt: skip


_TYPES: Final = {fields.Integer: "integer", fields.String: "string", fields.Boolean: "boolean"}
