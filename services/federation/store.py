"""Every query of federation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from services.federation.model import ANEW, BLOCKED, Carried, Lane, OwnCard, Peer, Taken
from services.kernel.announce import TO
from services.kernel.bulk import insert_many
from services.kernel.checkpoint import Noted, last_of
from services.kernel.envelope import Header, Signed
from services.kernel.giving import in_pieces
from services.kernel.redaction import REDACTED
from services.kernel.rows import HeadRow
from services.kernel.verify import CHECKPOINTED, REOPENED


def peer(session: Session, node: str) -> Peer | None:
    """A peer by its fingerprint."""
    return session.get(Peer, node)


def peers_named(session: Session, name: str) -> Sequence[Peer]:
    """The peers that a label, a fingerprint or the beginning of one means."""
    found = session.scalars(select(Peer).where((Peer.label == name) | Peer.node.startswith(name, autoescape=True)))
    return found.all()


def peers(session: Session) -> Sequence[Peer]:
    """All peers, by label."""
    return session.scalars(select(Peer).order_by(Peer.label, Peer.node)).all()


def cards(session: Session) -> dict[str, int]:
    """The version of the card of each peer that is not blocked, by fingerprint."""
    query = select(Peer.node, Peer.card_version).where(Peer.state != BLOCKED).order_by(Peer.node)
    return {each.node: each.card_version for each in session.execute(query)}


def taken(session: Session, stream: str, *, lock: bool = False) -> Taken | None:
    """How far a stream was taken."""
    return session.get(Taken, stream, with_for_update=lock)


def taken_of(session: Session, node: str | None = None, *, addressed: bool = False) -> Sequence[Taken]:
    """How far the public streams of a node, or of all nodes, were taken, or those `addressed` to this one."""
    for_us = Taken.stream.contains(f"/{TO}")
    query = select(Taken).where(for_us if addressed else ~for_us, ~Taken.stream.endswith(ANEW))
    query = query.order_by(Taken.stream)
    return session.scalars(query if node is None else query.where(Taken.node == node)).all()


def carry(session: Session, stream: str, events: Sequence[Signed]) -> None:
    """Keep events of another node; those that are kept already stay as they are."""
    rows = []
    for event in in_pieces(events):
        head = event.header
        rows.append((stream, head.epoch, head.seq, head.type, head.time, head.raw, event.signature, event.data,
                     event.salt))  # fmt: skip
    insert_many(session, "carried", _CARRIED, rows, "ON CONFLICT (stream, epoch, seq) DO NOTHING")


def erase(session: Session, stream: str, places: Iterable[tuple[int, int]]) -> None:
    """Forget data and salt of events; headers and signatures stay."""
    for epoch, seq in places:
        of_it = (Carried.stream == stream, Carried.epoch == epoch, Carried.seq == seq)
        session.execute(update(Carried).where(*of_it).values(data=None, salt=None))


def after(
    session: Session, stream: str, epoch: int, seq: int, limit: int, to: tuple[int, int] = (2**31 - 1, 0)
) -> list[Signed]:
    """Events of another node after a place and up to another, in order."""
    place = tuple_(Carried.epoch, Carried.seq)
    query = (
        select(Carried.header, Carried.signature, Carried.data, Carried.salt)
        .where(Carried.stream == stream, place > (epoch, seq), place <= to)
        .order_by(Carried.epoch, Carried.seq)
        .limit(limit)
    )
    rows = session.execute(query)
    return [Signed(Header.stored(header), signature, data, salt) for header, signature, data, salt in rows]


def heads_between(session: Session, stream: str, epoch: int, after_seq: int, to: int) -> dict[str, Noted]:
    """The last header of each record that changed in `(after_seq, to]`: what `StateRoot` reads."""
    query = (
        select(Carried.header)
        .where(Carried.stream == stream, Carried.epoch == epoch, Carried.seq > after_seq, Carried.seq <= to)
        .order_by(Carried.seq)
    )
    return last_of(Header.stored(raw) for raw in session.scalars(query))


def live(session: Session, stream: str) -> int:
    """How many records of a stream there are, as of its last checkpoint here."""
    query = select(func.count()).select_from(HeadRow).where(HeadRow.reach == stream, HeadRow.live)
    return session.scalar(query) or 0


def records(session: Session, taken: Taken) -> int:
    """How many records of a stream there are now."""
    since = heads_between(session, taken.stream, taken.epoch, taken.root_seq, taken.seq)
    before = set[str]()
    subjects = list(since)
    for start in range(0, len(subjects), 500):
        some = HeadRow.subject.in_(subjects[start : start + 500])
        before |= set(session.scalars(select(HeadRow.subject).where(HeadRow.reach == taken.stream, HeadRow.live, some)))
    return live(session, taken.stream) + sum(each.live - (subject in before) for subject, each in since.items())


def forget(session: Session, node: str) -> None:
    """Forget a peer and all that was taken of it."""
    streams = list(session.scalars(select(Taken.stream).where(Taken.node == node)))
    session.execute(delete(Carried).where(Carried.stream.in_(streams)))
    session.execute(delete(HeadRow).where(HeadRow.reach.in_(streams)))
    session.execute(delete(Taken).where(Taken.node == node))
    session.execute(delete(Lane).where(Lane.node == node))
    session.execute(delete(Peer).where(Peer.node == node))


def lane(session: Session, node: str) -> Lane | None:
    """The lane over RabbitMQ with a peer."""
    return session.get(Lane, node)


def new_lane(node: str) -> Lane:
    """A lane of which nothing is made yet."""
    return Lane(
        node=node, opened_at="", said="", document="", password_hash="", taken_at="", heard="", made=0, cluster="",
        way="", events=0, doubled=0, refused=0, last_at="",
    )  # fmt: skip


def lanes(session: Session) -> Sequence[Lane]:
    """All lanes, by peer."""
    return session.scalars(select(Lane).order_by(Lane.node)).all()


def readers(session: Session) -> int:
    """How many peers may read this node's public events from its broker."""
    return session.scalar(select(func.count()).select_from(Lane).where(Lane.document != "", Lane.cluster != "")) or 0


