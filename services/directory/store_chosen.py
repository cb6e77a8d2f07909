"""The records that an act on many is about: of a source, of an import, or of a reason of the work list."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from services.directory import store
from services.directory.model import Act, ImportChange, Record

SEEN: Final = 1_000
"""Records whose versions say what was seen of a whole list (`schemas.BATCH`); beyond, the time says it."""


def chosen(
    session: Session, kind: str, states: Collection[str], asked: Mapping[str, Any], soon: str, after: str, limit: int
) -> Sequence[Record]:
    """Records of a kind in these states, in order of id, locked.

    Args:
        asked: `source`, `import_`, `reason`, each of which narrows the choice where it is not None.
        soon: what expires before this time is of the reason `expiring`.
    """
    query = select(Record).where(Record.kind == kind, Record.id > after, *_of(states, asked, soon))
    return session.scalars(query.order_by(Record.id).limit(limit).with_for_update()).all()


def versions(session: Session, states: Collection[str], asked: Mapping[str, Any], soon: str) -> dict[str, int] | None:
    """The version of each record that `chosen` finds; None where there are more than `SEEN`."""
    query = select(Record.id, Record.version).where(*_of(states, asked, soon)).limit(SEEN + 1)
    found = dict(session.execute(query).tuples().all())
    return found if len(found) <= SEEN else None


def acted_on(session: Session, ids: Collection[str], since: str) -> set[str]:
    """On which of these records somebody acted after a time."""
    return set(session.scalars(select(Act.record_id).where(Act.record_id.in_(ids), Act.at > since)))


def _of(states: Collection[str], asked: Mapping[str, Any], soon: str) -> list[ColumnElement[bool]]:
    conditions: list[Any] = [Record.status.in_(states)]
    if asked["source"] is not None:
        conditions.append(Record.source == asked["source"])
    if asked["import_"] is not None:
        ids = select(ImportChange.record_id).where(ImportChange.import_id == asked["import_"])
        conditions.append(Record.id.in_(ids))
    if asked["reason"] is not None:
        conditions += store.of_reason(asked["reason"], soon)
    return conditions
