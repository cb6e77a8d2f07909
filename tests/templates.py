"""Databases that are of this release already: each room is migrated once a session, and a test gets a copy.

Copying costs some 0.01 s, migrating ten times as much. What tests the migrations themselves asks for an empty database.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.tenants import drop_database, make_database
from services.kernel.database import Database
from services.kernel.migrate import migrate

TOGETHER = (("writer", "follower", "room"), ("directory", "accounts"))
"""Rooms that share a test's PostgreSQL, as those of a node do: whichever is asked for brings the others."""

_one_at_a_time = threading.Lock()
"""Nodes are made side by side, and Alembic knows one database at a time."""


def migrated_file(kept: Path, room: str, wanted: Path) -> str:
    """Put a copy of a room's migrated SQLite file where nothing is yet; its URL. `kept` holds the originals."""
    original = kept / f"{room}.sqlite3"
    with _one_at_a_time:
        if not original.exists():
            _migrate(f"sqlite:///{original}", room)
    if not wanted.exists():
        shutil.copyfile(original, wanted)
    return f"sqlite:///{wanted}"


class Templates:
    """Databases of a PostgreSQL that others are copied from; nobody stays connected to one."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._urls: dict[tuple[str, ...], str] = {}

    def copy(self, room: str) -> str:
        """A new database in which a room, and those beside it, are migrated; its URL. The caller drops it."""
        rooms = next((each for each in TOGETHER if room in each), (room,))
        if rooms not in self._urls:
            self._urls[rooms] = make_database(self._server)
            for each in rooms:
                _migrate(self._urls[rooms], each)
        return make_database(self._server, template=self._urls[rooms].rpartition("/")[2])

    def drop(self) -> None:
        """Take the originals away."""
        for url in self._urls.values():
            drop_database(self._server, url)


@contextmanager
def templates_on(server: str) -> Iterator[Templates]:
    """Templates on a server as long as it is used."""
    made = Templates(server)
    yield made
    made.drop()


def _migrate(url: str, room: str) -> None:
    database = Database(url, room)
    migrate(database)
    database.close()