def count_lane(session: Session, node: str, events: int, doubled: int, refused: int, at: str) -> None:
    """What came by a lane."""
    more = {"events": Lane.events + events, "doubled": Lane.doubled + doubled, "refused": Lane.refused + refused}
    session.execute(update(Lane).where(Lane.node == node).values(more | {"last_at": at}), execution_options=_NO_SYNC)


def own_card(session: Session) -> OwnCard | None:
    """The card last handed out."""
    return session.get(OwnCard, 1)


def snapshot_after(session: Session, stream: str, epoch: int, seq: int, limit: int) -> list[Signed]:
    """The last event of each record after a place, as of the last checkpoint, in order of their places."""
    query = (
        select(Carried.header, Carried.signature, Carried.data, Carried.salt)
        .join(
            HeadRow, (HeadRow.reach == Carried.stream) & (HeadRow.epoch == Carried.epoch) & (HeadRow.seq == Carried.seq)
        )
        .where(HeadRow.reach == stream, tuple_(HeadRow.epoch, HeadRow.seq) > (epoch, seq), HeadRow.hash != "")
        .order_by(HeadRow.epoch, HeadRow.seq)
        .limit(limit)
    )
    rows = session.execute(query)
    return [Signed(Header.stored(header), signature, data, salt) for header, signature, data, salt in rows]


def checkpoint(session: Session, taken: Taken) -> Signed | None:
    """The event of the last checkpoint taken, where the last thing compared was one."""
    row = session.get(Carried, (taken.stream, taken.epoch, taken.root_seq))
    if row is None or not Header.from_raw(row.header).type.endswith(CHECKPOINTED):
        return None
    return Signed(Header.from_raw(row.header), row.signature, row.data, row.salt)


def judged_at(taken: Taken) -> tuple[int, int]:
    """The checkpoint at which the heads of records that are held are the stream's state; (0, 0) while they are read."""
    return (0, 0) if taken.reading else (taken.epoch, taken.root_seq)


def compact(session: Session, taken: Taken, before: str) -> int:
    """Keep of what came before the last checkpoint of that time only the last event of each record; how many went."""
    of_it = Carried.stream == taken.stream
    old = (of_it, Carried.type.endswith(CHECKPOINTED), Carried.time <= before)
    query = select(Carried.epoch, Carried.seq).where(*old).order_by(Carried.epoch.desc(), Carried.seq.desc()).limit(1)
    base = session.execute(query).first()
    if base is None or tuple(base) <= (taken.base_epoch, taken.base_seq):
        return 0
    last = select(HeadRow.subject).where(
        HeadRow.reach == Carried.stream, HeadRow.epoch == Carried.epoch, HeadRow.seq == Carried.seq
    )
    tells = Carried.type.endswith(REDACTED) | Carried.type.endswith(REOPENED)
    passed = tuple_(Carried.epoch, Carried.seq) < tuple(base)
    gone = session.execute(delete(Carried).where(of_it, passed, ~last.exists(), ~tells), execution_options=_NO_SYNC)
    taken.base_epoch, taken.base_seq = base
    return int(gone.rowcount)  # type: ignore[attr-defined]


