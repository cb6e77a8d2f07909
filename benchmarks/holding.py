"""What it takes to hold the public stream of another node, without the way to it: pages of 500 events of 0.6 kB are
proved, kept, applied by the directory and put into the feed, on SQLite and on PostgreSQL; how much of that time is
verifying and hashing; and how two holders of 100,000 records find that these are equal, or which ten are not.
The bare library here is the database's own driver: it inserts the same bytes, 500 to a commit.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.common import median
from benchmarks.figure import Figure, beside, duration
from deploy.servers import PrivatePostgres
from deploy.tenants import plain_url
from services.directory import events, others
from services.federation import store
from services.federation.reading import SNAPSHOT, Reader, fresh
from services.federation.taking import Taker
from services.kernel import envelope, equality
from services.kernel.applier import Event, Handlers
from services.kernel.bulk import insert_many
from services.kernel.catchup import Head, Page
from services.kernel.checkpoint import bucket_of
from services.kernel.database import Database
from services.kernel.envelope import Header
from services.kernel.follow import Follower
from services.kernel.identity import Keyring
from services.kernel.migrate import migrate
from services.kernel.parking import Parking
from tests.federation.homes import Home

EVENTS, PAGE, ROUNDS = 5_000, 500, 3
RECORDS, DIFFERING = 100_000, 10
SHARE_MOST = 0.15


def run(full: bool) -> list[Figure]:
    """Events a second, shares of time, seconds, bytes."""
    home = _home()
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{folder}/{number}.sqlite3" for number in range(2 * ROUNDS)]
        figures += _held(home, "SQLite", urls, _bare_sqlite(home, Path(folder) / "bare.sqlite3"))
        figures += _equality(Path(folder))
    with PrivatePostgres() as postgres:
        urls = [postgres.fresh_database() for _ in range(2 * ROUNDS)]
        figures += _held(home, "PostgreSQL", urls, _bare_postgres(home, postgres.fresh_database()))
    return figures


def _home() -> Home:
    home = Home.of("mesures")
    for number in range(EVENTS):
        home.says(number, presentation_resume="Accueil et orientation. " * 8, longitude=-1.55362, latitude=47.21837)
        if number % 1_000 == 999:
            home.checkpoint()
    return home


def _held(home: Home, name: str, urls: list[str], bare: float) -> list[Figure]:
    """Of each way to read: events a second, and the share of proofs in its time."""
    figures = []
    for way, pages, places in (("log", home.events, urls[:ROUNDS]), ("snapshot", home.snapshot(), urls[ROUNDS:])):
        lines = [b"\n".join(event.body() for event in pages[at : at + PAGE]) for at in range(0, len(pages), PAGE)]
        rates, shares = [], []
        for url in places:
            with _timed_proofs() as proofs:
                taken_s = _hold(url, home, lines, way)
            rates.append(len(pages) / taken_s)
            shares.append(proofs[0] / taken_s)
        what = f"{way} of another node, proved, kept, applied, on {name}"
        figures.append(beside(what, median(rates), "events/s", (f"{name}'s driver, insert alone", bare)))
        share = median(shares)
        figures.append(Figure(f"of which verifying and hashing, {way} on {name}", share * 100, "%",
                              f"≤ {SHARE_MOST:.0%}".replace("%", " %"), share <= SHARE_MOST))  # fmt: skip
    return figures


def _hold(url: str, home: Home, lines: list[bytes], way: str) -> float:
    """Seconds from the first page to the last record in the feed."""
    federation, directory = Database(url.replace(".sqlite3", "-f.sqlite3"), "federation"), Database(url, "directory")
    migrate(federation)
    migrate(directory)
    rest = iter(lines)

    def get(path: str, asked: dict[str, Any]) -> bytes:
        return next(rest, b"") if (path == SNAPSHOT) == (way == "snapshot") else b""

    def fetch(stream: str, epoch: int, after: int, limit: int) -> Page:
        with federation.read() as session:
            taken = store.taken(session, stream) or fresh(stream)
            found = store.after(session, stream, epoch, after, limit)
            return Page([event.body() for event in found], (epoch, after) < (taken.base_epoch, taken.base_seq))

    last = home.events[-1].header
    calls = {kind: {"other_record": _take} for kind in events.PUBLIC_PUTS | events.PUBLIC_DELETES}
    follower = Follower(directory, Handlers(calls, events.TYPES), Parking(), fetch,
                        lambda: [Head(home.stream, last.epoch, last.seq)])  # fmt: skip
    reader = Reader(federation, Taker(home.card().keyring(), events.is_told_by), get, lambda stream: None)
    began = time.perf_counter()
    reader.catch_up(home.stream, last.epoch, last.seq)
    follower.poll_heads()
    follower.apply_all()
    taken_s = time.perf_counter() - began
    with directory.read() as session:
        if session.scalar(text("SELECT count(*) FROM feed")) != EVENTS:
            raise RuntimeError("not all records are in the feed")
    federation.close()
    directory.close()
    return taken_s


def _take(session: Session, event: Event) -> None:
    """As the room's door does; no record moved home here, so that no key of another node is asked for."""
    others.take(session, event, lambda session: lambda node: None)


