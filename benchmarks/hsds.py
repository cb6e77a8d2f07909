"""HSDS out and in: records a second, and memory for ten times as many."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, duration, rate
from benchmarks.import_export import BATCH, SOURCE, Peak, drafts_of, import_all, sqlite_in, timed
from services.directory.formats.reading import read
from services.directory.formats.writing import write
from services.directory.service import DirectoryService
from tests.directory.formats.records import record_of
from tests.rooms import Opened

RECORDS, MANY = 10_000, 100_000


def run(full: bool) -> list[Figure]:
    """Records a second of an export, and of an import into an empty node on SQLite; peak memory of both sizes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count, export_s = timed(lambda: _export(folder / "some.json", RECORDS))
        imported, import_s = timed(lambda: _import(folder, folder / "some.json"))
        figures = [
            rate("HSDS export", count / export_s, "records/s", 3_000),
            rate("HSDS import", imported / import_s, "records/s", 800),
        ]
        packed, pack_s = timed(lambda: _export(folder / "some.zip", RECORDS))
        unpacked, unpack_s = timed(lambda: _read(folder / "some.zip"))
        figures += [
            rate("HSDS tables, export", packed / pack_s, "records/s", 500),
            rate("HSDS tables, reading", unpacked / unpack_s, "records/s", 500),
        ]
        if full:
            figures += [_memory(folder, "json"), _memory(folder, "zip")]
    return figures


def _read(path: Path) -> int:
    return sum(len(row.drafts) for row in read([path], source=SOURCE))


def _export(path: Path, count: int) -> int:
    records = map(record_of, itertools.islice(itertools.chain.from_iterable(drafts_of(count)), count))
    written = write("hsds", path, records)  # as tables where it is a zip
    return written.structures + written.services


def _import(folder: Path, path: Path) -> int:
    directory = Opened(DirectoryService, sqlite_in(folder), folder)
    drafts = (draft for row in read([path], source=SOURCE) for draft in row.drafts)
    batches: Iterator[Any] = iter(lambda: list(itertools.islice(drafts, BATCH)), [])
    count = 0
    for batch in batches:
        count += len(batch)
        import_all(directory, [batch])
    directory.close()
    return count


def _memory(folder: Path, extension: str) -> Figure:
    peaks = []
    for count in (RECORDS, MANY):
        path = folder / f"{count}.{extension}"
        with Peak() as peak:
            _export(path, count)
            _read(path)
        peaks.append(peak.mb)
    return duration(
        f"HSDS out and in ({extension}), memory of 100,000 to that of 10,000", peaks[1] / peaks[0], "×", 1.25
    )
