"""Counts over all that a question found, by value, for the page to offer what can be narrowed further."""

from __future__ import annotations

from collections.abc import Callable

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
_KEPT: dict[str, Callable[[str], bool]] = {
    "thematiques": lambda value: "--" in value,
    "categories": lambda value: "--" not in value,
}


def count(table: Table, rows: Rows, names: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """For each facet named, how many of `rows` hold each value; most frequent first, then by value."""
    found = {}
    for name in names:
        keep = _KEPT.get(name, lambda _: True)
        counts = table.sets[_COLUMN[name]].counts(rows)
        ranked = sorted(((value, number) for value, number in counts.items() if keep(value)), key=_most_first)
        found[name] = dict(ranked)
    return found


def _most_first(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]
