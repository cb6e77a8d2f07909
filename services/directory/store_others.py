"""Queries about records of other nodes, and the feed in which they stand beside our own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from services.directory import store_decisions
from services.directory.asides import GONE, Hiding, HomeNode, Other, Sent
from services.directory.events import NOT_SHOWN, ONE_WITH
from services.directory.model import FeedRow, Record
from services.kernel.bulk import among, insert_many, or_newer
from services.kernel.envelope import Header, Signed
from services.kernel.giving import in_pieces
from services.kernel.rows import LogRow, StreamRow

AT_ONCE = 500
_VERSIONS = select(Other.id, Other.term, Other.home, Other.epoch, Other.version)
_OWNERS = select(Record.id, Record.term, Record.home)
_HIDDEN = select(Hiding.record_id).where(Hiding.ended.is_(False))
_COLUMNS = tuple(column.name for column in Other.__table__.columns)
_NEWER = or_newer("id", _COLUMNS)
_TURN = select(StreamRow.reach).order_by(StreamRow.reach).with_for_update()


def take_turn(session: Session) -> None:
    """Wait for the sequencer, and keep it waiting: positions of the feed are given one transaction at a time."""
    session.execute(_TURN)


def versions(session: Session, ids: Sequence[str]) -> dict[str, tuple[int, str, int, int]]:
    """(term, home, epoch, version) of those records of other nodes that are held."""
    return {each: (term, home, epoch, version) for each, term, home, epoch, version in
            session.execute(_VERSIONS.where(among(session, "other.id", ids)))}  # fmt: skip


def owners(session: Session, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """(term, home) of those that are or were records of this node."""
    return {each: (term, home) for each, term, home in session.execute(_OWNERS.where(among(session, "record.id", ids)))}


def put(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Hold these records as they are now."""
    insert_many(session, "other", _COLUMNS, [tuple(row[name] for name in _COLUMNS) for row in rows], _NEWER)


def other(session: Session, record_id: str) -> Other | None:
    """A record of another node."""
    return session.get(Other, record_id)


def others_named(session: Session, source: str, source_id: str) -> Sequence[Other]:
    """Records of other nodes by the names that their pages have."""
    query = select(Other).where(Other.source == source, Other.source_id == source_id, Other.state != GONE)
    return session.scalars(query.order_by(Other.id)).all()


def others_of(session: Session, home: str, states: Sequence[str]) -> Iterator[list[Other]]:
    """The records of a home in these states, some at a time, in order of id."""
    last = ""
    while True:
        query = select(Other).where(Other.home == home, Other.state.in_(states), Other.id > last)
        found = list(session.scalars(query.order_by(Other.id).limit(AT_ONCE)))
        if not found:
            return
        last = found[-1].id
        yield found
        session.flush()
        for each in found:  # these alone: the cursor of who applies the event is in the session too
            session.expunge(each)


def held_of(session: Session, home: str, ids: Sequence[str]) -> Sequence[Other]:
    """Those of these records that are held of this home."""
    return session.scalars(select(Other).where(Other.home == home, Other.id.in_(ids))).all()


def forget(session: Session, ids: Sequence[str], *, anew: bool = False) -> None:
    """Erase what these records say; that they were is kept. `anew`: whatever their home says next is newer."""
    gone: dict[str, Any] = {"state": GONE, "data": None, "salt": None, "matched": False}
    values = gone | ({"term": 0, "epoch": 0, "version": 0} if anew else {})
    session.execute(update(Other).where(Other.id.in_(ids)).values(values))


def drop(session: Session, record_id: str) -> None:
    """This record is of this node from now on: what its home before said of it is not held beside it."""
    session.execute(delete(Other).where(Other.id == record_id))


def hiding(session: Session, record_id: str) -> Hiding | None:
    """What was decided of showing a record of another node."""
    return session.get(Hiding, record_id)


def hidden_among(session: Session, ids: Sequence[str]) -> set[str]:
    """Those of these records that this node decided not to show."""
    return set(session.scalars(_HIDDEN.where(among(session, "record_id", ids))))


def hidings(session: Session, after: str, limit: int) -> Sequence[tuple[Hiding, Other]]:
    """What this node does not show, in order of id."""
    query = (
        select(Hiding, Other)
        .join(Other, Other.id == Hiding.record_id)
        .where(Hiding.ended.is_(False), Hiding.record_id > after)
        .order_by(Hiding.record_id)
        .limit(limit)
    )
    return [(made, other) for made, other in session.execute(query)]


def home(session: Session, node: str) -> HomeNode | None:
    """Another node."""
    return session.get(HomeNode, node)


def homes(session: Session) -> dict[str, HomeNode]:
    """All other nodes, by fingerprint."""
    return {each.node: each for each in session.scalars(select(HomeNode))}


