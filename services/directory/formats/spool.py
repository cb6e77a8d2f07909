"""Rows of many tables, kept on the disk while they are gathered: memory stays flat however many there are."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

_SCHEMA = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -8192;
    CREATE TABLE row (n INTEGER PRIMARY KEY, tab TEXT, id TEXT, cells BLOB, beyond BLOB, within TEXT, digest BLOB);
    CREATE UNIQUE INDEX row_id ON row (tab, id);
    CREATE TABLE loose (n INTEGER, tab TEXT, col TEXT, to_tab TEXT, to_id TEXT);
"""


@dataclass(slots=True)
class Stored:
    """A row: its cells, what they cannot say, the columns by which it stands in others, a digest of the whole thing."""

    cells: dict[str, Any]
    beyond: dict[str, Any]
    within: list[str]
    digest: bytes


class Spool:
    """Rows by table and identifier, in the order in which they came; a context manager.

    Args:
        folder: where the file stands while it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=".maillage-", dir=folder)
        self._db = sqlite3.connect(Path(self._folder.name) / "rows", isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")
        self._beside: dict[str, dict[str, None]] = {}

    def beside(self, table: str) -> dict[str, None]:
        """The columns of a table that the standard does not know, in the order in which they came; to be added to."""
        return self._beside.setdefault(table, {})

    def find(self, table: str, identifier: str) -> Stored:
        """The row of that identifier, which is there."""
        found = self._db.execute(
            "SELECT cells, beyond, within, digest FROM row WHERE tab = ? AND id = ?", (table, identifier)
        ).fetchone()
        return Stored(orjson.loads(found[0]), orjson.loads(found[1]), found[2].split(), found[3])

    def put(self, table: str, identifier: str, row: Stored, loose: list[tuple[str, str, str]]) -> bool:
        """Put a row, unless there is one of that identifier; whether it was put.

        Args:
            loose: columns of it that name rows of which nobody knows yet whether they come: column, table, identifier.
        """
        put = self._db.execute(
            "INSERT OR IGNORE INTO row (tab, id, cells, beyond, within, digest) VALUES (?, ?, ?, ?, ?, ?)",
            (table, identifier, *_written(row), row.digest),
        )
        if not put.rowcount:
            return False
        at = put.lastrowid
        if loose:
            self._db.executemany("INSERT INTO loose VALUES (?, ?, ?, ?, ?)", [(at, table, *each) for each in loose])
        return True

    def replace(self, table: str, identifier: str, row: Stored) -> None:
        """Write a row anew."""
        self._db.execute(
            "UPDATE row SET cells = ?, beyond = ?, within = ? WHERE tab = ? AND id = ?",
            (*_written(row), table, identifier),
        )

    def dangling(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Columns that name what is not there: table and identifier of the row, column, table and identifier named."""
        yield from self._db.execute(
            "SELECT row.tab, row.id, col, to_tab, to_id FROM loose JOIN row USING (n) WHERE NOT EXISTS "
            "(SELECT 1 FROM row AS other WHERE other.tab = to_tab AND other.id = to_id)"
        ).fetchall()

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self._db.execute("SELECT count(*) FROM row WHERE tab = ?", (table,)).fetchone()[0])

    def has_beyond(self, table: str) -> bool:
        """Whether the columns of any row of a table cannot say all that it says."""
        return self._db.execute("SELECT 1 FROM row WHERE tab = ? AND beyond != '{}'", (table,)).fetchone() is not None

    def rows(self, table: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """The cells of each row of a table, with what they cannot say."""
        for cells, beyond in self._db.execute("SELECT cells, beyond FROM row WHERE tab = ? ORDER BY n", (table,)):
            yield orjson.loads(cells), orjson.loads(beyond)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()


def _written(row: Stored) -> tuple[bytes, str, str]:
    return orjson.dumps(row.cells), orjson.dumps(row.beyond).decode(), " ".join(row.within)
