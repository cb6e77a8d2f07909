"""Exports to files, in every format, from native records; and the bulk files of a read model.

The rate is that of writing 10,000 records that are there already. Memory, with `full`, is this process's own at its
highest while it writes 100,000 records, made as they are read, beside the same for 10,000; what stays of each
structure met (its identifier, for its services) is in it. Bulk files are made as on a node, by a process of their own,
and its memory is its own too: the index that it maps is not counted. The bare libraries: csv, openpyxl and orjson
writing the same rows, without a question asked.
"""

from __future__ import annotations

import csv
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import orjson

from benchmarks.common import ROOT
from benchmarks.figure import Figure, beside, duration, rate
from benchmarks.import_export import Peak
from gateway.projection import Projector
from services.directory.formats.cells import cell_of
from services.directory.formats.exported import Items, Written, row_of
from services.directory.formats.vocabulary import COLUMNS
from services.directory.formats.writing import write
from services.kernel import settings
from tests.gateway.corpus import Corpus, lazy_fetch

SMALL, FULL = 10_000, 100_000
LEAST = {"data-inclusion": 8_000, "csv": 3_000, "geojson": 3_000, "xlsx": 500, "parquet": 3_000}
FLAT = 1.5
Record = dict[str, Any]


def run(full: bool) -> list[Figure]:
    """Rates at 10,000 records; with `full`, memory at 100,000 against 10,000, and all bulk files of 100,000."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = _memory(folder) if full else []  # first, while this process holds nothing
        return _rates(folder, list(records(SMALL))) + figures + _bulk(folder, FULL if full else SMALL)


def records(count: int) -> Iterator[Record]:
    """Native records of a synthetic directory, each structure followed by its services, as events carry them."""
    return itertools.islice(map(_loaded, Corpus(count * 3 // 4).records()), count)


def _loaded(record: Record) -> Record:
    return {**record, "languages": ["fr"], "verified_at": None, "confirmed_at": None}


def _rates(folder: Path, some: list[Record]) -> list[Figure]:
    bare = {"csv": ("csv", _bare_csv), "xlsx": ("openpyxl", _bare_workbook), "geojson": ("orjson", _bare_json)}
    figures = []
    for name, least in LEAST.items():
        found = len(some) / _seconds(lambda name=name: write(name, folder / name, some))
        figures.append(rate(f"writing {name}", found, "records/s", least))
        if name in bare:
            rows, (library, act) = _rows(some), bare[name]
            plain = len(rows) / _seconds(lambda act=act, rows=rows: act(folder / "bare", rows))
            figures.append(beside(f"writing {name}, beside {library}", found, "records/s", (library, plain)))
    return figures


def _memory(folder: Path) -> list[Figure]:
    figures = []
    for name in LEAST:
        peaks = []
        for count in (SMALL, FULL):
            with Peak() as writing:
                write(name, folder / name, records(count))
            peaks.append(writing.mb)
        few, many = peaks
        title = f"memory writing {name}, {FULL:,} records"
        figures.append(beside(title, many, "MB", (f"{SMALL:,} records", few), most=FLAT))
    return figures


def _bulk(folder: Path, count: int) -> list[Figure]:
    """All bulk files of a read model, in the formats that the settings give by default."""
    corpus = Corpus(count * 3 // 4)
    projector = Projector(folder / "index", lazy_fetch(corpus))
    total = projector.rebuild()
    projector.close()
    settings.write(folder, settings.Node("bench", "Mesures"))
    taken_s, mb = _made(folder)
    again_s, _ = _made(folder)
    return [
        duration(f"all bulk files of {total:,} records", taken_s, "s", 120),
        duration("all bulk files, memory of their process", mb, "MB", 300),
        Figure("bulk files, where nothing changed", again_s, "s"),
    ]


def _made(folder: Path) -> tuple[float, float]:
    """Seconds that the process which makes the bulk files takes, and the most memory of its own it held, in MB."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "deploy.bulk", str(folder)], cwd=ROOT, stderr=subprocess.DEVNULL)
    with Peak(process.pid) as peak:
        code = process.wait()
    if code:
        raise RuntimeError(f"bulk files were not made: {code}")
    return time.perf_counter() - began, peak.mb


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _rows(some: Iterable[Record]) -> list[tuple[str, Record]]:
    items = Items(Written())
    made = ((record, items.of(record)) for record in some)
    return [(record["kind"], row_of(record, item)) for record, item in made if item is not None]


def _bare_csv(path: Path, rows: list[tuple[str, Record]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for kind, row in rows:
            writer.writerow([cell_of(row[name]) for name in COLUMNS[kind]])


def _bare_workbook(path: Path, rows: list[tuple[str, Record]]) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for kind, row in rows:
        sheet.append([cell_of(row[name]) for name in COLUMNS[kind]])
    book.save(path)


def _bare_json(path: Path, rows: list[tuple[str, Record]]) -> None:
    with path.open("wb") as file:
        for _, row in rows:
            file.write(orjson.dumps(row))
