"""HSDS 3.1 objects as candidates: organizations with their location, services with theirs, whoever wrote them.

What we have a field for is read (ours come back whole by their attributes); everything else of an object is kept in
`extra["hsds"]` and given back by an export.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from services.directory.formats.candidate import Candidate
from services.directory.formats.hsds import DAYS, LISTS, OURS, PLACE, SAID, TERMS, derived

FIELD_OF: Final = {taxonomy: field for field, taxonomy in TERMS.items()} | {"sectors": "sectors"}
READ: Final[Mapping[str, frozenset[str]]] = {
    "structure": frozenset({
        "id", "organization_identifiers", "locations", "attributes", "phones", "services", "legal_status",
        *SAID["structure"].values(),
    }),
    "service": frozenset({
        "id", "organization_id", "organization", "status", "last_modified", "assured_date", "attributes",
        "service_at_locations", "phones", "contacts", "service_areas", "schedules", "languages",
        *SAID["service"].values(),
    }),
}  # fmt: skip
NAMES: Final = frozenset({"source", "source_id", "structure_source_id", "review_since"})
JSON: Final = frozenset({"extra", "argumentaire", "memberships", "volume_horaire_hebdomadaire", "nombre_semaines"})
"""Attributes of ours whose value is no text."""
_MARKS: Final = frozenset({"organization_id", "organization", "service_at_locations", "organization_identifiers",
                           "locations", "status", "tax_status", "legal_status", "additional_websites"})  # fmt: skip
Object = Mapping[str, Any]


def is_item(item: Object, section: str = "") -> bool:
    """Whether an item of a JSON file is an organization or a service of HSDS."""
    if "name" not in item or "nom" in item:
        return False
    return section in ("organizations", "contents") or not _MARKS.isdisjoint(item)


def is_service(item: Object) -> bool:
    """Whether it is a service; else it is an organization."""
    return "organization_id" in item or "organization" in item or "status" in item


def source_of(item: Object) -> str:
    """The source that the item says it is of, where we wrote it."""
    return str(_ours(item).get("source") or "")


def candidates(item: Object, source: str | None) -> Iterator[Candidate]:
    """The records that an item makes: an organization with the services in it, or a service with its organization."""
    if not is_service(item):
        yield _structure(item, source)
        for each in item.get("services") or ():
            if isinstance(each, dict) and each.get("name"):
                yield _service({**each, "organization_id": item.get("id")}, source, item)
        return
    organization = item.get("organization")
    if isinstance(organization, dict) and organization.get("name"):
        yield _structure(organization, source)
    yield _service(item, source, organization if isinstance(organization, dict) else None)


def _structure(item: Object, source: str | None) -> Candidate:
    values = _columns(item, "structure")
    if values.get("description") == values.get("nom"):
        values.pop("description", None)
    for each in _objects(item, "organization_identifiers"):
        if each.get("identifier_type") == "SIRET":
            values["siret"] = each.get("identifier")
    if item.get("legal_status"):
        values["legal_form"] = item["legal_status"]
    locations = _objects(item, "locations")
    values |= _place(locations[0]) if locations else {}
    own = _ours(item)
    values |= _rest(item, "structure", own)
    return Candidate("structure", source or str(own.get("source") or ""), _id(item, own), "", values)


def _service(item: Object, source: str | None, organization: Object | None) -> Candidate:
    values = _columns(item, "service")
    at = next((each.get("location") for each in _objects(item, "service_at_locations")), None)
    whose = str(item.get("organization_id") or (organization or {}).get("id") or "")
    if isinstance(at, dict) and at.get("id") != _own_place(whose):
        values |= {name: value for name, value in _place(at).items() if name in (*PLACE, "accessibility")}
    contacts = _objects(item, "contacts")
    if contacts and contacts[0].get("name"):
        values["contact_nom_prenom"] = contacts[0]["name"]
    areas = [each.get("extent") for each in _objects(item, "service_areas") if each.get("extent_type") == "INSEE"]
    values |= {"zone_eligibilite": areas} if areas else {}
    values |= _languages(item) | _hours(item)
    own = _ours(item)
    values |= _rest(item, "service", own)
    structure = _id(organization, _ours(organization)) if organization else own.get("structure_source_id") or whose
    return Candidate("service", source or str(own.get("source") or ""), _id(item, own), structure, values)


def _columns(item: Object, kind: str) -> dict[str, Any]:
    said = {name: item[column] for name, column in SAID[kind].items() if item.get(column)}
    phones = [each["number"] for each in _objects(item, "phones") if each.get("number")]
    return said | ({"telephone": phones[0]} if phones else {})


def _rest(item: Object, kind: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Terms of our taxonomies, attributes of ours, and what nobody here knows, to be given back."""
    found: dict[str, Any] = {}
    for each in _objects(item, "attributes"):
        field, code = _known_term(each)
        if field in LISTS or field == "sectors":
            found.setdefault(field, []).append(code)
        elif field:
            found[field] = code
    found |= {name: value for name, value in own.items() if name not in NAMES}
    foreign = {name: value for name, value in item.items() if name not in READ[kind] and value not in (None, "", [])}
    foreign |= _foreign_attributes(item)
    for name in ("locations", "service_at_locations"):
        places = _objects(item, name)
        if len(places) > 1 or any(_is_abroad(_location_of(each)) for each in places):
            foreign[name] = places
    return found | ({"hsds": foreign} if foreign else {})


