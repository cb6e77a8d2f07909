"""What may stand in a query string, as marshmallow schemas, and its reading into a `Query`.

Reading is cached by the raw query string: a website asks the same questions again and again, and a query is a value.
Unknown parameters are refused with the nearest that exists: a filter misspelt must not answer with everything.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from marshmallow import EXCLUDE, Schema, fields, validate
from marshmallow import ValidationError as Invalid
from werkzeug.datastructures import MultiDict

from gateway.query import DEFAULT_RADIUS_KM, FACETS, MAX_SIZE, SORTS, Kind, Query
from services.directory.formats import referentials, sectors, territory
from services.kernel.errors import ValidationError
from services.kernel.request import problems

CACHED_QUERIES = 4_096
DEFAULT_SIZE = 50


def _known(name: str, extra: tuple[str, ...] = ()) -> validate.Validator:
    choices = [value.value for value in referentials.values(name)] + list(extra)
    return validate.OneOf(choices, error=f"Valeur inconnue ; voir /api/v1/referentials/{name}.")


def _list(name: str, doc: str, extra: tuple[str, ...] = ()) -> fields.List:
    return fields.List(fields.String(validate=_known(name, extra)), metadata={"description": doc})


def _categories() -> tuple[str, ...]:
    return tuple(sorted({value.value.partition("--")[0] for value in referentials.values("thematiques")}))


def _within_years(at: datetime) -> None:
    """At the ends of the calendar no other zone's time exists."""
    if not 1900 <= at.year <= 2200:
        raise Invalid("une heure entre 1900 et 2200 est attendue")


class Paging(Schema):
    """`page` and `size`, or an opaque `cursor`."""

    page = fields.Integer(validate=validate.Range(1, 1_000_000), metadata={"description": "Page, from 1."})
    size = fields.Integer(
        validate=validate.Range(1, MAX_SIZE), metadata={"description": f"Items a page; {DEFAULT_SIZE} by default."}
    )
    cursor = fields.String(
        validate=validate.Length(1, 500),
        metadata={"description": "From `Link: rel=next`; loses and repeats nothing while records change."},
    )


class Common(Paging):
    """What services and structures are both filtered by."""

    sources = fields.List(fields.String(validate=validate.Length(1, 100)))
    q = fields.String(validate=validate.Length(0, 200), metadata={"description": "Words, in French."})
    sector = fields.List(fields.String(validate=validate.OneOf(list(sectors.SECTORS))))
    bbox = fields.String(metadata={"description": "west,south,east,north in degrees (WGS 84)."})
    radius_km = fields.Float(validate=validate.Range(0.1, 1_000))
    open_at = fields.AwareDateTime(
        validate=_within_years, metadata={"description": "Open at this time (RFC 3339 with its zone)."}
    )
    sort = fields.String(validate=validate.OneOf(SORTS))
    facets = fields.List(fields.String(validate=validate.OneOf(FACETS)))
    lat = fields.Float(validate=validate.Range(-90, 90))
    lon = fields.Float(validate=validate.Range(-180, 180))
    score_qualite_minimum = fields.Float(validate=validate.Range(0, 1))
    exclure_doublons = fields.Boolean(metadata={"description": "Removes nothing: decided duplicates are one record."})


class ListedPlace(Schema):
    """The record's own address, in lists."""

    code_departement = fields.String(validate=validate.Length(2, 3))
    code_region = fields.String(validate=validate.Length(2, 2))
    code_commune = fields.String(validate=validate.Length(5, 5))
    slug_departement = fields.String(validate=validate.Length(1, 60))
    slug_region = fields.String(validate=validate.Length(1, 60))


class ServiceFilters(Common):
    """What services are filtered by."""

    thematiques = _list("thematiques", "Themes, or categories that stand for all their themes.", _categories())
    frais = _list("frais", "Fees.")
    types = _list("types", "Types of service.")
    publics = _list("publics", "Audiences; `tous-publics` filters nothing.")
    modes_accueil = _list("modes_accueil", "On site or at a distance.")
    recherche_public = fields.String(validate=validate.Length(0, 200))


class SearchServices(ServiceFilters):
    """`/search/services`: around a commune, or a point."""

    code_commune = fields.String(validate=validate.Length(5, 5))


class ListServices(ServiceFilters, ListedPlace):
    """`/services`."""


class ListStructures(Common, ListedPlace):
    """`/structures`."""

    reseaux_porteurs = _list("reseaux_porteurs", "Networks.")


SCHEMAS: dict[str, Schema] = {
    "search": SearchServices(unknown=EXCLUDE), "services": ListServices(unknown=EXCLUDE),
    "structures": ListStructures(unknown=EXCLUDE),
}  # fmt: skip


