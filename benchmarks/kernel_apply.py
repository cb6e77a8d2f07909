"""Inbox and apply on PostgreSQL: signed events of 1 kB are inserted in batches of 500 as the receiver does (checked,
committed), then applied in order by a handler that upserts a row of its own. Beside it psycopg does the same upserts,
one statement an event, a commit every 500. The table holds 10,000 rows, and with `--full` also 1,000,000.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.common import median
from benchmarks.figure import Figure, beside, rate
from deploy.servers import PrivatePostgres
from deploy.tenants import plain_url
from services.kernel.announce import NewEvent
from services.kernel.applier import Applier, Event, Handlers
from services.kernel.database import Database
from services.kernel.identity import Identity
from services.kernel.inbox import receive
from services.kernel.log import EventLog
from services.kernel.migrate import migrate
from services.kernel.parking import Parking
from services.kernel.relay import after
from services.kernel.sequencer import Sequencer
from services.kernel.witness import Witness

NODE = Identity.from_seed(b"b" * 32)
STREAM = f"{NODE.name}/writer/shared"
CHANGED = "writer.thing.changed.v1"
BATCH = 500
ROUNDS = 5
_UPSERT = (
    "INSERT INTO thing (id, version, data) VALUES ({0}, {1}, {2})"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, data = excluded.data"
)
UPSERT = text(_UPSERT.format(":id", ":version", ":data"))
BARE_UPSERT = _UPSERT.format("%s", "%s", "%s")


def run(full: bool) -> list[Figure]:
    """Events per second among 10,000 rows, and among 1,000,000."""
    events = 4_000 if full else 2_000
    with PrivatePostgres() as postgres:
        small, bare = _measure(postgres, 10_000, events)
        figures = [
            rate("inbox + apply, 10,000 rows", small, "events/s", 2_500),
            beside("the same beside bare upserts", small, "events/s", ("psycopg, upsert alone", bare)),
        ]
        if full:
            large, _ = _measure(postgres, 1_000_000, events)
            figures.append(
                beside("inbox + apply, 1,000,000 rows", large, "events/s", ("10,000 rows", small), least=0.8)
            )
    return figures


def _measure(postgres: PrivatePostgres, rows: int, events: int) -> tuple[float, float]:
    """Median events per second of ours and of the bare upserts."""
    bodies = _bodies(postgres.fresh_database(), rows, events * (ROUNDS + 1))
    url = postgres.fresh_database()
    database = Database(url, "follower")
    migrate(database)
    with database.begin() as session:
        session.execute(text("CREATE TABLE thing (id text PRIMARY KEY, version int NOT NULL, data text NOT NULL)"))
        filled = text("INSERT INTO thing SELECT 'thing-' || n, 0, repeat('x', 1000) FROM generate_series(1, :n) AS n")
        session.execute(filled, {"n": rows})
    _vacuum(url)
    applier = Applier(database, Handlers({CHANGED: {"upsert": _upsert}}, frozenset({CHANGED})), Parking())
    ours, bare = [], []
    for number in range(ROUNDS + 1):
        part = bodies[number * events : (number + 1) * events]
        taken_s, bare_s = _ours(database, applier, part), _bare(url, rows, events)
        if number:  # the first round warms up
            ours.append(events / taken_s)
            bare.append(events / bare_s)
    database.close()
    return median(ours), median(bare)


def _upsert(session: Session, event: Event) -> None:
    row = {"id": event.subject, "version": event.recordversion, "data": event.data["description"]}
    session.execute(UPSERT, row)


def _bodies(url: str, rows: int, events: int) -> list[bytes]:
    """Signed events of one stream about random subjects among `rows`, as they travel."""
    database = Database(url, "writer")
    migrate(database)
    log, rnd = EventLog(), random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        sequencer = Sequencer(database, "writer", NODE, Witness(Path(folder) / "witness.json"))
        sequencer.recover()
        for _ in range(0, events, BATCH):
            with database.begin() as session:
                log.append(session, *(_event(rnd.randint(1, rows)) for _ in range(BATCH)))
        while sequencer.run_once():
            pass
    with database.read() as session:
        found = [signed.body() for signed in after(session, "shared", 0, 0, events * 2)]
    database.close()
    return found


def _event(number: int) -> NewEvent:
    data: dict[str, Any] = {"id": number, "description": "x" * 1_000}
    return NewEvent(CHANGED, f"thing-{number}", 1, data)


def _ours(database: Database, applier: Applier, bodies: list[bytes]) -> float:
    began = time.perf_counter()
    for begin in range(0, len(bodies), BATCH):
        with database.begin() as session:
            receive(session, bodies[begin : begin + BATCH], frozenset({STREAM}))
        while applier.run_once(STREAM).count:
            pass
    return time.perf_counter() - began


def _bare(url: str, rows: int, events: int) -> float:
    rnd = random.Random(2)
    with psycopg.connect(plain_url(url), options="-csearch_path=follower") as connection:
        began = time.perf_counter()
        for number in range(1, events + 1):
            connection.execute(BARE_UPSERT, (f"thing-{rnd.randint(1, rows)}", number, "x" * 1_000))
            if number % BATCH == 0:
                connection.commit()
        connection.commit()
        return time.perf_counter() - began


def _vacuum(url: str) -> None:
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE follower.thing")
