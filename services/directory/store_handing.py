"""Queries about records that move home."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from services.directory import store
from services.directory.asides import HandedRecord, Handover, Other
from services.directory.events import MOVES
from services.directory.model import Record
from services.kernel.envelope import Header

OFFERED, ACCEPTED, REFUSED, TAKEN_BACK = "offered", "accepted", "refused", "taken back"


def handover(session: Session, handover_id: str) -> Handover | None:
    """One offer of records, locked."""
    return session.get(Handover, handover_id, with_for_update=True)


def handovers(session: Session) -> Sequence[Handover]:
    """A hundred offers, of and to this node: those that wait for a decision, then the others, newest first."""
    order = Handover.state != OFFERED, Handover.at.desc(), Handover.id
    return session.scalars(select(Handover).order_by(*order).limit(100)).all()


def waiting(session: Session) -> int:
    """How many offers to this node wait for a permanent."""
    query = select(func.count()).select_from(Handover)
    return session.scalar(query.where(Handover.outward.is_(False), Handover.state == OFFERED)) or 0


def open_ones(session: Session, node: str, outward: bool) -> int:
    """How many offers to a node, or of it, wait for a decision."""
    query = select(func.count()).select_from(Handover)
    wait = (Handover.node == node, Handover.outward.is_(outward), Handover.state == OFFERED)
    return session.scalar(query.where(*wait)) or 0


def counts(session: Session, handover_id: str) -> dict[str, int]:
    """What came of an offer so far: `{structures, services, done}`."""
    query = select(HandedRecord.kind, HandedRecord.done, func.count()).group_by(HandedRecord.kind, HandedRecord.done)
    found = {"structures": 0, "services": 0, "done": 0}
    for kind, done, count in session.execute(query.where(HandedRecord.handover_id == handover_id)):
        found[f"{kind}s"] += count
        found["done"] += count if done else 0
    return found


def handed(session: Session, handover_id: str, after: str, limit: int) -> Sequence[HandedRecord]:
    """A page of an offer's records, in order of id."""
    query = select(HandedRecord).where(HandedRecord.handover_id == handover_id, HandedRecord.record_id > after)
    return session.scalars(query.order_by(HandedRecord.record_id).limit(limit)).all()


def handed_among(session: Session, handover_id: str, ids: Collection[str]) -> set[str]:
    """Those of these records that an offer names."""
    query = select(HandedRecord.record_id).where(HandedRecord.handover_id == handover_id)
    return set(session.scalars(query.where(HandedRecord.record_id.in_(ids))))


def structures_of(session: Session, handover_id: str) -> list[str]:
    """The structures that an offer names, in order of id."""
    query = select(HandedRecord.record_id).where(HandedRecord.handover_id == handover_id)
    return list(session.scalars(query.where(HandedRecord.kind == "structure").order_by(HandedRecord.record_id)))


def let_go_already(session: Session, made: Handover) -> Iterator[Other]:
    """Those records of an offer of which the last that is held is that their home let them go, structures first."""
    for kind in ("structure", "service"):
        query = select(Other.id, Other.header).join(HandedRecord, HandedRecord.record_id == Other.id)
        query = query.where(HandedRecord.handover_id == made.id, Other.home == made.node, Other.kind == kind)
        for record_id, header in session.execute(query.order_by(Other.id)).all():
            if Header.from_raw(header).type in MOVES:
                yield session.get_one(Other, record_id)


def is_accepted(session: Session, node: str, record_id: str) -> bool:
    """Whether this node accepted a record from that one."""
    query = select(Handover.id).join(HandedRecord, HandedRecord.handover_id == Handover.id)
    of_it = (Handover.node == node, Handover.outward.is_(False), Handover.state == ACCEPTED)
    return session.scalar(query.where(*of_it, HandedRecord.record_id == record_id).limit(1)) is not None


def is_offered(session: Session, node: str, record_id: str) -> bool:
    """Whether that node offered a record to this one, which accepted it or has not decided."""
    query = select(Handover.id).join(HandedRecord, HandedRecord.handover_id == Handover.id)
    of_it = (Handover.node == node, Handover.outward.is_(False), Handover.state.in_((OFFERED, ACCEPTED)))
    return session.scalar(query.where(*of_it, HandedRecord.record_id == record_id).limit(1)) is not None


def note_done(session: Session, record_id: str) -> None:
    """A record went, or came, as was agreed; what it said when it was offered is not kept."""
    agreed = select(Handover.id).where(Handover.state == ACCEPTED)
    of_it = (HandedRecord.record_id == record_id, HandedRecord.handover_id.in_(agreed))
    session.execute(update(HandedRecord).where(*of_it).values(done=True, data=None))


def forget_contents(session: Session, handover_id: str) -> None:
    """What was offered and is not taken is not kept here."""
    session.execute(update(HandedRecord).where(HandedRecord.handover_id == handover_id).values(data=None))


def public_structures(session: Session, source: str | None) -> Iterator[Record]:
    """This node's public structures, of one source or of all, in order of id."""
    after = ""
    while page := store.page(session, "structure", after, store.PAGE, True, source):
        yield from page
        after = page[-1].id


def public_counts(session: Session) -> dict[str, int]:
    """How much of this node the public sees: `{structures, services}`."""
    query = select(Record.kind, func.count()).where(Record.public_version.is_not(None)).group_by(Record.kind)
    return {"structures": 0, "services": 0} | {f"{kind}s": count for kind, count in session.execute(query)}


def unfinished(session: Session) -> int:
    """How many offers of this node wait for an answer, or were accepted and did not go whole yet."""
    going = select(HandedRecord.record_id).join(Record, Record.id == HandedRecord.record_id)
    going = going.where(HandedRecord.handover_id == Handover.id, HandedRecord.done.is_(False))
    going = going.where(Record.public_version.is_not(None))
    under_way = (Handover.state == OFFERED) | ((Handover.state == ACCEPTED) & going.exists())
    query = select(func.count()).select_from(Handover).where(Handover.outward.is_(True), under_way)
    return session.scalar(query) or 0
