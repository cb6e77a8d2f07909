"""Counts over all that a question found, by value, for the page to offer what can be narrowed further."""

from __future__ import annotations

from gateway.index.arrays import Rows
from gateway.index.table import Table

_COLUMN = {
    "thematiques": "thematiques",
    "categories": "thematiques",
    "publics": "publics",
    "types": "type",
    "frais": "frais",
    "modes_accueil": "modes_accueil",
    "sectors": "sectors",
    "departements": "departement",
    "sources": "source",
    "reseaux_porteurs": "reseaux_porteurs",
}


def count(table: Table, rows: Rows, names: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """For each facet named, how many of `rows` hold each value; most frequent first, then by value."""
    found = {}
    for name in names:
        counts = table.sets[_COLUMN[name]].counts(rows)
        ranked = sorted((-number, value) for value, number in counts.items() if _kept(name, value))
        found[name] = {value: -number for number, value in ranked}
    return found


def _kept(name: str, value: str) -> bool:
    """The column of themes holds their categories as well."""
    if name == "thematiques":
        return "--" in value
    return name != "categories" or "--" not in value