@lru_cache(CACHED_QUERIES)
def query_of(name: str, query_string: bytes) -> Query:
    """The question in a query string. Raises `ValidationError` naming each parameter at fault."""
    said = load(SCHEMAS[name], query_string)
    said.pop("exclure_doublons", None)
    kind: Kind = "structure" if name == "structures" else "service"
    asked: dict[str, Any] = {"kind": kind, "size": said.pop("size", DEFAULT_SIZE), "embed_structure": name == "search"}
    if "bbox" in said:
        asked["bbox"] = _bbox(said.pop("bbox"))
    if "sector" in said:
        asked["sectors"] = tuple(said.pop("sector"))
    if name == "search":
        asked["place_commune"] = said.pop("code_commune", None)
    else:
        asked |= _listed_place(said)
    asked["radius_km"] = said.pop("radius_km", DEFAULT_RADIUS_KM)
    asked |= {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    return Query(**asked)


def load(schema: Schema, query_string: bytes) -> dict[str, Any]:
    """The parameters of a query string, checked by a schema. Raises `ValidationError`."""
    try:
        pairs = parse_qsl(query_string.decode(), keep_blank_values=False, errors="strict")
    except UnicodeDecodeError:
        raise ValidationError("L’adresse n’est pas en UTF-8.") from None
    given: MultiDict[str, str] = MultiDict(pairs)
    _refuse_unknown(given, schema)
    _refuse_twice(given, schema)
    _refuse_nul(given)
    values = {key: given.getlist(key) if _is_list(schema, key) else given[key] for key in given}
    try:
        loaded: dict[str, Any] = schema.load(values)
    except Invalid as error:
        found = [one | {"field": one["field"].partition(".")[0]} for one in problems(error.messages, values)]
        raise ValidationError("La demande n’est pas valable.", found) from None
    return loaded


def _is_list(schema: Schema, key: str) -> bool:
    return isinstance(schema.fields.get(key), fields.List)


def _refuse_unknown(given: MultiDict[str, str], schema: Schema) -> None:
    for name in given:
        if name not in schema.fields:
            near = difflib.get_close_matches(name, schema.fields, 1)
            remedy = f"Vouliez-vous dire {near[0]} ?" if near else "Voyez /docs pour les paramètres."
            fault = {"field": name, "value": given[name][:200], "why": "paramètre inconnu", "remedy": remedy,
                     "code": "query.unknown"}  # fmt: skip
            raise ValidationError(f"Paramètre inconnu : {name}. {remedy}", [fault])


def _refuse_twice(given: MultiDict[str, str], schema: Schema) -> None:
    for name in given:
        said = given.getlist(name)
        if len(said) > 1 and not _is_list(schema, name):
            fault = {"field": name, "value": ", ".join(said)[:200], "why": "une seule valeur est attendue",
                     "remedy": "Ne le donnez qu’une fois.", "code": "query.twice"}  # fmt: skip
            raise ValidationError(f"{name} est donné {len(said)} fois.", [fault])


def _refuse_nul(given: MultiDict[str, str]) -> None:
    for name, value in given.items(multi=True):
        if "\x00" in value:
            fault = {"field": name, "value": "", "why": "caractère nul", "remedy": "Ôtez-le.", "code": "query.nul"}
            raise ValidationError("La demande n’est pas valable.", [fault])


def _bbox(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = float("nan")
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        fault = {"field": "bbox", "value": text[:200], "why": "ouest,sud,est,nord attendus, en degrés",
                 "remedy": "Par exemple bbox=-1.7,47.1,-1.4,47.3", "code": "query.bbox"}  # fmt: skip
        raise ValidationError("bbox n’est pas un rectangle.", [fault])
    return west, south, east, north


def _listed_place(said: dict[str, Any]) -> dict[str, Any]:
    """The codes of the record's own address that were asked for, each one known. Raises `ValidationError`."""
    place: dict[str, Any] = {}
    for name, key, find in _PLACES:
        value = said.pop(name, None)
        if value is None:
            continue
        found = find(value)
        if found is None:
            raise _unknown(name, value)
        place[key] = (found.code,)
    return place


_PLACES: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("code_departement", "code_departement", territory.department),
    ("slug_departement", "code_departement", territory.department_by_slug),
    ("code_region", "code_region", territory.region),
    ("slug_region", "code_region", territory.region_by_slug),
    ("code_commune", "code_commune", territory.commune),
)


def _unknown(name: str, value: Any) -> ValidationError:
    fault = {"field": name, "value": str(value)[:200], "why": "territoire inconnu",
             "remedy": "Donnez un code de l’INSEE, ou le nom en minuscules avec des traits d’union.",
             "code": "query.place"}  # fmt: skip
    return ValidationError(f"{name} : territoire inconnu.", [fault])
