"""A room's own database: SQLite in the node's folder, or a schema of its own in PostgreSQL.

**SQLite under cooperative threads.** A busy wait would block the only thread while the lock's holder cannot run.
So one lock per file is held from before BEGIN until COMMIT returned. What yields inside is long work between its
pieces (`giving.py`), and the commit, run by an executor that the composition passes in (`deploy/node.py`; without one
the commit is plain).
`synchronous=FULL`: what was committed survives a power cut.

**PostgreSQL.** `search_path` is the room's name: four rooms share one database and never a table.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from services.kernel.errors import Unavailable

Executor = Callable[[Callable[[], Any]], Any]
WAL_TRIES, WAL_PAUSE_S = 50, 0.02
SQLITE_BUSY_MS = 5_000
_TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)"
DISK_FULL = "Le disque est plein : rien n’a été changé. Libérez de la place et recommencez."
FULL = ("disk is full", "database or disk is full", "No space left", "disk I/O error", "could not extend file")


def inline(work: Callable[[], Any]) -> Any:
    """The executor of a process without cooperative threads: run it here."""
    return work()


class Database:
    """One room's database: transactions that write, transactions that only read."""

    def __init__(self, url: str, room: str, executor: Executor = inline) -> None:
        """Opens nothing yet. `url` is SQLAlchemy's (`sqlite:///…` or `postgresql+psycopg://…`)."""
        self.room = room
        self.is_sqlite = url.startswith("sqlite")
        self._lock = threading.Lock()
        self._executor = executor
        self._owed: list[str] = []
        self.engine = _sqlite(url, executor) if self.is_sqlite else _postgres(url, room)
        self._reading = self.engine if self.is_sqlite else _of_one_moment(self.engine)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction that writes: committed at the end, rolled back on any exception.

        Raises `Unavailable` where the database is away, busy or its disk full: nothing was changed.
        """
        with self._writing(), _translated(), Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.execute(text("BEGIN IMMEDIATE"))
            with _committing(session):
                yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads, on one snapshot; what it changes is thrown away."""
        with _translated(), Session(self._reading, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.execute(text("BEGIN"))
            yield session

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        with self._lock:
            yield

    def shed(self) -> None:
        """Leave nothing of what was erased in SQLite's files: pages that were split keep copies, the journal all.

        Raises `Unavailable` where somebody reads an older state for longer than a second: the room's loop goes on.
        """
        if self.is_sqlite:
            with self._lock:
                self._owed = [_TRUNCATE, "VACUUM", _TRUNCATE]
            self.settle()

    def settle(self) -> None:
        """What `shed` has left to do, if anything. Raises `Unavailable`."""
        while self._owed:
            with self._lock, _translated(), self.engine.connect() as connection:
                if self._owed:
                    self._tidy(connection, self._owed[0])
                    self._owed = self._owed[1:]

    def _tidy(self, connection: Connection, what: str) -> None:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")  # waiting inside SQLite, the reader could not go on
        try:
            if what != _TRUNCATE:
                self._executor(partial(connection.exec_driver_sql, what))
                return
            for _ in range(WAL_TRIES):
                if not connection.exec_driver_sql(what).one()[0]:
                    return
                time.sleep(WAL_PAUSE_S)
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
        raise Unavailable("Quelqu’un lit encore l’état d’avant : réessayez dans un instant.")

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


@contextmanager
def _committing(session: Session) -> Iterator[None]:
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig)
        if any(sign in reason for sign in FULL):
            raise Unavailable(DISK_FULL) from error
        if _is_passing(error):
            raise Unavailable(f"La base de données ne répond pas ({reason.splitlines()[0]}).") from error
        raise


def _is_passing(error: DBAPIError) -> bool:
    """Whether it may work later. SQLite calls a wrong statement, too, "operational"."""
    if error.connection_invalidated:
        return True
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlite_errorcode", 0) != sqlite3.SQLITE_ERROR


def _of_one_moment(engine: Engine) -> Engine:
    """PostgreSQL would otherwise show each statement of a transaction another state."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _sqlite(url: str, executor: Executor) -> Engine:
    class Connection(sqlite3.Connection):
        """Commits in the executor: an fsync must not stop every other greenlet."""

        def commit(self) -> None:
            executor(partial(sqlite3.Connection.commit, self))

    engine = create_engine(
        url,
        connect_args={
            "factory": Connection,
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": SQLITE_BUSY_MS / 1000,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        _to_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _to_wal(connection: Any) -> None:
    """SQLite answers at once, whatever its timeout, where two processes make a new file so at the same moment."""
    for _ in range(WAL_TRIES - 1):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            time.sleep(WAL_PAUSE_S)
        else:
            return
    connection.execute("PRAGMA journal_mode=WAL")


def _postgres(url: str, room: str) -> Engine:
    return create_engine(
        url,
        pool_size=12,
        max_overflow=8,
        connect_args={"options": f"-csearch_path={room}", "connect_timeout": 5, "application_name": f"maillage-{room}"},
    )
