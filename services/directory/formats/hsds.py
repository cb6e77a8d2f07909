"""Native records as Open Referral HSDS 3.1 says them. Pure; the way in is `hsds_in.py`.

Source: the JSON Schemas of HSDS 3.1, https://docs.openreferral.org (CC BY-SA 4.0). A structure is an organization with
one location; a service has one service_at_location, at the place it names or at its structure's. Our closed lists are
taxonomies; what HSDS has no field for is an attribute whose label begins with `maillage:`, its value as JSON, so that
it comes back. Identifiers are those of our records; what has none of its own has one derived from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from services.directory.formats import referentials, sectors, territory
from services.directory.formats.ids import di_id

VERSION: Final = "3.1"
NAMESPACE: Final = UUID("6a1d2a8e-5d5f-5b0c-9d6f-7a3c1c1f5b44")
"""Of identifiers that follow from a name: taxonomies and their terms."""
OURS: Final = "maillage:"
TERMS: Final[Mapping[str, str]] = {
    "thematiques": "thematiques", "publics": "publics", "modes_accueil": "modes_accueil", "frais": "frais",
    "modes_mobilisation": "modes_mobilisation", "mobilisable_par": "personne_mobilisatrice",
    "type": "types_de_services", "reseaux_porteurs": "reseaux_porteurs",
}  # fmt: skip
"""Fields whose values are terms: field → taxonomy. `sectors` is one more."""
LISTS: Final = frozenset({"thematiques", "publics", "modes_accueil", "modes_mobilisation", "mobilisable_par",
                          "reseaux_porteurs"})  # fmt: skip
SAID: Final[Mapping[str, Mapping[str, str]]] = {
    "structure": {"nom": "name", "description": "description", "courriel": "email", "site_web": "website"},
    "service": {
        "nom": "name", "description": "description", "courriel": "email", "lien_mobilisation": "url",
        "conditions_acces": "eligibility_description", "frais_precisions": "fees_description",
        "mobilisation_precisions": "application_process",
    },
}  # fmt: skip
"""Fields that are a column of HSDS."""
ADDRESS: Final = ("adresse", "code_postal", "commune")
PLACE: Final = (*ADDRESS, "complement_adresse", "code_insee", "latitude", "longitude")
DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_RULE: Final = re.compile(r"((?:Mo|Tu|We|Th|Fr|Sa|Su)(?:[-,](?:Mo|Tu|We|Th|Fr|Sa|Su))*) ([\d:,-]+)")
_TIMES: Final = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")
Record = Mapping[str, Any]
Object = dict[str, Any]


def derived(of: str, name: str) -> str:
    """The identifier of what belongs to a record and has none of its own."""
    return str(uuid5(UUID(of), name))


def organization(record: Record, services: Iterable[Object] = ()) -> Object:
    """A structure as an organization with its location; `services` as they are to stand in it."""
    fields, own = record["fields"], record["id"]
    said = _columns(record)
    said.setdefault("description", said["name"])  # HSDS wants one
    if record.get("legal_form"):
        said["legal_status"] = record["legal_form"]
    identifiers = [("maillage", "source", di_id(record["source"], record["source_id"]))]
    if fields.get("siret"):
        identifiers.append(("FR-SIRET", "SIRET", fields["siret"]))
    kept = {name: record[name] for name in ("ess", "argumentaire", "memberships") if record.get(name)}
    found = said | {
        "organization_identifiers": [
            {"id": derived(own, name), "organization_id": own, "identifier_scheme": scheme, "identifier_type": name,
             "identifier": value} for scheme, name, value in identifiers
        ],
        "locations": [_location(record, own)],
        "attributes": _attributes(record, "organization", kept | _left(fields, ("date_maj", "lien_source"))),
    }  # fmt: skip
    found |= _phones(fields, own, "organization_id")
    listed = list(services)
    return _with_foreign(record, found | ({"services": listed} if listed else {}))


def service(record: Record, structure: Record | None, nested: bool = True) -> Object:
    """A service with its place; `nested` puts its organization, without its services, in it."""
    fields, own = record["fields"], record["id"]
    said = _columns(record) | {
        "organization_id": record["structure"], "status": "active", "last_modified": record["changed_at"],
        "attributes": _attributes(record, "service", _left(fields, (
            "date_maj", "lien_source", "publics_precisions", "volume_horaire_hebdomadaire", "nombre_semaines",
            "horaires_accueil"))),
        "service_at_locations": [service_at_location(record, structure)],
    }  # fmt: skip
    if record.get("verified_at"):
        said["assured_date"] = record["verified_at"][:10]
    said |= _phones(fields, own, "service_id")
    if fields.get("contact_nom_prenom"):
        contact = {"id": derived(own, "contact"), "service_id": own, "name": fields["contact_nom_prenom"]}
        said["contacts"] = [contact]
    if fields.get("zone_eligibilite"):
        said["service_areas"] = [_area(own, code) for code in fields["zone_eligibilite"]]
    if fields.get("horaires_accueil"):
        said["schedules"] = list(_schedules(own, "service_id", fields["horaires_accueil"]))
    if record.get("languages"):
        said["languages"] = _languages(own, "service_id", record["languages"])
    if structure is not None and nested:
        said["organization"] = organization(structure)
    return _with_foreign(record, said)


def service_at_location(record: Record, structure: Record | None, nested: bool = False) -> Object:
    """A service at its place: that which it names, else its structure's. Its identifier is the service's."""
    own = record["id"]
    if structure is None or has_place(record):
        location = _location(record, record["structure"])
    else:
        location = _location(structure, record["structure"])
    at = {"id": own, "service_id": own, "location_id": location["id"], "location": location}
    return at | ({"service": service(record, structure)} if nested else {})


def has_place(record: Record) -> bool:
    """Whether a service says a place of its own; else it is at its structure's."""
    return any(record["fields"].get(name) is not None for name in PLACE) or bool(record.get("accessibility"))