def _foreign_attributes(item: Object) -> dict[str, Any]:
    foreign = [
        each for each in _objects(item, "attributes")
        if not str(each.get("label") or "").startswith(OURS) and not _known_term(each)[0]
    ]  # fmt: skip
    return {"attributes": foreign} if foreign else {}


def _known_term(attribute: Object) -> tuple[str, str]:
    """The field and the code of an attribute that is a term of ours; empty ones of any other."""
    term = attribute.get("taxonomy_term")
    if not isinstance(term, dict) or not isinstance(term.get("code"), str):
        return "", ""
    return FIELD_OF.get(str(term.get("taxonomy")), ""), term["code"]


def _location_of(place: Object) -> Object:
    """A location by itself, or that of a service at it."""
    location = place.get("location")
    return location if isinstance(location, dict) else place


def _ours(item: Object | None) -> dict[str, Any]:
    """What we wrote into attributes, by field."""
    found = {}
    for each in _objects(item or {}, "attributes"):
        label = str(each.get("label") or "")
        if label.startswith(OURS) and isinstance(each.get("value"), str):
            name = label.removeprefix(OURS)
            found[name] = _parsed(each["value"]) if name in JSON else each["value"]
    return found


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _place(location: Object) -> dict[str, Any]:
    found = {name: location[name] for name in ("latitude", "longitude") if location.get(name) is not None}
    if location.get("external_identifier_type") == "INSEE":
        found["code_insee"] = location.get("external_identifier")
    addresses = _objects(location, "addresses")
    if addresses and not _is_abroad(location):
        of = {"adresse": "address_1", "complement_adresse": "address_2", "commune": "city",
              "code_postal": "postal_code"}  # fmt: skip
        found |= {name: addresses[0][column] for name, column in of.items() if addresses[0].get(column)}
    columns = {"accessibilite_lieu": "url", "accessibility": "description"}
    for each in _objects(location, "accessibility")[:1]:
        found |= {name: each[column] for name, column in columns.items() if each.get(column)}
    return found | _languages(location) | _hours(location) | _ours(location)


def _is_abroad(location: Object) -> bool:
    """Whether a place is outside France: our addresses are by communes of the INSEE, so it is kept as it came."""
    countries = {str(each.get("country") or "FR").upper() for each in _objects(location, "addresses")}
    return not countries <= {"FR", "FRA", "FRANCE"}


def _languages(item: Object) -> dict[str, Any]:
    codes = [str(each["code"])[:2].lower() for each in _objects(item, "languages") if each.get("code")]
    return {"languages": list(dict.fromkeys(codes))} if codes else {}


def _hours(item: Object) -> dict[str, Any]:
    """Weekly schedules as a rule of OSM; the others are kept beside with what nobody knows."""
    rules: dict[tuple[str, ...], list[str]] = {}
    for each in _objects(item, "schedules"):
        days = tuple(day for day in DAYS if day in str(each.get("byday") or "").split(","))
        opens, closes = str(each.get("opens_at") or "")[:5], str(each.get("closes_at") or "")[:5]
        if days and len(opens) == len(closes) == 5 and each.get("freq") in (None, "WEEKLY"):
            rules.setdefault(days, []).append(f"{opens}-{closes}")
    said = [f"{','.join(day.capitalize() for day in days)} {','.join(sorted(times))}" for days, times in rules.items()]
    return {"horaires_accueil": "; ".join(said)} if said else {}


def _id(item: Object | None, own: Mapping[str, Any]) -> str:
    return str(own.get("source_id") or (item or {}).get("id") or "")


def _own_place(organization: str) -> str:
    try:
        return derived(organization, "location")
    except ValueError:
        return ""


def _objects(item: Object, name: str) -> list[dict[str, Any]]:
    value = item.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
