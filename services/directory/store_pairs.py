"""Queries about structures that may be one: their keys, their pairs, their merges."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, text, tuple_, update
from sqlalchemy.orm import Session, aliased

from services.directory.asides import MatchingKey, Merge, Pair
from services.directory.model import Import, Record
from services.directory.qualification import WITHDRAWN

AT_ONCE = 500
UNMATCHED = text("NOT record.matched")
"""As the partial index says it: SQLite uses that one for no other writing of the same."""


def unmatched(session: Session, limit: int) -> Sequence[Record]:
    """Structures that changed since they were last compared; taken by this process alone."""
    query = select(Record).where(UNMATCHED).order_by(Record.id).limit(limit)
    return session.scalars(query.with_for_update(skip_locked=True)).all()


def unmatched_count(session: Session) -> int:
    """How many wait to be compared."""
    return session.scalar(select(func.count()).select_from(Record).where(UNMATCHED)) or 0


def is_importing(session: Session, since: str) -> bool:
    """Whether an import that began after `since` is under way."""
    query = select(Import.id).where(Import.state == "running", Import.started_at > since).limit(1)
    return session.scalar(query) is not None


def set_matched(session: Session, ids: Collection[str]) -> None:
    """These were compared as they are now."""
    for some in _some(ids):
        session.execute(
            update(Record).where(Record.id.in_(some)).values(matched=True),
            execution_options={"synchronize_session": False},
        )


def replace_keys(session: Session, keys: dict[str, Collection[str]]) -> None:
    """The keys of these records, in the place of those they had."""
    for some in _some(keys):
        session.execute(delete(MatchingKey).where(MatchingKey.record_id.in_(some)))
    rows = [{"key": key, "record_id": record_id} for record_id, own in keys.items() for key in own]
    if rows:
        session.execute(insert(MatchingKey), rows)


def holders(session: Session, keys: Collection[str], at_most: int) -> Iterable[tuple[str, str]]:
    """Each of these keys with each record that has it; not those that one record alone has, or more than `at_most`."""
    for some in _some(keys):
        shared = select(MatchingKey.key).where(MatchingKey.key.in_(some)).group_by(MatchingKey.key)
        shared = shared.having(func.count().between(2, at_most))
        query = select(MatchingKey.key, MatchingKey.record_id).where(MatchingKey.key.in_(shared))
        yield from (tuple(row) for row in session.execute(query))  # type: ignore[misc]


def pairs_of(session: Session, ids: Collection[str]) -> dict[tuple[str, str], Pair]:
    """All pairs that one of these records is in."""
    found: dict[tuple[str, str], Pair] = {}
    for some in _some(ids):
        for pair in session.scalars(select(Pair).where(Pair.a.in_(some) | Pair.b.in_(some))):
            found[pair.a, pair.b] = pair
    return found


def pair(session: Session, a: str, b: str) -> Pair | None:
    """One pair, locked; in whichever order it is asked."""
    return session.get(Pair, (min(a, b), max(a, b)), with_for_update=True)


def open_pairs(
    session: Session, record_id: str | None, after: tuple[float, str, str] | None, limit: int
) -> list[tuple[Pair, Record, Record]]:
    """Pairs that nobody decided, the likeliest first, with their living records."""
    one, other = aliased(Record), aliased(Record)
    query = select(Pair, one, other).join(one, one.id == Pair.a).join(other, other.id == Pair.b)
    query = query.where(Pair.decision.is_(None), one.status != WITHDRAWN, other.status != WITHDRAWN)
    if record_id is not None:
        query = query.where((Pair.a == record_id) | (Pair.b == record_id))
    if after is not None:
        query = query.where(tuple_(-Pair.score, Pair.a, Pair.b) > tuple_(-after[0], after[1], after[2]))
    rows = session.execute(query.order_by(-Pair.score, Pair.a, Pair.b).limit(limit))
    return [(found, a, b) for found, a, b in rows]


def kin(session: Session, record_id: str) -> list[tuple[str, Record]]:
    """Living structures that are a branch of this one or its head, each with the id of the head of both."""
    mine = (Pair.a == record_id) | (Pair.b == record_id)
    query = select(Pair.head, Record).join(Record, (Record.id == Pair.a) | (Record.id == Pair.b))
    query = query.where(mine, Pair.head.is_not(None), Record.id != record_id, Record.status != WITHDRAWN)
    return [(str(head), other) for head, other in session.execute(query.order_by(Record.id))]


def last_merge(session: Session, kept: str) -> Merge | None:
    """The last merge into a record that was not undone."""
    return session.scalars(select(Merge).where(Merge.kept == kept).order_by(Merge.id.desc()).limit(1)).one_or_none()


def merges_into(session: Session, kept: str) -> Sequence[bytes]:
    """What both were before each merge into a record, and what it gave, in order."""
    return session.scalars(select(Merge.before).where(Merge.kept == kept).order_by(Merge.id)).all()


def merged_into(session: Session, kept: str) -> list[Record]:
    """Every record that leads to this one: merged into it, or into one that was."""
    found: list[Record] = []
    waiting = [kept]
    while waiting:
        query = select(Record).join(Merge, Merge.gone == Record.id)
        query = query.where(Merge.kept.in_(waiting), Record.replaced_by == Merge.kept).order_by(Record.id)
        more = session.scalars(query).all()
        found += more
        waiting = [each.id for each in more]
    return found


def _some(ids: Collection[Any]) -> Iterable[list[Any]]:
    ordered = sorted(ids)
    return (ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE))