def minimal(found: Object, names: Iterable[str]) -> Object:
    """An object with these of its names alone: what a list of the standard holds."""
    return {name: found[name] for name in names if name in found}


@lru_cache(1)
def taxonomies() -> dict[str, Object]:
    """Our closed lists, by their identifier."""
    names = (*dict.fromkeys(TERMS.values()), "sectors")
    made = [
        {"id": str(uuid5(NAMESPACE, name)), "name": name, "version": "1",
         "description": "Secteurs de Maillage." if name == "sectors" else f"Référentiel {name} de data·inclusion, v1."}
        for name in names
    ]  # fmt: skip
    return {each["id"]: each for each in made}


@lru_cache(1)
def terms() -> dict[str, Object]:
    """All terms of our taxonomies, by their identifier."""
    found: dict[str, Object] = {}
    for taxonomy in taxonomies().values():
        for code, label, description in _values(taxonomy["name"]):
            term = {
                "id": str(uuid5(NAMESPACE, f"{taxonomy['name']}/{code}")), "code": code, "name": label,
                "description": description or label, "taxonomy": taxonomy["name"], "taxonomy_id": taxonomy["id"],
                "language": "fr",
            }  # fmt: skip
            found[term["id"]] = term
    return found


def _values(name: str) -> Iterator[tuple[str, str, str]]:
    if name == "sectors":
        yield from ((code, sectors.label(code, "fr"), "") for code in sectors.SECTORS)
        return
    yield from ((value.value, value.label, value.description) for value in referentials.values(name))


def _columns(record: Record) -> Object:
    fields = record["fields"]
    said = {column: fields[name] for name, column in SAID[record["kind"]].items() if fields.get(name)}
    return {"id": record["id"], "name": fields.get("nom") or record["source_id"]} | said


def _left(fields: Mapping[str, Any], names: Iterable[str]) -> Object:
    return {name: fields[name] for name in names if fields.get(name) is not None}


def _attributes(record: Record, entity: str, left: Object) -> list[Object]:
    """Terms, then what no field of HSDS holds; `source` and `source_id` first, by which a record is known again."""
    own, fields = record["id"], record["fields"]
    found: list[Object] = []
    for name, taxonomy in TERMS.items():
        value = fields.get(name)
        codes = value if isinstance(value, list) else [value] if value else ()
        found += [_term(own, entity, taxonomy, code) for code in codes]
    found += [_term(own, entity, "sectors", code) for code in record.get("sectors") or ()]
    known = ("source", "source_id", "structure_source_id", "review_since")
    beside = {name: value for name, value in (record.get("extra") or {}).items() if name != "hsds"}
    kept = {name: record[name] for name in known if record.get(name)} | left | ({"extra": beside} if beside else {})
    for name, value in kept.items():
        found.append({
            "id": derived(own, name), "link_id": own, "link_entity": entity, "label": OURS + name,
            "value": value if isinstance(value, str) else orjson.dumps(value).decode(),
        })  # fmt: skip
    return found


