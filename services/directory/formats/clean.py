"""Cleaning of values: what importers and the API do to every field before the directory sees it.

Each function takes a cell as a file or a request gives it and returns the clean value, or raises `Refused` with the
reason and the remedy in French. Nothing is dropped in silence; cleaning a clean value gives it back.

>>> phone("04 50 56 87 49"), email("Accueil <ACCUEIL@Exemple.fr>"), url("www.exemple.fr"), date("23/11/2026")
('+33450568749', 'accueil@exemple.fr', 'https://www.exemple.fr', '2026-11-23')
>>> check("telephone", "39 49"), check("zone_eligibilite", "1; 44109; France"), check("site_web", " ")
('3949', ['01', '44109', 'france'], None)
>>> try:
...     check("siret", "13003013300017")
... except Refused as refused:
...     print(refused.why)
La clé de contrôle ne correspond pas : un chiffre est faux ou deux sont intervertis.

Fields and their limits are those of data·inclusion schema v1 (https://github.com/gip-inclusion/data-inclusion).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from services.directory.formats import territory
from services.directory.formats.clean_codes import (
    boolean,
    code_insee,
    coordinates,
    date,
    latitude,
    longitude,
    number,
    postal_code,
    rna,
    siret,
    update_date,
    whole,
)
from services.directory.formats.clean_phone import phone, phones
from services.directory.formats.clean_text import Cell, Refused, html_text, line, long_text, name, short_text, text
from services.directory.formats.clean_web import email, emails, url, urls
from services.kernel.errors import Problem

__all__ = [
    "Cell",
    "Checked",
    "Refused",
    "boolean",
    "check",
    "check_all",
    "code_insee",
    "coordinates",
    "date",
    "email",
    "emails",
    "html_text",
    "latitude",
    "line",
    "long_text",
    "longitude",
    "name",
    "number",
    "phone",
    "phones",
    "postal_code",
    "rna",
    "short_text",
    "siret",
    "text",
    "update_date",
    "url",
    "urls",
    "whole",
    "words",
    "zones",
]

SHORTEST_DESCRIPTION = 5


def words(value: object) -> list[str]:
    """A list of distinct short texts, from a list or from text with `;`, `|`, commas or line breaks between."""
    parts = re.split(r"[;|,\n]", text(value)) if isinstance(value, str) else value
    if not isinstance(parts, Iterable) or isinstance(parts, bytes | Mapping):
        parts = [parts]
    return list(dict.fromkeys(word for part in parts if (word := line(part))))


def zones(value: object) -> list[str]:
    """Codes of a `zone_eligibilite`: communes, departments, EPCI (SIREN), countries, `france`.

    A lost first zero comes back (`1` is the Ain, `1001` a commune), a commune that merged gives what it became.
    """
    found = {zone: _zone(zone) for zone in words(value)}
    unknown = [zone for zone, code in found.items() if code is None]
    if unknown:
        why = f"Code de zone inconnu : {', '.join(unknown[:5])}."
        remedy = "Écrivez des codes INSEE de communes ou de départements, des SIREN d'EPCI, ou « france »."
        raise Refused("zone.unknown", why, remedy)
    return list(dict.fromkeys(code for code in found.values() if code))


def _zone(written: str) -> str | None:
    code = written.upper().replace(" ", "")
    code = "france" if code == "FRANCE" else f"0{code}" if re.fullmatch(r"\d|\d{4}", code, re.ASCII) else code
    if not territory.valid_zone(code):
        return None
    found = territory.commune(code) if len(code) == 5 else None
    return found.code if found else code


def _description(value: object) -> str:
    return long_text(value, SHORTEST_DESCRIPTION)


# How each field of data·inclusion v1 is cleaned. The values of enumerations are only put in shape here: `referentials`
# knows them; hours are text here: `hours` reads them.
FIELDS: Mapping[str, Callable[[object], Any]] = {
    "nom": name,
    "description": _description,
    "date_maj": update_date,
    "siret": siret,
    "commune": short_text,
    "code_postal": postal_code,
    "code_insee": code_insee,
    "adresse": short_text,
    "complement_adresse": short_text,
    "latitude": latitude,
    "longitude": longitude,
    "telephone": phone,
    "courriel": email,
    "lien_source": url,
    "site_web": url,
    "accessibilite_lieu": url,
    "lien_mobilisation": url,
    "horaires_accueil": long_text,
    "reseaux_porteurs": words,
    "type": line,
    "thematiques": words,
    "frais": line,
    "frais_precisions": long_text,
    "publics": words,
    "publics_precisions": long_text,
    "conditions_acces": long_text,
    "modes_accueil": words,
    "zone_eligibilite": zones,
    "contact_nom_prenom": short_text,
    "modes_mobilisation": words,
    "mobilisable_par": words,
    "mobilisation_precisions": long_text,
    "volume_horaire_hebdomadaire": number,
    "nombre_semaines": lambda value: whole(value, 1),
}

# Fields whose cell may hold more than the one value that is kept.
_CELLS: Mapping[str, Callable[[object], Cell]] = {
    "telephone": phones,
    "courriel": emails,
    "lien_source": urls,
    "site_web": urls,
    "accessibilite_lieu": urls,
    "lien_mobilisation": urls,
}


def check(field: str, value: object) -> Any:
    """The clean value of a field of data·inclusion v1, or None for an empty one. Raises `Refused`.

    Of several telephones, addresses or links in a cell the first good one is kept; `check_all` tells the others.
    """
    clean = FIELDS.get(field)
    if clean is None:
        why = f"Le champ « {field[:40]} » n'existe pas dans data·inclusion."
        raise Refused("field.unknown", why, "Vérifiez le nom du champ.")
    if _is_empty(value):
        return None
    found = clean(value)
    return None if found in ("", []) else found


def _is_empty(value: object) -> bool:
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or (isinstance(value, list | tuple | set) and not value)


class Checked(NamedTuple):
    """What `check_all` made: the clean fields, what was refused, and what was understood but not kept."""

    fields: dict[str, Any]
    problems: list[Problem]
    notes: list[Problem]


def check_all(fields: Mapping[str, object]) -> Checked:
    """All fields of a record cleaned; empty ones left out; coordinates as a pair, one without the other refused."""
    clean: dict[str, Any] = {}
    problems: list[Problem] = []
    notes: list[Problem] = []
    for field, value in fields.items():
        if _is_empty(value) or field in ("latitude", "longitude"):
            continue
        try:
            if field in _CELLS:
                cell = _CELLS[field](value)
                found: Any = cell.value
                notes += _notes(field, value, cell)
            else:
                found = check(field, value)
        except Refused as refused:
            problems.append(refused.problem(field, value))
        else:
            if found is not None:
                clean[field] = found
    _place(fields, clean, problems)
    return Checked(clean, problems, notes)


def _place(fields: Mapping[str, object], clean: dict[str, Any], problems: list[Problem]) -> None:
    lat, lon = fields.get("latitude"), fields.get("longitude")
    if _is_empty(lat) and _is_empty(lon):
        return
    field = "latitude" if _is_empty(lat) else "longitude"
    try:
        if _is_empty(lat) or _is_empty(lon):
            raise Refused("coordinates.half", "L'une des deux coordonnées manque.", "Donnez les deux, ou aucune.")
        clean["latitude"], clean["longitude"] = coordinates(lat, lon)
    except Refused as refused:
        field = refused.code.removeprefix("coordinates.") if refused.code.endswith("itude") else field
        problems.append(refused.problem(field, fields.get(field)))


def _notes(field: str, value: object, cell: Cell) -> list[Problem]:
    """What a cell held beside the value that was kept."""
    told = []
    if cell.others:
        why = f"La cellule contient aussi {', '.join(cell.others)} ; seul {cell.value} est gardé."
        told.append(Refused("cell.others", why, "Mettez les autres dans la description, s'ils sont utiles."))
    if cell.rest:
        why = f"« {cell.rest[:100]} » n'est pas gardé."
        told.append(Refused("cell.rest", why, "Mettez ce texte dans la description, s'il est utile."))
    return [note.problem(field, value) for note in told]
