"""One value of a field, from what a file says to what the directory keeps; `Refused` says why it cannot be.

Beside `clean`, which knows the fields: lists as files write them, closed lists of values by their labels and synonyms,
and answers remembered, since the same telephone or theme comes again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import orjson

from services.directory.formats import clean, referentials
from services.directory.formats.clean import Refused

# Fields whose cell may hold several values: the first is the field's, the whole of it is kept beside.
_CELLS: Final[dict[str, Callable[[object], clean.Cell]]] = {
    "telephone": clean.phones,
    "courriel": clean.emails,
    "site_web": clean.urls,
    "lien_source": clean.urls,
    "lien_mobilisation": clean.urls,
    "accessibilite_lieu": clean.urls,
}
# What comes again and again and is short: one telephone for ten places, the postal code of a town, a date.
_REPEATED: Final = frozenset({"telephone", "courriel", "site_web", "siret", "code_postal", "date_maj"})


def as_list(value: Any) -> list[str]:
    """A list as files write it: JSON, or texts separated by `|`, `;` or `,`; whichever comes first in that order."""
    if isinstance(value, str):
        value = _from_text(value.strip())
    if not isinstance(value, list | tuple):
        value = [value]
    words = (word(element) for element in value)
    return [word for word in words if word]


def _from_text(text: str) -> Any:
    if text.startswith("["):
        try:
            return orjson.loads(text)
        except ValueError:
            text = re.sub(r"[\[\]'\"]", "", text)  # ['a', 'b'], as Python and spreadsheets write lists
    separator = next((mark for mark in "|;," if mark in text), None)
    return text.split(separator) if separator else [text]


def word(value: Any) -> str | None:
    if value is None:
        return None
    return clean.line(value) or None


def cleaned(name: str, value: Any) -> Any:
    """The clean value of one field that is no list, a `Cell` where its cell may hold several. Raises `Refused`."""
    if name in _REPEATED and isinstance(value, str):
        return _answer(name, value)()
    return _clean(name, value)


def _clean(name: str, value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise Refused("field.type", "Un texte ou un nombre est attendu.", "Donnez une seule valeur.")
    if name in _CELLS:
        return _CELLS[name](value)
    if name in ("type", "frais"):
        return element(name, clean.line(value))
    if name == "rna":
        return clean.rna(value)
    if name == "adresse_certifiee":
        return clean.boolean(value)
    return clean.check(name, value)


@lru_cache(maxsize=4096)
def _answer(name: str, value: str) -> Callable[[], Any]:
    """What `_clean` answers, as a function that returns it or raises it again."""
    try:
        cleaned = _clean(name, value)
    except Refused as refused:
        return _raiser(refused.code, refused.why, refused.remedy)
    return lambda: cleaned


def _raiser(code: str, why: str, remedy: str) -> Callable[[], Any]:
    def answer() -> Any:
        raise Refused(code, why, remedy)

    return answer


@lru_cache(maxsize=4096)
def element(name: str, word: str) -> str:
    """One value of a list field, or of a field with a closed list of values. Raises `Refused`."""
    if name == "zone_eligibilite":
        return clean.zones([word])[0]
    found = referentials.find(name, word)
    if isinstance(found, referentials.Unlisted):
        raise Refused(f"{name}.unknown", found.why, found.remedy)
    return found.value
