"""Exports as the tabular package of HSDS 3.1: a zip of CSV files, one for each table that has rows, and what they are.

The description, `datapackage.json` (Frictionless Table Schema), says what the files are, not what they ought to be: a
column that the standard wants filled, or of a type, is described so where all its cells are. No cell runs anything:
see `cells`.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from services.directory.formats import hsds
from services.directory.formats.cells import guarded
from services.directory.formats.data_inclusion import Record
from services.directory.formats.exported import Row, Written, pour
from services.directory.formats.hsds_rows import SHARED, Rows
from services.directory.formats.hsds_tables import BEYOND, TABLES, Table
from services.directory.formats.spool import Spool
from services.directory.formats.whole import one, whole
from services.directory.formats.writing_json import hsds_object

DESCRIPTION: Final = "datapackage.json"
ALWAYS: Final = ("organization", "service")
_MADE_AT: Final = (1980, 1, 1, 0, 0, 0)  # the same records make the same file, to the byte
_DAY: Final = r"\d{4}-\d\d-\d\d"
_FORMS: Final = {
    "date": re.compile(_DAY), "datetime": re.compile(rf"{_DAY}T\d\d:\d\d:\d\dZ"), "time": re.compile(r"\d\d:\d\d:\d\d"),
}  # fmt: skip


def package(out: Path, records: Iterable[Record]) -> Written:
    """One `.zip` file. Rows wait in a file beside it until all are known: memory is the same for any number."""
    paths = one(out, "annuaire-hsds", "zip")
    with whole(paths) as [partial], Spool(partial.parent) as spool:
        written = pour(records, _Sink(spool), Written(paths), hsds_object)
        _write(partial, spool)
    return written


class _Sink:
    """Objects into rows, one record after the other."""

    def __init__(self, spool: Spool) -> None:
        self._rows, self._spool = Rows(spool), spool

    def put(self, record: Record, row: Row) -> None:
        table = "organization" if record["kind"] == "structure" else "service"
        self._rows.add(table, _tidied(record, row))

    def end(self) -> None:
        """Tables are written by whoever opened the spool."""


def _tidied(record: Record, said: Row) -> Row:
    """An object as the tables want it: a service at its structure's place names that place, times are whole."""
    foreign = (record.get("extra") or {}).get("hsds") or {}
    abroad = not record["fields"].get("code_insee")
    if record["kind"] == "structure":
        if not (abroad and "locations" in foreign):
            said["locations"] = [_timed(each) for each in said["locations"]]
        return said
    said = _timed(said) | {"last_modified": _utc(said["last_modified"])}
    if not (abroad and "service_at_locations" in foreign):
        said["service_at_locations"] = [_placed(record, said["service_at_locations"][0])]
    return said


def _placed(record: Record, at: Row) -> Row:
    if hsds.has_place(record):
        own = {name: value for name, value in at["location"].items() if name != "organization_id"}
        return at | {"location": own}  # else it would be one more place of the organization
    return at | {"location_id": hsds.derived(record["structure"], "location"), "location": SHARED}


def _timed(said: Row) -> Row:
    """Times of day with their seconds, as the tables have them."""
    if not said.get("schedules"):
        return {name: value for name, value in said.items() if name != "schedules"}
    times = ("opens_at", "closes_at")
    return said | {"schedules": [each | {name: f"{each[name]}:00" for name in times} for each in said["schedules"]]}


def _utc(said: str) -> str:
    return datetime.fromisoformat(said).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(path: Path, spool: Spool) -> None:
    without = _settled(spool)
    tables = [table for table in TABLES.values() if table.name in ALWAYS or spool.count(table.name)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        resources = [_resource(table, _table(archive, table, spool)) for table in tables]
        for resource in resources:
            keys = resource["schema"].pop("foreignKeys")
            there = {table.name for table in tables}
            kept = [key for key in keys if key["reference"]["resource"] in there
                    and (resource["name"], key["fields"]) not in without]  # fmt: skip
            resource["schema"] |= {"foreignKeys": kept} if kept else {}
        said = {"profile": "tabular-data-package", "name": "maillage-hsds", "title": "Annuaire, HSDS 3.1",
                "homepage": "https://docs.openreferral.org", "resources": resources}  # fmt: skip
        entry = zipfile.ZipInfo(DESCRIPTION, _MADE_AT)
        archive.writestr(entry, orjson.dumps(said, option=orjson.OPT_INDENT_2), zipfile.ZIP_DEFLATED)


def _settled(spool: Spool) -> set[tuple[str, str]]:
    """Keep what names a row that is not there beside the columns; tables and columns where that cannot be."""
    without = set()
    for name, identifier, column, to, named in spool.dangling():
        if (name, column, to) == ("service_at_location", "location_id", "location"):
            # The place of a structure that says its places otherwise, or is not exported: a place and nothing else.
            Rows(spool).add("location", {"id": named, "location_type": "physical"})
        elif column in TABLES[name].required:
            without.add((name, column))
        else:
            row = spool.find(name, identifier)
            row.beyond["values"] = {column: row.cells.pop(column)} | row.beyond.get("values", {})
            spool.replace(name, identifier, row)
    return without


class _Seen:
    """What the cells of a table turned out to be."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns
        self.filled, self.typed = dict.fromkeys(columns, True), dict.fromkeys(columns, True)


def _table(archive: zipfile.ZipFile, table: Table, spool: Spool) -> _Seen:
    """Write the CSV file of a table."""
    columns = [*table.columns, *spool.beside(table.name), *([BEYOND] if spool.has_beyond(table.name) else [])]
    seen = _Seen(columns)
    forms = {name: form for name, kind in table.columns.items() if (form := _FORMS.get(kind))}
    entry = zipfile.ZipInfo(table.file, _MADE_AT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for cells, beyond in spool.rows(table.name):
            row = cells | ({BEYOND: orjson.dumps(beyond).decode()} if beyond else {})
            for name in table.required:
                if name not in cells:
                    seen.filled[name] = False
            for name, form in forms.items():
                if name in cells and not form.fullmatch(cells[name]):
                    seen.typed[name] = False
            writer.writerow([_cell(row[name]) if name in row else None for name in columns])
    return seen


def _cell(value: Any) -> Any:
    return guarded(value) if isinstance(value, str) else orjson.dumps(value).decode()


def _resource(table: Table, seen: _Seen) -> dict[str, Any]:
    fields = [_field(table, seen, name) for name in seen.columns]
    keys = [{"fields": column, "reference": {"resource": to, "fields": "id"}} for column, to in table.refers.items()]
    return {
        "profile": "tabular-data-resource", "name": table.name, "path": table.file, "format": "csv",
        "mediatype": "text/csv", "encoding": "utf-8",
        "schema": {"fields": fields, "primaryKey": "id", "foreignKeys": keys},
    }  # fmt: skip


def _field(table: Table, seen: _Seen, name: str) -> Mapping[str, Any]:
    kind = "object" if name == BEYOND else table.columns.get(name, "string")
    constraints = {"required": True} if name in table.required and seen.filled[name] else {}
    constraints |= {"unique": True} if name == "id" else {}
    found = {"name": name, "type": kind if seen.typed[name] else "string"}
    return found | ({"constraints": constraints} if constraints else {})
