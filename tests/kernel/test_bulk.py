"""Rows that are inserted many at once are there as they were given, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import column, select, text

from services.kernel.bulk import AT_ONCE, among, insert_many, or_newer
from services.kernel.database import Database
from services.kernel.giving import FEW, answering
from services.kernel.migrate import migrate
from tests.conftest import Backend

COLUMNS = ("name", "number", "live", "data")
Row = tuple[Any, ...]


@pytest.fixture
def database(backend: Backend) -> Iterator[Database]:
    """With a table that has no row."""
    made = Database(backend.database_url("bulk"), "bulk")
    migrate(made)
    binary = "BLOB" if made.is_sqlite else "bytea"
    with made.begin() as session:
        columns = f"name TEXT PRIMARY KEY, number BIGINT, live BOOLEAN, data {binary}, kept TEXT DEFAULT 'yes'"
        session.execute(text(f"CREATE TABLE parcel ({columns})"))
    yield made
    made.close()


def _held(database: Database) -> list[Row]:
    with database.read() as session:
        rows = session.execute(text("SELECT name, number, live, data, kept FROM parcel ORDER BY number"))
        return [(name, number, bool(live), data and bytes(data), kept) for name, number, live, data, kept in rows]


def test_what_is_inserted_is_there_to_the_byte(database: Database) -> None:
    rows: list[Row] = [
        ('c\'est "là" : \\x00 %s ? é € 🧵', 1, True, bytes(range(256))),
        ("", 2**53, False, b""),
        ("\t\n{}", -1, True, None),
    ]
    with database.begin() as session:
        insert_many(session, "parcel", COLUMNS, rows)
        insert_many(session, "parcel", COLUMNS, [])
    assert _held(database) == sorted([(*row, "yes") for row in rows], key=lambda row: row[1])


def test_a_row_that_is_there_stays_or_is_replaced_as_is_said(database: Database) -> None:
    with database.begin() as session:
        insert_many(session, "parcel", COLUMNS, [("a", 1, True, b"1")])
        insert_many(session, "parcel", COLUMNS, [("a", 2, True, b"2"), ("b", 3, True, b"3")],
                    "ON CONFLICT (name) DO NOTHING")  # fmt: skip
        insert_many(session, "parcel", COLUMNS, [("b", 4, False, b"4")], or_newer("name", COLUMNS))
    assert _held(database) == [("a", 1, True, b"1", "yes"), ("b", 4, False, b"4", "yes")]


@pytest.mark.parametrize("count", [FEW, FEW + 1, AT_ONCE + 1])
def test_all_are_there_where_they_go_in_pieces(database: Database, count: int) -> None:
    with answering(), database.begin() as session:
        insert_many(session, "parcel", COLUMNS, [(f"n{number}", number, True, b"x") for number in range(count)])
    assert [row[1] for row in _held(database)] == list(range(count))


def test_what_is_among_many_is_found_and_what_is_not_is_not(database: Database) -> None:
    names = [f"n'\"{number}" for number in range(1_200)]
    with database.begin() as session:
        insert_many(session, "parcel", COLUMNS, [(name, place, True, b"") for place, name in enumerate(names)])
    with database.read() as session:
        found = select(column("number")).select_from(text("parcel"))
        assert set(session.scalars(found.where(among(session, "name", [*names[:1_100], "n"])))) == set(range(1_100))
        assert not session.scalars(found.where(among(session, "name", []))).all()
        assert session.scalars(found.where(among(session, "number", [7, 7, 2**40]))).all() == [7]
