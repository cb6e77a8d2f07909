"""Bring a room's database to this release: the kernel's tables first, then the room's own.

Alembic scripts lie in `services/kernel/migrations` and `services/<room>/migrations`, each with a version table of its
own. Where both are up to date, which is nearly always, Alembic is not even imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from services.kernel.database import Database

_SERVICES = Path(__file__).parent.parent
HEAD = "head"
"""The revision to come to; tests make a database of an earlier release by it."""
_KERNEL = _SERVICES / "kernel" / "migrations"


def migrate(database: Database) -> None:
    """Upgrade to the newest version; safe when several processes start at once. Raises `Unavailable`."""
    with database.begin() as session:
        connection = session.connection()
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(727001)"))
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{database.room}"'))
        for scripts in (_KERNEL, _SERVICES / database.room / "migrations"):
            if scripts.exists() and _version(connection, scripts) != (_newest(scripts) if HEAD == "head" else HEAD):
                _upgrade(connection, scripts)


def _table(scripts: Path) -> str:
    return f"version_{scripts.parent.name}"


def _newest(scripts: Path) -> str:
    """Scripts are named `0001_what.py`; their revision is the number."""
    return max(path.name[:4] for path in (scripts / "versions").glob("[0-9]*.py"))


def _version(connection: Connection, scripts: Path) -> str | None:
    if not inspect(connection).has_table(_table(scripts)):
        return None
    return connection.execute(text(f"SELECT version_num FROM {_table(scripts)}")).scalar()  # noqa: S608


def _upgrade(connection: Connection, scripts: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_KERNEL))
    config.set_main_option("version_locations", str(scripts / "versions"))
    config.set_main_option("path_separator", "os")
    attributes: dict[str, Any] = {"connection": connection, "version_table": _table(scripts)}
    config.attributes.update(attributes)
    command.upgrade(config, HEAD)
