"""Queries about decisions of pairs, this node's and others', and about what the public sees joined by them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import ColumnElement

from services.directory.asides import GONE, Decision, HomeNode, Joined, Other, Pair
from services.directory.deciding import CAREFUL, DIFFERENT
from services.directory.formats.ids import is_record_id
from services.directory.model import FeedRow, Record, Source

AT_ONCE = 400
OURS = ""
"""The node of this one's own decisions."""


class Stand(NamedTuple):
    """Where a record stands in the public feed here: whose it is (`OURS` for this node's), and whether it is shown."""

    home: str
    shown: bool


def are_any(session: Session) -> bool:
    """Whether any node ever decided anything: nothing is to be done before."""
    return session.scalar(select(Decision.id).limit(1)) is not None


def decision(session: Session, decision_id: str) -> Decision | None:
    """One decision by the name that its author gave it."""
    return session.get(Decision, decision_id)


def touched(session: Session, ids: Collection[str]) -> dict[str, Decision]:
    """Decisions of these records or of what was merged into one, and all that one may have led further (`led`)."""
    found: dict[str, Decision] = {each.id: each for each in session.scalars(select(Decision).where(Decision.led))}
    for some in _some(ids):
        mine = or_(*(column.in_(some) for column in (Decision.a, Decision.b, Decision.a_now, Decision.b_now)))
        found |= {each.id: each for each in session.scalars(select(Decision).where(mine))}
    return found


def said_now(session: Session, ids: Collection[str]) -> list[Decision]:
    """What holds of these records, as they are called by now; without what a node that is not shown says."""
    found: dict[str, Decision] = {}
    for some in _some(ids):
        mine = or_(Decision.a_now.in_(some), Decision.b_now.in_(some))
        found |= {each.id: each for each in session.scalars(select(Decision).where(mine, *_heard(Decision)))}
    return list(found.values())


def said_of(session: Session, a: str, b: str) -> Sequence[Decision]:
    """What holds of one pair, as it is called now or was when it was decided; this node's word first."""
    query = select(Decision).where(_of_pair(a, b), *_heard(Decision))
    return session.scalars(query.order_by(Decision.node, Decision.id)).all()


def alike_said(session: Session, ids: Collection[str]) -> set[tuple[str, str]]:
    """Pairs with one of these records that another node says are one, or a branch."""
    found: set[tuple[str, str]] = set()
    for some in _some(ids):
        mine = or_(Decision.a.in_(some), Decision.b.in_(some))
        alike = Decision.decision != DIFFERENT, Decision.node != OURS
        query = select(Decision.a, Decision.b).where(mine, *alike, *_heard(Decision))
        found |= {(a, b) for a, b in session.execute(query)}
    return found


def refused_by_home(one: type[Other], other: type[Other]) -> ColumnElement[bool]:
    """Of a `Pair`: another home of one of the two said that they are two; no other word changes that."""
    homes = or_(Decision.node == one.home, Decision.node == other.home)
    said = select(Decision.id).where(Decision.a == Pair.a, Decision.b == Pair.b, Decision.decision == DIFFERENT)
    return said.where(homes, *_heard(Decision)).exists()


def contrary(session: Session, limit: int = 100) -> Sequence[Decision]:
    """This node's decisions of which another node said otherwise since somebody here last looked."""
    theirs = aliased(Decision)
    otherwise = or_(theirs.decision != Decision.decision, theirs.head != Decision.head)
    new = theirs.node != OURS, otherwise, theirs.decision.in_(CAREFUL), theirs.heard_at > Decision.kept_at
    then = (theirs.a == Decision.a) & (theirs.b == Decision.b)
    straight = (theirs.a_now == Decision.a_now) & (theirs.b_now == Decision.b_now)
    crossed = (theirs.a_now == Decision.b_now) & (theirs.b_now == Decision.a_now)
    was, now, other_way = (  # one question each: of all in one, no index answers
        select(theirs.id).where(of_it, *new, *_heard(theirs)).exists() for of_it in (then, straight, crossed)
    )
    said = or_(was, (Decision.a_now != Decision.b_now) & or_(now, other_way))
    query = select(Decision).where(*_MINE, said)
    return session.scalars(query.order_by(Decision.a, Decision.b).limit(limit)).all()


def own(session: Session, limit: int) -> Sequence[Decision]:
    """What this node decided and told, and did not take back."""
    return session.scalars(select(Decision).where(*_MINE).order_by(Decision.id).limit(limit)).all()


def own_count(session: Session) -> int:
    """How many those are."""
    return session.scalar(select(func.count()).select_from(Decision).where(*_MINE)) or 0


def own_of(session: Session, a: str, b: str) -> Sequence[Decision]:
    """What this node decided of one pair, as it is called now or was then: more than one where records were merged."""
    return session.scalars(select(Decision).where(_of_pair(a, b), *_MINE).order_by(Decision.id)).all()


def of_node(session: Session, node: str) -> list[tuple[str, str]]:
    """The pairs of which a node decided."""
    return [(a, b) for a, b in session.execute(select(Decision.a_now, Decision.b_now).where(Decision.node == node))]