@contextmanager
def _timed_proofs() -> Iterator[list[float]]:
    """Seconds spent in signatures, in hashes of data and of headers (the writing of the header's bytes included)."""
    spent = [0.0]

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return work(*given, **named)
            finally:
                spent[0] += time.perf_counter() - began

        return run

    once = Header.__dict__["hash"]
    before = Keyring.check, envelope.datahash, once._work
    Keyring.check = timed(before[0])  # type: ignore[method-assign]
    envelope.datahash = timed(before[1])
    once._work = timed(before[2])
    try:
        yield spent
    finally:
        Keyring.check, envelope.datahash, once._work = before  # type: ignore[method-assign]


def _rows(home: Home) -> list[tuple[int, bytes, bytes]]:
    return [(event.header.seq, event.header.raw, event.data or b"") for event in home.events]


def _bare_sqlite(home: Home, path: Path) -> float:
    rows = _rows(home)
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE held (seq INTEGER PRIMARY KEY, header BLOB, data BLOB)")
        began = time.perf_counter()
        for at in range(0, len(rows), PAGE):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO held VALUES (?, ?, ?)", rows[at : at + PAGE])
            connection.execute("COMMIT")
        return len(rows) / (time.perf_counter() - began)


def _bare_postgres(home: Home, url: str) -> float:
    rows = _rows(home)
    with psycopg.connect(plain_url(url)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE held (seq bigint PRIMARY KEY, header bytea, data bytea)")
        connection.commit()
        began = time.perf_counter()
        for at in range(0, len(rows), PAGE):
            cursor.executemany("INSERT INTO held VALUES (%s, %s, %s)", rows[at : at + PAGE])
            connection.commit()
        return len(rows) / (time.perf_counter() - began)


def _equality(folder: Path) -> list[Figure]:
    """Two holders of the same records, each on a database of its own; then ten of them differ."""
    here, there = (Database(f"sqlite:///{folder}/equal-{name}.sqlite3", "federation") for name in ("a", "b"))
    heads = {f"record-{number}": hashlib.sha256(str(number).encode()).hexdigest() for number in range(RECORDS)}
    changed = dict(heads) | dict.fromkeys(random.Random(1).sample(sorted(heads), DIFFERING), "0" * 64)
    for database, held in ((here, heads), (there, heads)):
        migrate(database)
        _write(database, held)
    equal_s, size, none = _compare(here, there)
    _write(there, {name: digest for name, digest in changed.items() if heads[name] != digest})
    differ_s, _, found = _compare(here, there)
    here.close()
    there.close()
    if (none, found) != (0, DIFFERING):
        raise RuntimeError(f"{none} and {found} records differ, not 0 and {DIFFERING}")
    return [
        duration(f"equality of {RECORDS:,} records, both sides", equal_s, "s", 1),
        duration("of which on the wire", size / 1_000, "kB", 50),
        duration(f"{DIFFERING} of {RECORDS:,} that differ, found by name", differ_s, "s", 3),
    ]


def _compare(here: Database, there: Database) -> tuple[float, int, int]:
    """Seconds, bytes answered, records that differ."""
    size = 0

    def level(database: Database) -> Callable[[int | None, int | None], dict[str, Any]]:
        def ask(group: int | None, bucket: int | None) -> dict[str, Any]:
            with database.read() as session:
                return equality.told(session, "held", (1, RECORDS), group, bucket)

        return ask

    def theirs(group: int | None, bucket: int | None) -> dict[str, Any]:
        nonlocal size
        answer = orjson.dumps(level(there)(group, bucket))
        size += len(answer)
        said: dict[str, Any] = orjson.loads(answer)
        return said

    began = time.perf_counter()
    found = equality.compare(level(here), theirs)
    return time.perf_counter() - began, size, len(found.differing)


def _write(database: Database, heads: dict[str, str]) -> None:
    columns = ("reach", "subject", "bucket", "hash", "live", "epoch", "seq")
    rows = [("held", name, bucket_of(name), digest, True, 1, at) for at, (name, digest) in enumerate(heads.items(), 1)]
    with database.begin() as session:
        insert_many(session, "stream_record", columns, rows,
                    "ON CONFLICT (reach, subject) DO UPDATE SET hash = excluded.hash")  # fmt: skip
