"""`/hsds`: the directory as Open Referral HSDS 3.1 asks for it, from the read model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson
from flask import Response, request
from flask_smorest import Blueprint
from marshmallow import fields

from gateway import http
from gateway.api.hsds_asked import AT_LOCATIONS, ORGANIZATIONS, SERVICES, TAXONOMIES, TAXONOMY_TERMS, asking
from gateway.api.hsds_lists import native as _native
from gateway.api.hsds_lists import records, values
from gateway.query import Kind
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
        return _one(reader, lambda: _organization(reader, _must(reader, "structure", str(identifier))))

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
    @blueprint.doc(**asking(ORGANIZATIONS))
    @blueprint.response(200, fields.Dict)
    def organizations() -> Response:
        """Organizations, a page at a time; `full` with all that belongs to them."""
        return records(reader, "structure", ORGANIZATIONS, lambda native, full: _organization(reader, native)
                       if full else hsds.minimal(hsds.organization(native), LISTED["organization"]))  # fmt: skip

    @blueprint.get("/services")
    @blueprint.doc(**asking(SERVICES))
    @blueprint.response(200, fields.Dict)
    def hsds_services() -> Response:
        """Services, a page at a time; `full` with all that belongs to them."""

        def made(native: Object, full: bool) -> Object:
            structure = _native(reader, "structure", native["structure"])
            found = hsds.service(native, structure, nested=full)
            return found if full else hsds.minimal(found, LISTED["service"])

        return records(reader, "service", SERVICES, made)

    @blueprint.get("/service_at_locations")
    @blueprint.doc(**asking(AT_LOCATIONS))
    @blueprint.response(200, fields.Dict)
    def at_locations() -> Response:
        """Services at their places, a page at a time."""

        def made(native: Object, full: bool) -> Object:
            found = hsds.service_at_location(native, _native(reader, "structure", native["structure"]), nested=full)
            if full:
                return found
            return hsds.minimal(found, LISTED["at"]) | {"location": hsds.minimal(found["location"], LOCATED)}

        return records(reader, "service", AT_LOCATIONS, made)


def _add_terms(blueprint: Blueprint, reader: Reader) -> None:
    @blueprint.get("/taxonomies")
    @blueprint.doc(**asking(TAXONOMIES))
    @blueprint.response(200, fields.Dict)
    def all_taxonomies() -> Response:
        """Our closed lists."""
        return values(reader, TAXONOMIES, hsds.taxonomies().values())

    @blueprint.get("/taxonomies/<identifier>")
    @blueprint.response(200, fields.Dict)
    def one_taxonomy(identifier: str) -> Response:
        """One closed list."""
        return _one(reader, lambda: _known(hsds.taxonomies(), identifier))

    @blueprint.get("/taxonomy_terms")
    @blueprint.doc(**asking(TAXONOMY_TERMS))
    @blueprint.response(200, fields.Dict)
    def all_terms() -> Response:
        """The values of our closed lists."""
        return values(reader, TAXONOMY_TERMS, hsds.terms().values())

    @blueprint.get("/taxonomy_terms/<identifier>")
    @blueprint.response(200, fields.Dict)
    def one_term(identifier: str) -> Response:
        """One value of a closed list."""
        return _one(reader, lambda: _known(hsds.terms(), identifier))


def _organization(reader: Reader, native: Object) -> Object:
    services = [
        hsds.service(each, native, nested=False)
        for item in reader.services_of(native["id"])
        if (each := _native(reader, "service", orjson.loads(item)["id"])) is not None
    ]
    return hsds.organization(native, services)


def _service(reader: Reader, identifier: str) -> tuple[Object, Object | None]:
    native = _must(reader, "service", identifier)
    return native, _native(reader, "structure", native["structure"])


def _must(reader: Reader, kind: Kind, identifier: str) -> Object:
    moved = reader.successor(kind, identifier)
    native = _native(reader, kind, moved.uuid if moved else identifier)
    if native is None:
        raise NotFound(f"Rien de public ne porte l’identifiant {identifier}.")
    return native


def _known(found: dict[str, Object], identifier: str) -> Object:
    if identifier not in found:
        raise NotFound(f"Rien ne porte l’identifiant {identifier}.")
    return found[identifier]


def _one(reader: Reader, make: Callable[[], Object]) -> Response:
    return http.cached(reader, lambda: (orjson.dumps(make()), []))
