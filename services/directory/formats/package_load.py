"""The tables of a package on the disk, row by row, so that what belongs together can be found: memory stays flat."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, NamedTuple

import orjson

from services.directory.formats import sniff
from services.directory.formats.cells import bare
from services.directory.formats.drafts import problem
from services.directory.formats.hsds_tables import ANYWHERE, BEYOND, TABLES, Table
from services.directory.formats.package_zip import Entry, Package, refused
from services.kernel.errors import Problem

SCHEMA: Final = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -8192;
    CREATE TABLE row (n INTEGER PRIMARY KEY, tab TEXT, id TEXT, line INTEGER, said BLOB, beyond BLOB, told BLOB);
    CREATE TABLE link (parent_tab TEXT, parent TEXT, n INTEGER);
"""
INDEXES: Final = """
    CREATE INDEX row_id ON row (tab, id);
    CREATE INDEX link_parent ON link (parent, n);
"""
NEEDED: Final = {"organization": ("id", "name"), "service": ("id", "organization_id", "name")}
"""Columns without which there is nothing to read."""
CELL_CHARS: Final = 1 << 22
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_BEYOND_NAMES: Final = {"values": dict, "added": list, "bare": list, "in": list}


class Told(NamedTuple):
    """What is wrong with a row (`faults` refuse it) or odd about it (`notes`)."""

    faults: list[Problem]
    notes: list[Problem]


def load(package: Package, db: sqlite3.Connection) -> None:
    """Fill a database with all rows. Raises `ValidationError` for a file that cannot be read to its end."""
    db.executescript(SCHEMA)
    db.execute("BEGIN")
    number = 0
    for entry in package.entries:
        for line, said, beyond, told in _rows(package.archive, entry):
            number += 1
            written = [orjson.dumps(each) if each else None for each in (beyond, tuple(told) if any(told) else None)]
            db.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?)",
                       (number, entry.table.name, said.get("id", ""), line, orjson.dumps(said), *written))  # fmt: skip
            if not told.faults:
                links = [(*each, number) for each in _links(entry.table, said, beyond)]
                db.executemany("INSERT INTO link VALUES (?, ?, ?)", links) if links else None
    db.execute("COMMIT")
    db.executescript(INDEXES)


def first_source(package: Package) -> str:
    """The source that the package says its records are of, where we wrote it."""
    for entry in package.entries:
        if entry.table.name == "attribute":
            for _, said, _, _ in _rows(package.archive, entry):
                if said.get("label") == "maillage:source":
                    return str(said.get("value") or "")
    return ""


def _links(table: Table, said: dict[str, Any], beyond: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """In which objects a row stands: table (empty where nothing says it) and identifier."""
    if table.name in ANYWHERE:
        _, column, of = ANYWHERE[table.name]
        if column in said:
            yield (said[of] if said.get(of) in TABLES else ""), said[column]
        return
    for column, to in table.within.items():
        if column in said and column in beyond.get("in", (column,)):
            yield to, said[column]


def _rows(archive: zipfile.ZipFile, entry: Entry) -> Iterator[tuple[int, dict[str, Any], dict[str, Any], Told]]:
    """The rows of a table that are not blank: first line, cells that are filled, what is beyond them, what is wrong."""
    with _table(archive, entry) as rows:
        header = [name.strip() for name in next(rows, [])]
        _check_header(entry, header)
        width, before = len(header), rows.line_num
        for cells in rows:
            line, before = before + 1, rows.line_num
            if not any(cells):
                continue
            said = {name: bare(cell) for name, cell in zip(header, cells, strict=False) if cell}
            told = Told(_faults(entry, line, said, cells[width:]), [])
            beyond = _beyond(said)
            for name, kind in entry.table.columns.items():
                if kind == "number" and name in said:
                    said[name] = _number(entry, line, name, said[name], told)
            yield line, said, beyond, told


@contextmanager
def _table(archive: zipfile.ZipFile, entry: Entry) -> Iterator[Any]:
    """A reader of the rows of a table. Its length of cells is the library's own, of all readers: set back after."""
    encoding = "utf-8-sig" if entry.encoding in (None, "utf-8", "UTF-8") else str(entry.encoding)
    before = csv.field_size_limit()
    rows: Any = None
    try:
        with archive.open(entry.info) as raw:
            separator = entry.separator or _separator(raw, encoding)
        with archive.open(entry.info) as raw, io.TextIOWrapper(raw, encoding, newline="") as file:
            csv.field_size_limit(CELL_CHARS)
            rows = csv.reader(file, delimiter=separator[:1], strict=True)
            yield rows
    except csv.Error as error:
        why = f"Le tableau ne se lit plus à partir d'ici ({error})."
        remedy = 'Refermez le guillemet, ou doublez-le ("") dans le texte.'
        raise refused(entry.name, "file.csv", why, remedy, rows.line_num if rows else None) from error
    except (UnicodeError, LookupError) as error:
        line = rows.line_num + 1 if rows else None
        why = f"Le fichier ne se lit pas en {entry.encoding or 'UTF-8'}."
        raise refused(entry.name, "file.encoding", why, "Enregistrez-le en CSV UTF-8.", line) from error
    finally:
        csv.field_size_limit(before)


def _separator(raw: IO[bytes], encoding: str) -> str:
    return sniff.separator(raw.read(sniff.SAMPLE_BYTES).decode(encoding, "replace"))


def _check_header(entry: Entry, header: list[str]) -> None:
    for name in NEEDED.get(entry.table.name, ()):
        if name not in header:
            found = ", ".join(header[:8]) or "aucune"
            why, remedy = (
                f"Il manque la colonne « {name} » (colonnes : {found}).",
                "Ajoutez-la, comme HSDS 3.1 la nomme.",
            )
            raise refused(entry.name, "file.columns", why, remedy, 1)
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice:
        raise refused(entry.name, "file.columns", f"La colonne « {twice} » est deux fois.", "Gardez-en une.", 1)


def _faults(entry: Entry, line: int, said: dict[str, Any], excess: list[str]) -> list[Problem]:
    faults = []
    if any(excess):
        why = "La ligne a plus de cellules que de colonnes : elles sont décalées."
        remedy = "Mettez entre guillemets la cellule qui contient le séparateur."
        faults.append(problem(line, entry.name, " | ".join(excess), "row.long", why, remedy))
        said["_excess"] = excess
    for name in NEEDED.get(entry.table.name, ()):
        if name not in said:
            why = "Cette cellule est vide, et HSDS la veut remplie."
            faults.append(problem(line, f"{entry.name} : {name}", "", "hsds.required", why, "Remplissez-la."))
    return faults


def _beyond(said: dict[str, Any]) -> dict[str, Any]:
    """What a row says beyond its columns, taken out of its cells; a text of another making stays where it is."""
    try:
        found = orjson.loads(said.get(BEYOND, ""))
    except ValueError:
        return {}
    if not isinstance(found, dict) or not all(
        isinstance(value, _BEYOND_NAMES.get(name, type(None))) for name, value in found.items()
    ):
        return {}
    del said[BEYOND]
    return found


def _number(entry: Entry, line: int, name: str, cell: str, told: Told) -> Any:
    if _NUMBER.fullmatch(cell) and len(cell) < 40:
        value: Any = orjson.loads(cell)
        return value
    why = "Ce n'est pas un nombre : il est gardé comme il est écrit."
    remedy = "Écrivez-le en chiffres, avec un point pour les décimales."
    told.notes.append(problem(line, f"{entry.name} : {name}", cell, "hsds.number", why, remedy))
    return cell
