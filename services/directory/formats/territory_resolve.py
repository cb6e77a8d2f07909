"""Which commune somebody means: from a code, or a name and a postal code, as files and people write them.

What is certain is taken, what is not is told: a `Problem` in French with the nearest names. Rules, in order:

1. A known code (of today, of an arrondissement, or of a commune that merged) decides, unless name and postal code agree
   on another commune.
2. A name and a postal code: the commune of that name served by that code; else the one it serves whose name begins so
   (`Louhans` is Louhans-Châteaurenaud now); else (a CEDEX, the code of the next town) the one of that name in the
   department.
3. A postal code of one commune alone, or a name that one commune alone bears; `Saint-Denis (93)` names its department.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache, lru_cache

from services.directory.formats import territory_tables as tables
from services.directory.formats.territory_names import fold
from services.directory.formats.territory_tables import CITY_OF, Commune
from services.kernel.errors import Problem

CLOSE = 80.0
"""Likeness (of 100) from which a name is offered as what was meant."""
MOST_OFFERED = 5
LONG_ENOUGH = 4
"""Letters from which the beginning of a name stands for it, within one postal code."""
_IN_BRACKETS = re.compile(r"\s*(.*?)\s*\((\d[\dAB]|9[78]\d)\)\s*$", re.IGNORECASE)


def resolve(code: str | None = None, name: str | None = None, postal_code: str | None = None) -> Commune | None:
    """The commune that these words mean, or None where `locate` would tell a problem."""
    found = locate(code, name, postal_code)
    return found if isinstance(found, Commune) else None


def locate(code: str | None = None, name: str | None = None, postal_code: str | None = None) -> Commune | Problem:
    """The commune that these words mean, or why none is certain (`field`, `value`, `why`, `remedy`, `code`).

    Accents, case, hyphens, `St`, articles and CEDEX do not count; a commune that merged answers with what it became; a
    code or a postal code may have lost its first zero.
    """
    found = _locate(code, name, postal_code)
    return found if isinstance(found, Commune) else found.copy()


@lru_cache(maxsize=8192)
def _locate(code: str | None, name: str | None, postal_code: str | None) -> Commune | Problem:
    code, postal = _padded(code), _padded(postal_code)
    name, department = _with_department(name or "")
    named = _by_words(name, postal or department)
    row = _row_of_code(code)
    if row is not None:
        return _contradiction(code, row, named, name, postal) or tables.communes()[row]
    if len(named) == 1:
        return tables.communes()[named[0]]
    return _why(code, name, postal or department, named)


def forget() -> None:
    """Forget what was found: the points of communes have moved."""
    _locate.cache_clear()


def _padded(code: str | None) -> str:
    text = (code or "").strip().upper().replace(" ", "")
    return f"0{text}" if len(text) == 4 and text.isdigit() else text


def _with_department(name: str) -> tuple[str, str]:
    """The name, and the department in brackets behind it, as in `Saint-Denis (93)`."""
    found = _IN_BRACKETS.match(name)
    return (found[1], found[2].upper()) if found else (name.strip(), "")


def _row_of_code(code: str) -> int | None:
    rows = tables.communes().rows
    if code in rows:
        return rows[code]
    merged = tables.former().get(code)
    return rows[merged[1]] if merged else None


def _by_words(name: str, postal: str) -> tuple[int, ...]:
    """Rows that the name and the postal code (or a department's) allow; one is an answer, several are a doubt."""
    if not name:
        return _one_place(tables.by_postal_code().get(postal, ()))
    bearing = tables.by_name().get(fold(name), ()), tables.by_former_name().get(fold(name), ())
    if not postal:
        return bearing[0] or bearing[1]
    served = tables.by_postal_code().get(postal, ())
    for rows in bearing:
        if here := tuple(row for row in rows if row in served):
            return here
    if cut := tuple(row for row in served if _begins(fold(name), fold(tables.communes()[row].name))):
        return cut
    for rows in bearing:
        if near := tuple(row for row in rows if _in_department(row, postal)):
            return near
    return ()


def _begins(one: str, other: str) -> bool:
    """Is one the first words of the other?"""
    short, long = sorted((one, other), key=len)
    return len(short) >= LONG_ENOUGH and short not in ("saint", "sainte") and long.startswith(f"{short} ")


def _one_place(rows: tuple[int, ...]) -> tuple[int, ...]:
    """A city and its arrondissement are one place: the arrondissement, which says more."""
    codes = {tables.communes()[row].code: row for row in rows}
    within = [row for code, row in codes.items() if CITY_OF.get(code) in codes]
    return tuple(within) if len(within) == len(rows) - 1 == 1 else rows


def _in_department(row: int, postal: str) -> bool:
    """Does a postal code (or a department's) begin like the department's of this row? Corsica's postal codes by 20."""
    code = tables.communes().codes[row]
    department = code[:3] if code.startswith(("97", "98")) else code[:2]
    return postal.startswith(department) or (postal.startswith("20") and department in ("2A", "2B"))


def _contradiction(code: str, row: int, named: tuple[int, ...], name: str, postal: str) -> Problem | None:
    """A problem when both the name and the postal code are of one commune, and the code of another."""
    if not (name and postal) or len(named) != 1 or named[0] == row:
        return None
    said, other = tables.communes()[row], tables.communes()[named[0]]
    if CITY_OF.get(said.code, said.code) == CITY_OF.get(other.code, other.code) or postal in said.postal_codes:
        return None
    why = f"Le code {code} est celui de {said.name} ({said.department}), pas de {other.name} ({postal})."
    return _problem("code_insee", code, "commune.contradiction", why, f"Écrivez {other.code}, ou corrigez le nom.")


def _why(code: str, name: str, postal: str, named: tuple[int, ...]) -> Problem:
    if len(named) > 1 and name:
        why = f"{len(named)} communes portent ce nom : {_offer(named)}."
        remedy = "Ajoutez le code INSEE." if postal else "Ajoutez le code postal ou le code INSEE."
        return _problem("commune", name, "commune.ambiguous", why, remedy)
    if len(named) > 1:
        why = f"{len(named)} communes ont ce code postal : {_offer(named, postal)}."
        remedy = "Ajoutez le nom de la commune ou son code INSEE."
        return _problem("code_postal", postal, "commune.ambiguous", why, remedy)
    if name:
        return _unknown_name(name, postal)
    if postal:
        why, remedy = "Aucune commune n'a ce code postal.", "Vérifiez-le, ou ajoutez le nom."
        return _problem("code_postal", postal, "commune.postal", why, remedy)
    if code:
        why, remedy = "Aucune commune n'a ce code INSEE.", "Vérifiez le code, ou donnez le nom et le code postal."
        return _problem("code_insee", code, "commune.code", why, remedy)
    why, remedy = "Aucune commune n'est donnée.", "Donnez le nom et le code postal, ou le code INSEE."
    return _problem("commune", "", "commune.missing", why, remedy)


def _unknown_name(name: str, postal: str) -> Problem:
    bearing = tables.by_name().get(fold(name), ()) or tables.by_former_name().get(fold(name), ())
    if bearing:
        where = f"n'a pas le code postal {postal}" if len(postal) > 3 else f"n'est pas dans le département {postal}"
        remedy = "Corrigez le code postal ou le nom."
        return _problem("code_postal", postal, "commune.mismatch", f"{name} {where} : {_offer(bearing)}.", remedy)
    close, served = _close(name, postal), tables.by_postal_code().get(postal, ())
    remedy = "Vérifiez le nom, ou donnez le code INSEE."
    if close:
        remedy = f"Vouliez-vous dire {_offer(close)} ?"
    elif served:
        remedy = f"Le code postal {postal} est celui de {_offer(served, postal)}."
    return _problem("commune", name, "commune.name", "Aucune commune ne porte ce nom.", remedy)


def _close(name: str, postal: str) -> list[int]:
    """Rows of the communes with the nearest names: of the postal code, else of its department, else of all."""
    from rapidfuzz import fuzz, process

    folded = _folded()
    rows = tables.by_postal_code().get(postal) or _of_department(postal) or range(len(folded))
    choices = [folded[row] for row in rows]
    ranked = process.extract(fold(name), choices, scorer=fuzz.ratio, score_cutoff=CLOSE, limit=MOST_OFFERED)
    return [rows[place] for _, _, place in ranked]


@cache
def _folded() -> list[str]:
    """The folded name of each row."""
    folded = [""] * len(tables.communes())
    for name, rows in tables.by_name().items():
        for row in rows:
            folded[row] = name
    return folded


def _of_department(postal: str) -> range:
    """Rows of the department that a postal code begins by, which lie together; empty for none."""
    if len(postal) < 2:
        return range(0)
    codes = tables.communes().codes
    first, last = ("2A", "2B") if postal.startswith("20") else (postal[:3], postal[:3])
    if not postal.startswith(("97", "98", "20")):
        first = last = postal[:2]
    return range(bisect_left(codes, first), bisect_left(codes, f"{last}~"))


def _offer(rows: Sequence[int], postal: str = "") -> str:
    """The first communes by population, with their postal code unless all have the same: `Nantes (44000), …`."""
    known = sorted((tables.communes()[row] for row in rows), key=lambda commune: -commune.population)[:MOST_OFFERED]
    shown = [
        found.name if postal else f"{found.name} ({(found.postal_codes or (found.department,))[0]})" for found in known
    ]
    return ", ".join(shown) + ("…" if len(rows) > MOST_OFFERED else "")


def _problem(field: str, value: str, code: str, why: str, remedy: str) -> Problem:
    return {"line": None, "field": field, "value": value, "why": why, "remedy": remedy, "code": code}
