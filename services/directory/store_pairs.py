"""Queries about structures that may be one: their keys, their pairs, their merges."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import CompoundSelect, Select, delete, func, insert, select, text, tuple_, union_all, update
from sqlalchemy.orm import Session, aliased

from services.directory import store_decisions
from services.directory.asides import SHOWN, MatchingKey, Merge, Other, Pair
from services.directory.model import Import, Record
from services.directory.qualification import WITHDRAWN

AT_ONCE = 500
UNMATCHED = text("NOT record.matched")
"""As the partial index says it: SQLite uses that one for no other writing of the same."""
S = TypeVar("S", bound=Select)  # type: ignore[type-arg]
_UNMATCHED_OTHER = text("NOT other.matched")
_ONE, _OTHER, _FAR_ONE, _FAR_OTHER = aliased(Record), aliased(Record), aliased(Other), aliased(Other)


def unmatched(session: Session, limit: int) -> Sequence[Record]:
    """Structures that changed since they were last compared; taken by this process alone."""
    query = select(Record).where(UNMATCHED).order_by(Record.id).limit(limit)
    return session.scalars(query.with_for_update(skip_locked=True)).all()


def unmatched_others(session: Session, limit: int) -> Sequence[Other]:
    """Structures of other nodes that changed since they were last compared with ours."""
    query = select(Other).where(_UNMATCHED_OTHER).order_by(Other.id).limit(limit)
    return session.scalars(query.with_for_update(skip_locked=True)).all()


def unmatched_count(session: Session) -> int:
    """How many wait to be compared."""
    own = session.scalar(select(func.count()).select_from(Record).where(UNMATCHED)) or 0
    return own + (session.scalar(select(func.count()).select_from(Other).where(_UNMATCHED_OTHER)) or 0)


def others_by_id(session: Session, ids: Collection[str]) -> dict[str, Other]:
    """Structures of other nodes that are shown here."""
    found: dict[str, Other] = {}
    for some in _some(ids):
        of_them = Other.id.in_(some), Other.state == SHOWN, Other.kind == "structure", Other.data.is_not(None)
        found |= {each.id: each for each in session.scalars(select(Other).where(*of_them))}
    return found


def is_importing(session: Session, since: str) -> bool:
    """Whether an import that began after `since` is under way."""
    query = select(Import.id).where(Import.state == "running", Import.started_at > since).limit(1)
    return session.scalar(query) is not None


def set_matched(session: Session, ids: Collection[str]) -> None:
    """These were compared as they are now."""
    for some in _some(ids):
        for table in (Record, Other):
            session.execute(
                update(table).where(table.id.in_(some)).values(matched=True),
                execution_options={"synchronize_session": False},
            )


def replace_keys(session: Session, keys: Mapping[str, Collection[str]], own: Collection[str]) -> None:
    """The keys of these records, in the place of those they had; `own`: those that are this node's."""
    for some in _some(keys):
        session.execute(delete(MatchingKey).where(MatchingKey.record_id.in_(some)))
    rows = [{"key": key, "record_id": name, "own": name in own} for name, of_it in keys.items() for key in of_it]
    if rows:
        session.execute(insert(MatchingKey), rows)


def forget_stale_keys(session: Session) -> None:
    """What structures of other nodes were compared by, of those that changed since: it may name who objected."""
    stale = select(Other.id).where(_UNMATCHED_OTHER)
    session.execute(delete(MatchingKey).where(MatchingKey.record_id.in_(stale)))


def are_others(session: Session) -> bool:
    """Whether anything of another node is held."""
    return session.scalar(select(Other.id).limit(1)) is not None


def holders(
    session: Session, keys: Collection[str], at_most: int, *, own: bool, at_least: int = 1
) -> Iterable[tuple[str, str]]:
    """Each of these keys with each record that has it, of this node's (`own`) or of others'; not those that fewer than
    `at_least` of them have, or more than `at_most`."""  # fmt: skip
    for some in _some(keys):
        of_them = MatchingKey.key.in_(some), MatchingKey.own.is_(own)
        shared = select(MatchingKey.key).where(*of_them).group_by(MatchingKey.key)
        shared = shared.having(func.count().between(at_least, at_most))
        query = select(MatchingKey.key, MatchingKey.record_id).where(MatchingKey.key.in_(shared), of_them[1])
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
) -> list[tuple[Pair, Record | Other, Record | Other]]:
    """Pairs that nobody decided and that one of ours is in, the likeliest first, with their living records."""
    query = _open(select(Pair, _ONE, _OTHER, _FAR_ONE, _FAR_OTHER))
    if record_id is not None:
        query = query.where((Pair.a == record_id) | (Pair.b == record_id))
    if after is not None:
        query = query.where(tuple_(-Pair.score, Pair.a, Pair.b) > tuple_(-after[0], after[1], after[2]))
    rows = session.execute(query.order_by(-Pair.score, Pair.a, Pair.b).limit(limit))
    return [(found, _living(one, far_one), _living(other, far_other)) for found, one, other, far_one, far_other in rows]


def in_open_pairs() -> CompoundSelect[tuple[str]]:
    """The ids of our records under which the work list names the pairs that nobody decided: of two, the first."""
    first = _open(select(Pair.a)).where(_ONE.status != WITHDRAWN)
    return union_all(first, _open(select(Pair.b)).where(_ONE.id.is_(None) | (_ONE.status == WITHDRAWN)))


def _open(query: S) -> S:
    for record, far, end in ((_ONE, _FAR_ONE, Pair.a), (_OTHER, _FAR_OTHER, Pair.b)):
        query = query.outerjoin(record, record.id == end).outerjoin(far, (far.id == end) & (far.state == SHOWN))
        query = query.where((record.status != WITHDRAWN) | far.id.is_not(None))
    query = query.where((_ONE.status != WITHDRAWN) | (_OTHER.status != WITHDRAWN), Pair.decision.is_(None))
    return query.where(~store_decisions.refused_by_home(_FAR_ONE, _FAR_OTHER))


def _living(record: Record | None, far: Other | None) -> Record | Other:
    found = far if record is None or record.is_withdrawn else record
    if found is None:
        raise LookupError("a pair of which one does not live")
    return found


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
