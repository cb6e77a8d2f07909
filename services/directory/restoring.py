"""A database that was put back forgot objections that the ledger remembers: who objected is found again, by digest.

Inside one transaction each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.directory import store_objections
from services.directory.asides import Objection
from services.directory.ledger import Entry
from services.directory.model import Act, ImportChange
from services.directory.objecting import Objections
from services.kernel.giving import in_pieces
from services.kernel.rows import LogRow


def missing(session: Session, entries: Iterable[Entry]) -> list[Entry]:
    """What the ledger remembers and the database does not."""
    known = store_objections.digests(session)
    return [each for each in entries if each.digest not in known]


def keep_again(session: Session, entries: Iterable[Entry]) -> None:
    """The objections themselves."""
    for each in entries:
        store_objections.add(
            session, Objection(digest=each.digest, id=each.id, field=each.field, at=each.at, by=each.by)
        )


def named(session: Session, objections: Objections) -> list[dict[str, str]]:
    """Who of these is named by what was put back: in records, the log, what is kept of before.

    `[{field: value}]`, as few as hold all values: where one person objected, one.
    """
    found: set[tuple[str, str]] = set()
    for parts in in_pieces(_everything(session)):
        found |= objections.met(parts)
    together: list[dict[str, str]] = []
    for field, value in sorted(found):
        free = next((each for each in together if field not in each), None)
        if free is None:
            together.append(free := {})
        free[field] = value
    return together


def _everything(session: Session) -> Iterator[Any]:
    for record in store_objections.all_records(session, lock=False):
        yield record.parts
        yield record.reason
    for query in (
        select(LogRow.data).where(LogRow.data.is_not(None)),
        select(Act.before).where(Act.before.is_not(None)),
        select(ImportChange.before_content).where(ImportChange.before_content.is_not(None)),
    ):
        for data in session.scalars(query.execution_options(yield_per=store_objections.PAGE)):
            yield orjson.loads(data or b"null")