def feed_after(session: Session, position: int, limit: int, known: Mapping[str, HomeNode]) -> Iterable[dict[str, Any]]:
    """Public changes after a position, own and others', as `Changes` answers them."""
    return _as_joined(session, list(_feed_after(session, position, limit, known)), known)


def _feed_after(session: Session, position: int, limit: int, known: Mapping[str, HomeNode]) -> Iterable[dict[str, Any]]:
    log = (LogRow.header, LogRow.signature, LogRow.data, LogRow.salt)
    held = (Other.header, Other.signature, Other.data, Other.salt)
    query = (
        select(FeedRow.position, FeedRow.op, FeedRow.kind, FeedRow.subject, *log, *held,
               Other.home, Other.source, Other.source_id, Other.state)
        .outerjoin(LogRow, (LogRow.reach == FeedRow.reach) & (LogRow.epoch == FeedRow.epoch)
                   & (LogRow.seq == FeedRow.seq))
        .outerjoin(Other, (Other.id == FeedRow.subject) & FeedRow.reach.contains("/"))
        .where(FeedRow.position > position)
        .order_by(FeedRow.position)
        .limit(limit)
    )  # fmt: skip
    for row in in_pieces(session.execute(query)):
        place, op, kind, subject, *rest = tuple(row)
        item = {"position": place, "op": op, "kind": kind, "id": subject}
        if rest[0] is not None:
            yield item | {"event": _event(*rest[:4])}
            continue
        if rest[4] is None:  # its tombstone is kept no more
            continue
        event, home, state = _event(*rest[4:8]), str(rest[8]), rest[11]
        if op == "delete" and not (state == GONE and "data" in event):
            event = _ended(event, {"kind": kind, "home": home, "source": rest[9], "source_id": rest[10]})
        yield item | {"event": event, "home": _told(home, known.get(home))}


def _event(header: bytes, signature: bytes, data: bytes | None = None, salt: bytes | None = None) -> dict[str, Any]:
    return Signed(Header.stored(header), signature, data, salt).attributes()


def _as_joined(
    session: Session, items: list[dict[str, Any]], known: Mapping[str, HomeNode]
) -> Iterable[dict[str, Any]]:
    """Of structures that are one, one is told with all their `sources`; each other leads to it (`joined`)."""
    ids = {item["id"] for item in items if item["op"] == "put" and item["kind"] == "structure"}
    gone, beside = store_decisions.joined(session, ids), store_decisions.joined_to(session, ids)
    for item in items:
        if item["id"] in gone:
            said, kept = item["event"]["data"], gone[item["id"]].kept
            named = {name: said[name] for name in ("kind", "home", "source", "source_id")} | {"replaced_by": kept}
            yield item | {"op": "delete", "joined": kept, "event": _ended(item["event"], named, ONE_WITH)}
        elif item["id"] in beside:
            told = [orjson.loads(each.said) for each in beside[item["id"]]]
            yield item | {"sources": [each | {"home": _told_unless_ours(each["home"], known)} for each in told]}
        else:
            yield item


def _ended(event: dict[str, Any], named: dict[str, Any], reason: str = NOT_SHOWN) -> dict[str, Any]:
    """The tombstone of a record that its home still publishes, and this node does not show."""
    tombstone = {
        "id": event["subject"], "version": event["recordversion"], "status": "withdrawn",
        "changed_at": event["time"], "reason": reason,
    }  # fmt: skip
    return {name: value for name, value in event.items() if name != "salt"} | {"data": named | tombstone}


def _told(node: str, home: HomeNode | None) -> dict[str, str]:
    if home is None:  # told of in a moment: nobody else's record is taken for one of ours meanwhile
        return {"id": node, "name": node, "url": ""}
    return {"id": home.label, "name": home.name, "url": home.url}


def _told_unless_ours(node: str, known: Mapping[str, HomeNode]) -> dict[str, str] | None:
    return None if node == store_decisions.OURS else _told(node, known.get(node))


def sent(session: Session, sent_id: str) -> Sent | None:
    """What was sent to another node, locked."""
    return session.get(Sent, sent_id, with_for_update=True)


def waiting(session: Session, record_id: str) -> tuple[int, int]:
    """How many suggestions sent to other nodes wait for an answer: for one record, for all."""
    is_open = select(func.count()).select_from(Sent).where(Sent.state == "sent")
    return session.scalar(is_open.where(Sent.record_id == record_id)) or 0, session.scalar(is_open) or 0


def answered(session: Session) -> Sequence[Sent]:
    """What other nodes answered and whoever left an address was not told yet."""
    return session.scalars(select(Sent).where(Sent.state != "sent", Sent.contact.is_not(None)).order_by(Sent.id)).all()


def sent_lately(session: Session) -> Sequence[Sent]:
    """The last hundred suggestions sent to other nodes."""
    return session.scalars(select(Sent).order_by(Sent.id.desc()).limit(100)).all()
