"""Queries of objections between nodes: others' records as they are held; what was told, was heard, stays with ours."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.directory.asides import GONE, Other, Pair
from services.directory.model import Record
from services.directory.objection_rows import OPEN, UNCHECKED, WAITING, Heard, Kept, Told
from services.directory.qualification import WITHDRAWN
from services.kernel.giving import give_way

PAGE = 500
SHOWN_AT_MOST = 200
_COLUMNS = (Other.id, Other.home, Other.kind, Other.state, Other.data)


def held_records(session: Session) -> Iterator[tuple[str, str, str, str, bytes]]:
    """(id, home, kind, state, data) of every living record of others, in order of id."""
    last, living = "", (Other.state != GONE, Other.data.is_not(None))
    while True:
        page = session.execute(select(*_COLUMNS).where(*living, Other.id > last).order_by(Other.id).limit(PAGE)).all()
        if not page:
            return
        for row in page:
            yield row.id, row.home, row.kind, row.state, bytes(row.data)
        give_way()
        last = page[-1].id


def apart(session: Session, ids: Collection[str]) -> set[tuple[str, str]]:
    """Pairs of these records that somebody decided to be two."""
    query = select(Pair.a, Pair.b).where(Pair.decision.is_not(None), Pair.decision != "same")
    return {(a, b) for a, b in session.execute(query.where(Pair.a.in_(ids) | Pair.b.in_(ids)))}


def kin(session: Session, structure_id: str) -> Sequence[Record]:
    """A structure that lives, its services, and the structures that may be the same with theirs."""
    mine = (Pair.a == structure_id) | (Pair.b == structure_id)
    pairs = session.execute(select(Pair.a, Pair.b).where(mine, Pair.decision.is_(None) | (Pair.decision == "same")))
    ids = {structure_id, *(each for pair in pairs for each in pair)}
    query = select(Record).where(Record.id.in_(ids) | Record.structure.in_(ids), Record.status != WITHDRAWN)
    return session.scalars(query.order_by(Record.id)).all()


def told(session: Session, told_id: str) -> Told | None:
    """One that another node was told, locked."""
    return session.get(Told, told_id, with_for_update=True)


def told_about(session: Session, about: str) -> set[str]:
    """The records of which the homes were told, or are to be, of one objection."""
    return set(session.scalars(select(Told.record_id).where(Told.about == about)))


def to_tell(session: Session, about: str) -> Sequence[Told]:
    """What is not written yet of one objection, in order of the records."""
    query = select(Told).where(Told.about == about, Told.state == WAITING)
    return session.scalars(query.order_by(Told.record_id)).all()


def all_told(session: Session) -> Sequence[Told]:
    """What others were told, newest first: what waits, then two hundred."""
    query = select(Told).order_by(Told.state != WAITING, Told.id.desc())
    return session.scalars(query.limit(SHOWN_AT_MOST)).all()


def kept(session: Session, structure_id: str, key: str) -> Kept | None:
    """One objection as it stays with a structure."""
    return session.get(Kept, (structure_id, key))


def to_work_out(session: Session, keys: Collection[str]) -> Sequence[Kept]:
    """What stays with structures of these objections and has no digest yet."""
    return session.scalars(select(Kept).where(Kept.key.in_(keys), Kept.digest == "")).all()


def kept_with(session: Session, structure_ids: Collection[str]) -> Sequence[Kept]:
    """What goes with these structures."""
    query = select(Kept).where(Kept.structure_id.in_(structure_ids), Kept.digest != "")
    return session.scalars(query.order_by(Kept.structure_id, Kept.key)).all()


def carried(session: Session) -> Sequence[Kept]:
    """What came with structures that moved here."""
    return session.scalars(select(Kept).where(Kept.carried.is_(True))).all()


def heard(session: Session, heard_id: str, lock: bool = True) -> Heard | None:
    """One that another node told, locked unless it is only read."""
    return session.get(Heard, heard_id, with_for_update=lock or None)


def heard_before(session: Session, record_id: str, checks: bytes) -> Heard | None:
    """The same objection to the same record, whoever told it: the digests are the same."""
    query = select(Heard).where(Heard.record_id == record_id, Heard.checks == checks)
    return session.scalars(query.order_by(Heard.id).limit(1)).one_or_none()


def unchecked(session: Session) -> Sequence[str]:
    """The next that are to be looked at."""
    return session.scalars(select(Heard.id).where(Heard.state == UNCHECKED).order_by(Heard.at).limit(10)).all()


def open_of(session: Session, node: str) -> int:
    """How many objections that one node told wait here."""
    waits = (Heard.node == node, Heard.state.in_((UNCHECKED, OPEN)))
    return session.scalar(select(func.count()).select_from(Heard).where(*waits)) or 0


def open_count(session: Session) -> int:
    """How many wait for a permanent."""
    return session.scalar(select(func.count()).select_from(Heard).where(Heard.state == OPEN)) or 0


def all_heard(session: Session) -> Sequence[Heard]:
    """Those that a permanent has or had to decide: what waits, oldest first, then the others."""
    query = select(Heard).where(Heard.found != b"[]").order_by(Heard.state != OPEN, Heard.at)
    return session.scalars(query.limit(SHOWN_AT_MOST)).all()


def add(session: Session, row: Any) -> None:
    """Keep one of these rows."""
    session.add(row)
