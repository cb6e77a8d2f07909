"""One value, from what a file says to what the directory keeps, or the `Refused` that says why it cannot be.

Beside `clean`, which knows the fields: lists as files write them, closed lists of values by their labels and synonyms,
and answers remembered. The same telephone, town, week or theme comes again and again in a file, and the structure and
the service of one row often share all of them. Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from services.directory.formats import clean, own_values, referentials, territory
from services.directory.formats.candidate import Days
from services.directory.formats.clean import Refused
from services.directory.formats.hours import Hours, from_text, from_week
from services.kernel.errors import Problem

REMEMBERED_CHARS: Final = 200
REMEMBERED: Final = 4096
Scalar = str | int | float
STRUCTURED: Final = frozenset({"memberships", "extra"})
"""What only our own exports say: a list, or an object."""

# Fields whose cell may hold several values: the first is the field's, the whole of it is kept beside.
_CELLS: Final[dict[str, Callable[[object], clean.Cell]]] = {
    "telephone": clean.phones,
    "courriel": clean.emails,
    "site_web": clean.urls,
    "lien_source": clean.urls,
    "lien_mobilisation": clean.urls,
    "accessibilite_lieu": clean.urls,
}


class Listed(NamedTuple):
    """The values of a list field, sorted, and each element that is none, with why."""

    values: tuple[str, ...]
    refused: tuple[tuple[str, Refused], ...]


def cleaned(name: str, value: Any) -> Any:
    """The clean value of one field that is no list; a `Cell` where its cell may hold several; None when it is empty."""
    if isinstance(value, str) and len(value) <= REMEMBERED_CHARS:
        return _remembered(name, value)
    return _cleaned(name, value)


def listed(name: str, value: Any) -> Listed:
    """The values of a list field, from a list or from the text of one."""
    if isinstance(value, str):
        return _listed(name, value)
    words = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(type(one) is str for one in words):
        words = tuple(as_list(words))
    return _listed(name, words)


def as_list(value: Any) -> list[str]:
    """A list as files write it: JSON, or texts separated by `|`, `;` or `,`; whichever comes first in that order."""
    if isinstance(value, str):
        value = _split(value.strip())
    return list(filter(None, map(word, value if isinstance(value, list | tuple) else [value])))


def word(value: Any) -> str | None:
    """A value as one line of text, None when it is empty; what is no value but many is the text of its JSON."""
    if isinstance(value, dict | list | tuple):
        return orjson.dumps(value, default=str).decode() if value else None
    return None if value is None else clean.line(value) or None


@lru_cache(maxsize=REMEMBERED)
def place(code: str | None, name: str | None, postal_code: str | None) -> territory.Commune | Problem:
    """The commune that is meant, or why none is certain."""
    return territory.locate(word(code), word(name), word(postal_code))


@lru_cache(maxsize=REMEMBERED)
def point(lat: Scalar | None, lon: Scalar | None) -> tuple[float, float] | Refused | None:
    """Coordinates, None when neither is said."""
    words = word(lat), word(lon)
    if words == (None, None):
        return None
    if None in words:
        return Refused("coordinates.half", "L'une des deux coordonnées manque.", "Donnez les deux, ou aucune.")
    try:
        return clean.coordinates(*words)
    except Refused as refused:
        return refused


def hours(value: Any) -> Hours | Refused:
    """Opening hours, from a text or from the days of a week."""
    if isinstance(value, Days):
        return _week(tuple(value.week.items()), value.note)
    return _hours(value) if isinstance(value, str) else _not_one_value()


@lru_cache(maxsize=REMEMBERED)
def _week(days: tuple[tuple[str, str], ...], note: str) -> Hours:
    return from_week(dict(days), note)


@lru_cache(maxsize=256)
def _hours(text: str) -> Hours | Refused:
    try:
        return from_text(clean.long_text(text))
    except Refused as refused:
        return refused


def _split(text: str) -> Any:
    if text.startswith("["):
        try:
            return orjson.loads(text)
        except ValueError:
            text = re.sub(r"[\[\]'\"]", "", text)  # ['a', 'b'], as Python and spreadsheets write lists
    separator = next((mark for mark in "|;," if mark in text), None)
    return text.split(separator) if separator else [text]


@lru_cache(maxsize=REMEMBERED)
def _remembered(name: str, value: str) -> Any:
    return _cleaned(name, value)


def _cleaned(name: str, value: Any) -> Any:
    if not isinstance(value, Scalar) and name not in STRUCTURED:
        return _not_one_value()
    try:
        if name in _CELLS:
            return _CELLS[name](value)
        if name in ("type", "frais"):
            return _element(name, clean.line(value))
        if name in own_values.CLEAN:
            return own_values.CLEAN[name](value) or None
        if name == "rna":
            return clean.rna(value)
        if name == "adresse_certifiee":
            return clean.boolean(value)
        return clean.check(name, value)
    except Refused as refused:
        return refused


def _not_one_value() -> Refused:
    return Refused("field.type", "Un texte ou un nombre est attendu.", "Donnez une seule valeur.")


@lru_cache(maxsize=REMEMBERED)
def _listed(name: str, value: str | tuple[str, ...]) -> Listed:
    found: set[str] = set()
    refused: list[tuple[str, Refused]] = []
    for element in as_list(value):
        try:
            found.add(_element(name, element))
        except Refused as why:
            refused.append((element, why))
    return Listed(tuple(sorted(found)), tuple(refused))


def _element(name: str, word: str) -> str:
    """One value of a list field, or of a field with a closed list of values. Raises `Refused`."""
    if name == "zone_eligibilite":
        return clean.zones([word])[0]
    if name == "languages":
        return own_values.language(word)
    found = referentials.find(name, word)
    if isinstance(found, referentials.Unlisted):
        raise Refused(f"{name}.unknown", found.why, found.remedy)
    return found.value
