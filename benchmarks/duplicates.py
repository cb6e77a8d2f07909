"""Duplicates: how well labelled pairs are told, how long 100,000 structures take from nothing, and one change."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import insert

from benchmarks import pairs
from benchmarks.figure import Figure, duration, rate
from benchmarks.import_export import DATA
from services.directory import duplicates, store_pairs
from services.directory.asides import Other
from services.directory.model import Record, content_of, words_of
from services.kernel.database import Database
from services.kernel.migrate import migrate

STRUCTURES, SOME, BATCH, CHANGES = 100_000, 10_000, 2_000, 50
AT_MOST_S, CHANGE_MS, MEMORY_MB = 300, 50, 300


def run(full: bool) -> list[Figure]:
    """Precision and recall of the half that set no weight; seconds, milliseconds and megabytes on SQLite."""
    count = STRUCTURES if full else SOME
    held_out = pairs.measure(pairs.labelled(DATA)[1::2])
    figures = [
        rate("duplicates: precision on held-out pairs", held_out.precision, "", 0.95),
        rate("duplicates: recall on held-out pairs", held_out.recall, "", 0.90),
    ]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/directory.sqlite3", "directory")
        migrate(database)
        _fill(database, count)
        began = time.perf_counter()
        while _compare(database):
            pass
        figures.append(duration(f"duplicates among {count:,} structures, from nothing", time.perf_counter() - began,
                                "s", AT_MOST_S * count / STRUCTURES))  # fmt: skip
        figures.append(duration("of which memory at most", _memory_mb(), "MB", MEMORY_MB))
        figures.append(duration("one change compared, p95", _changes_ms(database), "ms", CHANGE_MS))
        database.close()
    return figures + _between_nodes(count)


def _between_nodes(count: int) -> list[Figure]:
    """The structures of another node compared with a tenth as many of ours, then one change of theirs."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/directory.sqlite3", "directory")
        migrate(database)
        _fill(database, count // 10)
        while _compare(database):
            pass
        others = [_of_another(row) for row in _rows(count)]
        for start in range(0, count, BATCH):
            with database.begin() as session:
                session.execute(insert(Other), others[start : start + BATCH])
        began = time.perf_counter()
        while _compare(database):
            pass
        taken_s = time.perf_counter() - began
        figures = [
            duration(f"duplicates: {count:,} of another node with {count // 10:,} of ours", taken_s, "s",
                     AT_MOST_S * count / STRUCTURES),
            duration("one change of another node compared, p95", _changes_ms(database, Other), "ms", CHANGE_MS),
        ]  # fmt: skip
        database.close()
    return figures


def _of_another(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"other-{row['id']}", "kind": "structure", "home": "o", "source": row["source"],
        "source_id": row["source_id"], "version": 1, "epoch": 1, "term": 0, "state": "shown", "header": b"",
        "signature": b"", "data": row["content"], "matched": False,
    }  # fmt: skip


def _compare(database: Database) -> int:
    with database.begin() as session:
        return duplicates.compare_some(session)


def _fill(database: Database, count: int) -> None:
    rows: list[dict[str, Any]] = []
    for row in _rows(count):
        rows.append(row)
        if len(rows) == BATCH:
            _write(database, rows)
            rows = []
    if rows:
        _write(database, rows)


def _write(database: Database, rows: list[dict[str, Any]]) -> None:
    with database.begin() as session:
        session.execute(insert(Record), rows)


def _rows(count: int) -> Iterator[dict[str, Any]]:
    for number, fields in enumerate(pairs.many(DATA, count)):
        yield {
            "id": f"{number:08d}", "kind": "structure", "home": "h", "source": f"s{number % 7}",
            "source_id": str(number), "version": 1, "status": "submitted", "changed": "", "changed_at": "t",
            "reason": "", "trust": b"{}", "content": content_of({"fields": fields}), "words": words_of(fields),
            "matched": False,
        }  # fmt: skip


def _changes_ms(database: Database, table: type[Record] | type[Other] = Record) -> float:
    taken = []
    for number in range(CHANGES):
        with database.begin() as session:
            name = f"{'' if table is Record else 'other-'}{number * 97:08d}"
            session.get_one(table, name).matched = False
        began = time.perf_counter()
        _compare(database)
        taken.append((time.perf_counter() - began) * 1_000)
    with database.read() as session:
        if store_pairs.unmatched_count(session):
            raise RuntimeError("a change was not compared")
    return sorted(taken)[int(CHANGES * 0.95)]


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
