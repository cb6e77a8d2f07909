"""What may be asked of the lists under `/hsds`: the parameters of the standard's OpenAPI, and the query they are.

Source: the OpenAPI description of HSDS 3.1, https://docs.openreferral.org. Of its parameters `postcode` and `proximity`
are not served, and refused by name like any other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from flask import request
from marshmallow import EXCLUDE, Schema, fields, validate

from gateway.api import arguments
from gateway.index.answering import refused
from gateway.query import Kind, Query
from gateway.search import Reader
from services.directory.formats import hsds
from services.directory.formats.hsds_in import FIELD_OF

PER_PAGE, MOST_A_PAGE = 50, 500
Asked = dict[str, Any]


class _Paging(Schema):
    """Pages of a list; `ndjson` is everything at once, an object a line."""

    page = fields.Integer(validate=validate.Range(1, 100_000))
    per_page = fields.Integer(validate=validate.Range(1, MOST_A_PAGE))
    search = fields.String(load_default="", validate=validate.Length(0, 200))
    format = fields.String(load_default="json", validate=validate.OneOf(["json", "ndjson"]))


class _Organizations(_Paging):
    """`full`, `full_service`: whole objects, with all that belongs to them."""

    full = fields.Boolean(load_default=False)
    full_service = fields.Boolean(load_default=False)
    taxonomy_id = fields.String(validate=validate.Length(1, 100))
    taxonomy_term_id = fields.String(validate=validate.Length(1, 100))


class _AtLocations(_Paging):
    """Of services: whose they are, since when they changed, which terms they have."""

    full = fields.Boolean(load_default=False)
    taxonomy_id = fields.String(validate=validate.Length(1, 100))
    taxonomy_term_id = fields.String(validate=validate.Length(1, 100))
    organization_id = fields.UUID()
    modified_after = fields.String(validate=validate.Length(1, 40))


class _Services(_AtLocations):
    """`minimal`: identifiers and dates alone, all on one page unless `per_page` says otherwise."""

    minimal = fields.Boolean(load_default=False)


class _Terms(_Paging):
    """Terms of one taxonomy or of all. Ours have no terms below them."""

    taxonomy_id = fields.String(validate=validate.Length(1, 100))
    top_only = fields.Boolean(load_default=False)
    parent_id = fields.String(validate=validate.Length(1, 100))


ORGANIZATIONS: Final = _Organizations(unknown=EXCLUDE)
SERVICES: Final = _Services(unknown=EXCLUDE)
AT_LOCATIONS: Final = _AtLocations(unknown=EXCLUDE)
TAXONOMIES: Final = _Paging(unknown=EXCLUDE)
TAXONOMY_TERMS: Final = _Terms(unknown=EXCLUDE)
_TYPES: Final = {fields.Integer: "integer", fields.String: "string", fields.UUID: "string", fields.Boolean: "boolean"}


def asked_of(schema: Schema) -> Asked:
    """The parameters of this request. Raises `ValidationError` that names the one at fault."""
    asked = arguments.load(schema, request.query_string)
    if asked["format"] == "ndjson":
        for name in ("page", "per_page"):
            if name in asked:
                raise refused(name, asked[name], "ndjson donne tout, sans pages", f"Ôtez {name}, ou format=ndjson.")
    return asked


def asking(schema: Schema) -> dict[str, Any]:
    """The parameters as OpenAPI."""
    return {"parameters": [{"in": "query", "name": name, "schema": {"type": _TYPES[type(field)]}}
                           for name, field in schema.fields.items()]}  # fmt: skip


def query_of(reader: Reader, kind: Kind, asked: Asked) -> Query:
    """The question that parameters are, without its page. Raises `ValidationError` that names the one at fault."""
    terms = []
    if "taxonomy_term_id" in asked:
        terms.append(_term(asked["taxonomy_term_id"]))
    if "taxonomy_id" in asked:
        terms.append(_taxonomy(asked["taxonomy_id"]))
    structure = str(asked["organization_id"]) if "organization_id" in asked else None
    if structure is not None and (moved := reader.successor("structure", structure)):
        structure = moved.uuid
    return Query(
        kind=kind, q=asked["search"], terms=tuple(terms), structure=structure, embed_structure=False,
        changed_from=_moment(asked["modified_after"]) if "modified_after" in asked else None,
    )  # fmt: skip


def _term(identifier: str) -> tuple[str, tuple[str, ...]]:
    term = hsds.terms().get(identifier.lower())
    if term is None:
        raise refused("taxonomy_term_id", identifier, "terme inconnu", "Prenez un identifiant de /hsds/taxonomy_terms.")
    return FIELD_OF[term["taxonomy"]], (term["code"],)


def _taxonomy(identifier: str) -> tuple[str, tuple[str, ...]]:
    taxonomy = hsds.taxonomies().get(identifier.lower())
    if taxonomy is None:
        raise refused("taxonomy_id", identifier, "taxonomie inconnue", "Prenez un identifiant de /hsds/taxonomies.")
    codes = tuple(term["code"] for term in hsds.terms().values() if term["taxonomy_id"] == taxonomy["id"])
    return FIELD_OF[taxonomy["name"]], codes


def _moment(said: str) -> datetime:
    """A time, or a day from its first moment; of UTC where it says no zone. An unwritten `+` comes as a space."""
    try:
        at = datetime.fromisoformat(said.replace(" ", "+") if "T" in said else said)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        remedy = "Par exemple modified_after=2026-11-23T15:00:00Z, ou 2026-11-23."
        raise refused("modified_after", said, "ce n'est pas une date", remedy) from None