def _term(own: str, entity: str, taxonomy: str, code: str) -> Object:
    known = terms().get(str(uuid5(NAMESPACE, f"{taxonomy}/{code}")))
    if known is None:
        known = {"id": str(uuid5(NAMESPACE, f"{taxonomy}/{code}")), "code": code, "name": code, "description": code,
                 "taxonomy": taxonomy}  # fmt: skip
    return {"id": derived(own, f"{taxonomy}/{code}"), "link_id": own, "link_entity": entity,
            "taxonomy_term_id": known["id"], "taxonomy_term": known}  # fmt: skip


def _location(record: Record, organization_id: str) -> Object:
    fields, own = record["fields"], derived(record["id"], "location")
    found: Object = {"id": own, "location_type": "physical", "organization_id": organization_id}
    found |= {name: fields[name] for name in ("latitude", "longitude") if fields.get(name) is not None}
    if fields.get("code_insee"):
        found |= {"external_identifier": fields["code_insee"], "external_identifier_type": "INSEE"}
    if all(fields.get(name) for name in ADDRESS):
        found["addresses"] = [_address(fields, own)]
        left: Object = {}
    else:
        left = _left(fields, (*ADDRESS, "complement_adresse"))
    if fields.get("accessibilite_lieu") or record.get("accessibility"):
        access = {"id": derived(record["id"], "accessibility"), "location_id": own}
        access |= {"url": fields["accessibilite_lieu"]} if fields.get("accessibilite_lieu") else {}
        found["accessibility"] = [access | ({"description": record["accessibility"]} if record.get("accessibility")
                                            else {})]  # fmt: skip
    if record["kind"] == "structure":
        if record.get("languages"):
            found["languages"] = _languages(own, "location_id", record["languages"])
        if fields.get("horaires_accueil"):
            found["schedules"] = list(_schedules(own, "location_id", fields["horaires_accueil"]))
            left |= {"horaires_accueil": fields["horaires_accueil"]}
    if left:
        found["attributes"] = [
            {"id": derived(own, name), "link_id": own, "link_entity": "location", "label": OURS + name, "value": value}
            for name, value in left.items()
        ]
    return found


def _address(fields: Mapping[str, Any], location: str) -> Object:
    commune = territory.commune(fields.get("code_insee") or "")
    department = territory.department(commune.department) if commune else None
    found = {
        "id": derived(location, "address"), "location_id": location, "address_1": fields["adresse"],
        "city": fields["commune"], "state_province": department.name if department else "",
        "postal_code": fields["code_postal"], "country": "FR", "address_type": "physical",
    }  # fmt: skip
    return found | ({"address_2": fields["complement_adresse"]} if fields.get("complement_adresse") else {})


def _phones(fields: Mapping[str, Any], own: str, column: str) -> Object:
    number = fields.get("telephone")
    return {"phones": [{"id": derived(own, "phone"), column: own, "number": number}]} if number else {}


def _languages(own: str, column: str, codes: Iterable[str]) -> list[Object]:
    return [{"id": derived(own, f"language/{code}"), column: own, "code": code} for code in codes]


def _area(own: str, code: str) -> Object:
    return {"id": derived(own, f"area/{code}"), "service_id": own, "extent": code, "extent_type": "INSEE"}


def _schedules(own: str, column: str, osm: str) -> Iterator[Object]:
    """Weekly openings; what a rule of OSM says beyond them is in the attribute that holds the whole."""
    for rule in osm.split(";"):
        found = _RULE.fullmatch(rule.strip())
        for start, (opens, closes) in enumerate(_TIMES.findall(found[2]) if found else ()):
            days = ",".join(_days(found[1])) if found else ""
            yield {
                "id": derived(own, f"{days}/{opens}/{start}"), column: own, "freq": "WEEKLY", "wkst": "MO",
                "byday": days, "opens_at": opens, "closes_at": closes,
            }  # fmt: skip


def _days(said: str) -> Iterator[str]:
    for part in said.upper().split(","):
        first, _, last = part.partition("-")
        if not last:
            yield first
            continue
        start, end = DAYS.index(first), DAYS.index(last)
        yield from (DAYS[at % 7] for at in range(start, (end if end >= start else end + 7) + 1))


def _with_foreign(record: Record, found: Object) -> Object:
    """What came in by HSDS and we have no place for goes out as it came; places that we cannot say too."""
    foreign = record.get("extra", {}).get("hsds") or {}
    for name in ("locations", "service_at_locations"):
        if name in foreign and not record["fields"].get("code_insee"):
            found.pop(name, None)
    attributes = {"attributes": [*found["attributes"], *foreign.get("attributes", ())]}
    return {**{name: value for name, value in foreign.items() if name not in found}, **found, **attributes}
