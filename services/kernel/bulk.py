"""Many rows at once: SQLAlchemy prepares a row in more time than the database writes it in.

SQLite's driver takes them as they are. PostgreSQL takes them as one JSON document of rows of the table's own type:
sent one by one, they cost psycopg and the server more than the writing, even where its pipeline saves the turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from services.kernel.giving import fit, give_way

AT_ONCE = 1_000


def insert_many(
    session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], on_conflict: str = ""
) -> None:
    """Insert rows, each a tuple in the order of `columns`; names are the program's own. `on_conflict`: SQL after it.

    Values are text, bytes, integers, booleans or `None`. No two rows have one key, where `on_conflict` updates.
    """
    insert = _one_by_one if _is_sqlite(session) else _as_document
    begin = 0
    while some := list(rows[begin : begin + fit(AT_ONCE)]):
        insert(session, table, columns, some, on_conflict)
        begin += len(some)
        if begin < len(rows):
            give_way()


def _one_by_one(
    session: Session, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]], on_conflict: str
) -> None:
    values = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {on_conflict}"  # noqa: S608
    session.connection().exec_driver_sql(statement, rows)


def _as_document(
    session: Session, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]], on_conflict: str
) -> None:
    names = ", ".join(columns)
    made = f"SELECT {names} FROM json_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS json))"  # noqa: S608
    statement = text(f"INSERT INTO {table} ({names}) {made} {on_conflict}")
    document = orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_hexadecimal)
    session.execute(statement, {"rows": document.decode()})


def _hexadecimal(value: bytes) -> str:
    """As PostgreSQL reads bytes."""
    return f"\\x{value.hex()}"


def among(session: Session, column: str, values: Sequence[str] | Sequence[int]) -> TextClause:
    """A condition: a column is one of these. One document: SQLAlchemy would write out a parameter for each."""
    kind = "bigint" if values and isinstance(values[0], int) else "text"
    each = f"CAST(json_array_elements_text(CAST(:values AS json)) AS {kind})"
    one = "value FROM json_each(:values)" if _is_sqlite(session) else each
    return text(f"{column} IN (SELECT {one})").bindparams(values=orjson.dumps(values).decode())


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def or_newer(key: str, columns: Sequence[str]) -> str:
    """`on_conflict` that puts the new row into the place of the one with the same key (one column or more)."""
    keys = key.split(", ")
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
    return f"ON CONFLICT ({key}) DO UPDATE SET {sets}"
