"""Exports as JSON: lists and lines of both standards, and the features of a map. One record after the other."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import orjson

from services.directory.formats import geojson, hsds
from services.directory.formats.data_inclusion import Record
from services.directory.formats.exported import KINDS, Row, Say, Written, pour, row_of
from services.directory.formats.ids import split_di_id
from services.directory.formats.whole import one, two, whole


def data_inclusion(out: Path, records: Iterable[Record]) -> Written:
    """`{"structures": […], "services": […]}` to a `.json` file; lines to `.jsonl`; a list a file to a folder."""
    return _objects(out, records, ("structures", "services"), lambda record, row: row)


def hsds_objects(out: Path, records: Iterable[Record]) -> Written:
    """The same of HSDS 3.1, its lists `organizations` and `services`."""
    return _objects(out, records, ("organizations", "services"), hsds_object, "hsds-")


def features(out: Path, records: Iterable[Record]) -> Written:
    """One GeoJSON collection of all records that have a name, with all that tables have as columns."""
    paths = [out] if out.suffix.lower() == ".json" else one(out, "annuaire", "geojson")
    with whole(paths) as [partial], partial.open("wb") as file:
        return pour(records, _Features(file), Written(paths), row_of)


def hsds_object(record: Record, row: Row) -> Row:
    """A record as an organization, or as a service without it, given its data·inclusion item."""
    if record["kind"] == "structure":
        return hsds.organization(record)
    structure = split_di_id(record["source"], row["structure_id"])
    return hsds.service({**record, "structure_source_id": structure}, None)


def _objects(out: Path, records: Iterable[Record], names: tuple[str, str], say: Say, before: str = "") -> Written:
    if out.suffix.lower() == ".json":
        return _one_file(out, records, names, say)
    paths = two(out, "jsonl" if out.suffix else "json", (before + names[0], before + names[1]))
    with whole(paths) as partial, ExitStack() as files:
        opened = [files.enter_context(path.open("wb")) for path in partial]
        return pour(records, _Lines(opened) if out.suffix else _Lists(opened), Written(paths), say)


def _one_file(out: Path, records: Iterable[Record], names: tuple[str, str], say: Say) -> Written:
    """Services wait in a file beside until the last structure is written."""
    with whole([out]) as [partial], partial.open("wb") as file, TemporaryFile(dir=partial.parent) as waiting:
        file.write(b'{"%s":' % names[0].encode())
        written = pour(records, _Lists([file, waiting]), Written([out]), say)
        file.write(b',"%s":' % names[1].encode())
        waiting.seek(0)
        shutil.copyfileobj(waiting, file, 1 << 20)
        file.write(b"}\n")
    return written


class _Lines:
    """Items as JSON lines, structures to the first file, services to the second."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self._file_of = dict(zip(KINDS, files, strict=True))

    def put(self, record: Record, row: Row) -> None:
        self._file_of[record["kind"]].write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def end(self) -> None:
        """Lines need no end."""


class _Lists:
    """The same as JSON lists, an item a line."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self._file_of = dict(zip(KINDS, files, strict=True))
        self._before = dict.fromkeys(KINDS, b"[\n")

    def put(self, record: Record, row: Row) -> None:
        kind = record["kind"]
        self._file_of[kind].write(self._before[kind] + orjson.dumps(row))
        self._before[kind] = b",\n"

    def end(self) -> None:
        for kind, file in self._file_of.items():
            file.write(b"[]\n" if self._before[kind] == b"[\n" else b"\n]\n")


class _Features:
    """Features of both kinds in one collection."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._before = b'{"type":"FeatureCollection","features":[\n'

    def put(self, record: Record, row: Row) -> None:
        self._file.write(self._before + orjson.dumps(geojson.feature(record, row)))
        self._before = b",\n"

    def end(self) -> None:
        none = self._before != b",\n"
        self._file.write((self._before if none else b"\n") + b"]}\n")