def forget_addressed(session: Session, taken: Taken, before: str) -> int:
    """Forget the messages that came before a time, but the last of them; how many went."""
    of_it = Carried.stream == taken.stream
    old = select(Carried.epoch, Carried.seq).where(of_it, Carried.time <= before)
    base = session.execute(old.order_by(Carried.epoch.desc(), Carried.seq.desc()).limit(1)).first()
    if base is None or tuple(base) <= (taken.base_epoch, taken.base_seq):
        return 0
    passed = tuple_(Carried.epoch, Carried.seq) < tuple(base)
    gone = session.execute(delete(Carried).where(of_it, passed), execution_options=_NO_SYNC)
    taken.base_epoch, taken.base_seq = base
    return int(gone.rowcount)  # type: ignore[attr-defined]


def missing(session: Session, stream: str) -> int:
    """How many records of a stream its reading anew did not find."""
    new = aliased(HeadRow)
    found = select(new.subject).where(new.reach == stream + ANEW, new.subject == HeadRow.subject, new.live).exists()
    query = select(func.count()).select_from(HeadRow).where(HeadRow.reach == stream, HeadRow.live, ~found)
    return session.scalar(query) or 0


def replace(session: Session, stream: str) -> None:
    """What was read anew takes the place of what was held; the names of records that are no more are kept."""
    new = aliased(HeadRow)
    found = select(new.subject).where(new.reach == stream + ANEW, new.subject == HeadRow.subject).exists()
    of_it = HeadRow.reach == stream
    no_more = {"live": False, "hash": "", "epoch": 0, "seq": 0}
    session.execute(update(HeadRow).where(of_it, ~found).values(no_more), execution_options=_NO_SYNC)
    session.execute(delete(HeadRow).where(of_it, found), execution_options=_NO_SYNC)
    session.execute(delete(Carried).where(Carried.stream == stream), execution_options=_NO_SYNC)
    for table, name in ((HeadRow, HeadRow.reach), (Carried, Carried.stream)):
        session.execute(
            update(table).where(name == stream + ANEW).values({name.key: stream}), execution_options=_NO_SYNC
        )


def drop_anew(session: Session, stream: str) -> None:
    """Forget what was read anew."""
    session.execute(delete(Carried).where(Carried.stream == stream + ANEW), execution_options=_NO_SYNC)
    session.execute(delete(HeadRow).where(HeadRow.reach == stream + ANEW), execution_options=_NO_SYNC)
    session.execute(delete(Taken).where(Taken.stream == stream + ANEW))


def drop(session: Session, taken: Taken) -> None:
    """Forget all that was read of a stream of which nothing was held before."""
    session.execute(delete(Carried).where(Carried.stream == taken.stream), execution_options=_NO_SYNC)
    session.execute(delete(HeadRow).where(HeadRow.reach == taken.stream), execution_options=_NO_SYNC)
    taken.read_epoch = taken.read_seq = 0


def drop_superseded(session: Session, stream: str, end: tuple[int, int]) -> None:
    """Forget events that are no record's last: no root names them. The checkpoint at the end stays."""
    last = select(HeadRow.subject).where(
        HeadRow.reach == Carried.stream, HeadRow.epoch == Carried.epoch, HeadRow.seq == Carried.seq
    )
    superseded = Carried.stream == stream, ~last.exists(), tuple_(Carried.epoch, Carried.seq) != end
    session.execute(delete(Carried).where(*superseded), execution_options=_NO_SYNC)


def vanished(session: Session, stream: str, after: str, limit: int) -> Sequence[str]:
    """Names of records that are no more in a stream and of which no event says so, in order."""
    query = select(HeadRow.subject).where(HeadRow.reach == stream, HeadRow.hash == "", HeadRow.subject > after)
    return session.scalars(query.order_by(HeadRow.subject).limit(limit)).all()


_NO_SYNC = {"synchronize_session": False}
_CARRIED = ("stream", "epoch", "seq", "type", "time", "header", "signature", "data", "salt")
