"""Objects of HSDS as rows of its tables, so that the same objects can be made of the rows again.

Each object is one row; what stands in it are rows of their own, tied by identifiers. What the columns of a row cannot
say (a value of another type, an object that nobody knows, a thing without identifier) is in its column
`maillage_json`, an object of:

| name | holds |
|---|---|
| `values` | what the object says and its columns do not, or say otherwise: name → value |
| `added` | columns filled for the tables' sake, which the object does not have |
| `bare` | identifiers that the object gives without the thing: it is not to be put in |
| `in` | columns by which the row stands in other objects, where not all that are filled do |

A text under a name that the standard does not know is a column of that name, and comes back as such.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import uuid5

import orjson

from services.directory.formats import hsds
from services.directory.formats.hsds import NAMESPACE
from services.directory.formats.hsds_tables import ANYWHERE, BEYOND, TABLES, Table, link_of
from services.directory.formats.spool import Spool, Stored

SHARED: Final[dict[str, Any]] = {}
"""Stands for a thing that has a row of its own and is only named here: by identity, not by what it holds."""
VALUE_TERM: Final = str(uuid5(NAMESPACE, "maillage/valeur"))
"""The term of attributes that have none: the tables of the standard want one."""
_VALUE: Final = {
    "id": VALUE_TERM, "code": "valeur", "name": "Valeur", "taxonomy": "maillage", "language": "fr",
    "description": "Ce qu’un attribut dit par sa valeur, sans terme.",
}  # fmt: skip
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
COLUMNS_BESIDE: Final = 100
"""How many columns that the standard does not know a table may have; what is beyond is in `maillage_json`."""
Object = Mapping[str, Any]


class Link(NamedTuple):
    """Where an object stands: in which one of which table, under what name, at which place of the list."""

    parent: str
    id: str
    name: str
    place: int


class Rows:
    """Makes rows of objects and puts them into a spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._met: dict[tuple[str, str], bytes] = {}

    def add(self, name: str, said: Object, link: Link | None = None) -> str:
        """The rows of an object of the table `name` and of all that stands in it; the identifier of its own row."""
        table = TABLES[name]
        digest = _digest(said)
        given = said.get("id")
        identifier = given if isinstance(given, str) and given else _made(table, link, digest)
        if link is None and self._met.get((name, identifier)) == digest:
            return identifier
        row = _Row(table, said)
        inside = list(self._cells(row, link))
        stored, fresh = self._put(row, identifier, digest, link)
        if link is None and len(self._met) < 5_000:
            self._met[name, identifier] = digest if stored == identifier else b""
        for word in inside if fresh else ():
            for place, each in enumerate(said[word]):
                self.add(table.nests[word], each, Link(name, stored, word, place))
        return stored

    def _cells(self, row: _Row, link: Link | None) -> Iterator[str]:
        """Fill the cells of a row; the names of the lists whose objects are rows of their own."""
        for name, value in row.said.items():
            if name == "id":
                continue
            if name in row.table.nests and _objects(value):
                yield name
            elif name in row.table.names and isinstance(value, dict):
                if value is not SHARED:
                    row.force(row.table.names[name], self.add(_target(row.table, name), value))
                    row.tied.add(row.table.names[name])
            else:
                self._say(row, name, value)
        for name, column in row.table.names.items():
            if column in row.cells and name not in row.said and not self._is_ours(row.cells[column]):
                row.beyond.setdefault("bare", []).append(name)
        if row.table.name == "attribute" and "taxonomy_term_id" not in row.cells:
            row.cells["taxonomy_term_id"] = self.add("taxonomy_term", _VALUE)
            row.tied.add("taxonomy_term_id")
        if link is not None:
            row.force(link_of(row.table.name, link.parent), link.id)
            if row.table.name in ANYWHERE:
                row.force(ANYWHERE[row.table.name][2], link.parent)

    def _is_ours(self, identifier: str) -> bool:
        """Whether it is one of our taxonomies, which then has its row."""
        ours = hsds.taxonomies().get(identifier)
        return ours is not None and self.add("taxonomy", ours) == identifier

    def _say(self, row: _Row, name: str, value: Any) -> None:
        kind = row.table.columns.get(name)
        if (kind is not None and name not in row.cells and _fits(kind, value)) or (
            kind is None and isinstance(value, str) and value and self._has_column(row.table, name)
        ):
            row.cells[name] = value
        elif kind is None or name not in row.cells or row.cells[name] != value:
            row.beyond.setdefault("values", {})[name] = value

    def _has_column(self, table: Table, name: str) -> bool:
        """Whether a name that the standard does not know is, or becomes, a column of a table."""
        if name in self._spool.beside(table.name):
            return True
        taken = name in table.nests or name in table.names or name == BEYOND
        if taken or not _COLUMN.fullmatch(name) or len(self._spool.beside(table.name)) >= COLUMNS_BESIDE:
            return False
        self._spool.beside(table.name)[name] = None
        return True

    def _put(self, row: _Row, identifier: str, digest: bytes, link: Link | None) -> tuple[str, bool]:
        """Put a row under its identifier, or another where that is of something else; whether it was not there yet."""
        column = link_of(row.table.name, link.parent) if link else ""
        for other in (False, True):
            own = _made(row.table, link, digest) if other else identifier
            row.force("id", own)
            if self._spool.put(row.table.name, own, row.stored(digest, column), row.loose(column)):
                return own, True
            before = self._spool.find(row.table.name, own)
            if before.digest == digest and (link is None or self._stands(before, row, column)):
                self._spool.replace(row.table.name, own, _marked(row.table, before))
                return own, False
        return own, False

    def _stands(self, before: Stored, row: _Row, column: str) -> bool:
        """Note that a row stands in one more object, if the thing itself says that it does."""
        if column in before.within or row.said.get(column) != row.cells[column]:
            return False
        before.within.append(column)
        return True


