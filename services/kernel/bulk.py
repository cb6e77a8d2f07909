"""Many rows by one statement of the driver: SQLAlchemy prepares a row in more time than the database writes it in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session


def insert_many(
    session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], on_conflict: str = ""
) -> None:
    """Insert rows, each a tuple in the order of `columns`; names are the program's own. `on_conflict`: SQL after it."""
    if not rows:
        return
    mark = "?" if session.get_bind().dialect.name == "sqlite" else "%s"
    values = ", ".join([mark] * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {on_conflict}"  # noqa: S608
    session.connection().exec_driver_sql(statement, list(rows))


def or_newer(key: str, columns: Sequence[str]) -> str:
    """`on_conflict` that puts the new row into the place of the one with the same key (one column or more)."""
    keys = key.split(", ")
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
    return f"ON CONFLICT ({key}) DO UPDATE SET {sets}"