def end(session: Session, node: str, ids: Collection[str] | None = None) -> list[tuple[str, str]]:
    """Decisions of a node, all of them or these, count no more; of which pairs they are."""
    gone: list[tuple[str, str]] = []
    for which in _which(node, ids):
        gone += [(a, b) for a, b in session.execute(select(Decision.a_now, Decision.b_now).where(*which))]
        session.execute(update(Decision).where(*which).values(ended=True), execution_options=_FETCH)
    return gone


def forget(session: Session, node: str, ids: Collection[str] | None = None) -> None:
    """Forget decisions of a node, all of them or these."""
    for which in _which(node, ids):
        session.execute(delete(Decision).where(*which), execution_options=_FETCH)


def compare_again(session: Session, ids: Collection[str]) -> None:
    """These are to be compared anew: somebody said something of them. Locked in order of id, as who compares does."""
    for table in (Record, Other):
        of_it = table.id.in_(ids), table.kind == "structure"
        session.execute(select(table.id).where(*of_it).order_by(table.id).with_for_update()).all()
        session.execute(update(table).where(*of_it).values(matched=False), execution_options=_FETCH)


def stands(session: Session, ids: Collection[str]) -> dict[str, Stand]:
    """Where these records stand; one that the public never saw stands nowhere."""
    found: dict[str, Stand] = {}
    for some in _some(set(ids)):
        query = select(FeedRow.subject, FeedRow.reach, FeedRow.op, FeedRow.kind).where(FeedRow.subject.in_(some))
        for subject, reach, op, kind in session.execute(query):
            home = reach.partition("/")[0] if "/" in reach else OURS
            found[subject] = Stand(home, op == "put" and kind == "structure")
    for some in _some(set(ids) - found.keys()):  # the feed forgets tombstones with the log, what was decided stays
        merged = select(Record.id).where(Record.id.in_(some), Record.replaced_by.is_not(None))
        found |= {record_id: Stand(OURS, shown=False) for record_id in session.scalars(merged)}
    return found


def successors(session: Session, ids: Collection[str]) -> dict[str, str]:
    """The records that these were merged into by their homes; of those that were."""
    found: dict[str, str] = {}
    for some in _some(ids):
        gone = select(Other.id, Other.data).where(Other.id.in_(some), Other.state == GONE, Other.data.is_not(None))
        for record_id, data in session.execute(gone):
            if is_record_id(after := orjson.loads(data or b"{}").get("replaced_by")):
                found[record_id] = after
        ours = select(Record.id, Record.replaced_by).where(Record.id.in_(some), Record.replaced_by.is_not(None))
        found |= {gone: str(kept) for gone, kept in session.execute(ours)}
    return found


def joined(session: Session, ids: Collection[str]) -> dict[str, Joined]:
    """Those of these records that are seen as one with another."""
    found: dict[str, Joined] = {}
    for some in _some(ids):
        found |= {each.record_id: each for each in session.scalars(select(Joined).where(Joined.record_id.in_(some)))}
    return found


def joined_to(session: Session, ids: Collection[str]) -> dict[str, list[Joined]]:
    """What is seen as one with each of these records, in order."""
    found: dict[str, list[Joined]] = {}
    for some in _some(ids):
        for each in session.scalars(select(Joined).where(Joined.kept.in_(some)).order_by(Joined.record_id)):
            found.setdefault(each.kept, []).append(each)
    return found


def own_with_source(session: Session, record_id: str) -> tuple[Record, Source] | None:
    """A record of this node and its source."""
    query = select(Record, Source).join(Source, Source.name == Record.source).where(Record.id == record_id)
    found = session.execute(query).first()
    return None if found is None else (found[0], found[1])


def fed(session: Session, ids: Collection[str]) -> list[dict[str, str | int]]:
    """The rows of the feed in which these records stand now."""
    names = ("subject", "kind", "op", "reach", "epoch", "seq")
    columns = [getattr(FeedRow, name) for name in names]
    rows = [row for some in _some(ids) for row in session.execute(select(*columns).where(FeedRow.subject.in_(some)))]
    return [dict(zip(names, row, strict=True)) for row in rows]


def contrary_count(session: Session) -> int:
    """How many decisions of this node others contradict; beyond a hundred nobody counts."""
    return len(contrary(session))


_FETCH = {"synchronize_session": "fetch"}
_MINE = (Decision.node == OURS, Decision.ended.is_(False))


def _heard(of: type[Decision]) -> tuple[ColumnElement[bool], ...]:
    silent = select(HomeNode.node).where(HomeNode.shown.is_(False))
    return of.ended.is_(False), of.node.not_in(silent)


def _of_pair(a: str, b: str) -> ColumnElement[bool]:
    then = (Decision.a == min(a, b)) & (Decision.b == max(a, b))
    straight = (Decision.a_now == a) & (Decision.b_now == b)
    return or_(then, straight, (Decision.a_now == b) & (Decision.b_now == a))


def _which(node: str, ids: Collection[str] | None) -> Iterable[tuple[ColumnElement[bool], ...]]:
    of_it = Decision.node == node
    return [(of_it,)] if ids is None else [(of_it, Decision.id.in_(some)) for some in _some(ids)]


def _some(ids: Collection[str]) -> Iterable[list[str]]:
    ordered = sorted(ids)
    return (ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE))