class _Row:
    """A row in the making: what the object says, its cells, and what they cannot say."""

    def __init__(self, table: Table, said: Object) -> None:
        self.table, self.said = table, said
        self.cells: dict[str, Any] = {}
        self.beyond: dict[str, Any] = {}
        self.tied: set[str] = set()
        """Columns that name a row which is there."""

    def force(self, column: str, value: str) -> None:
        """Fill a column, whatever the object says there; that it said otherwise, or nothing, is noted."""
        self.cells[column] = value
        added, values = self.beyond.get("added", []), self.beyond.get("values", {})
        if column not in self.said:
            self.beyond["added"] = [*(each for each in added if each != column), column]
        elif self.said[column] != value:
            self.beyond["values"] = values | {column: self.said[column]}
        else:
            values.pop(column, None)

    def stored(self, digest: bytes, column: str) -> Stored:
        return _marked(self.table, Stored(self.cells, self.beyond, [column] if column else [], digest))

    def loose(self, column: str) -> list[tuple[str, str, str]]:
        """Columns that name a row of which nothing says yet that it is there: column, table, identifier."""
        return [(name, to, self.cells[name]) for name, to in self.table.refers.items()
                if name in self.cells and name != column and name not in self.tied]  # fmt: skip


def _marked(table: Table, stored: Stored) -> Stored:
    filled = sorted(column for column in table.within if column in stored.cells)
    stored.beyond.pop("in", None)
    if filled != sorted(column for column in stored.within if column in table.within):
        stored.beyond["in"] = sorted(stored.within)
    if not stored.beyond.get("values", True):
        del stored.beyond["values"]
    return stored


def _fits(kind: str, value: Any) -> bool:
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, str) and value != ""


def _objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _target(table: Table, name: str) -> str:
    return table.refers[table.names[name]]


def _digest(said: Object) -> bytes:
    return blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _made(table: Table, link: Link | None, digest: bytes) -> str:
    """An identifier for what has none, or whose own is another's: the same each time."""
    of = "/".join(map(str, link)) if link else digest.hex()
    return str(uuid5(NAMESPACE, f"{table.name}/{of}"))
