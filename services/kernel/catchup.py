"""The sure lane inside a node: read what is missing from the log of the service that wrote it.

A message may be lost, doubled or late; the log is the truth. When a follower sees a gap, or hears that a head is
further than what it applied (a lost *last* message leaves no gap), it reads the log after its cursor, in order. The
applier takes a page as it came; where that fails, the page goes into the inbox, as if the messages had arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from services.kernel.announce import TO
from services.kernel.applier import cursor_of
from services.kernel.database import Database
from services.kernel.envelope import Header, Signed
from services.kernel.errors import Conflict, Gone
from services.kernel.giving import FEW, fit, in_pieces
from services.kernel.inbox import receive, receive_compacted
from services.kernel.relay import after
from services.kernel.rows import CursorRow, InboxRow, ParkedRow, StreamRow
from services.kernel.verify import CHECKPOINTED, REKEYED, REOPENED

PAGE = 500
PAGE_BYTES = 4_000_000


class Page(NamedTuple):
    """Events of a stream in order. `holes`: numbers between them are missing, since only each record's last is kept."""

    bodies: Sequence[bytes]
    holes: bool = False

    @property
    def may_go_on(self) -> bool:
        """Whether it has as many events as are asked for at once, or bytes; else it ends at the head."""
        return len(self.bodies) >= FEW or sum(map(len, self.bodies)) > PAGE_BYTES

    def to_dict(self) -> dict[str, Any]:
        """As a door answers it."""
        return {"events": [body.decode() for body in self.bodies], "holes": self.holes}


Fetch = Callable[[str, int, int, int], Page]
"""(stream, epoch, after, limit) → the events after that place, in order; fewer than the limit at the head."""


class Head(NamedTuple):
    """The last event of a stream; `generation` rises when a stream of another node was read anew from its beginning.

    `(base_epoch, base_seq)`: where that reading ended.
    """

    stream: str
    epoch: int
    seq: int
    generation: int = 0
    base_epoch: int = 0
    base_seq: int = 0


def heads(session: Session, prefix: str) -> list[Head]:
    """The heads of a room's own streams but for what is addressed; `prefix` is `<fingerprint>/<service>`."""
    columns = select(StreamRow.reach, StreamRow.epoch, StreamRow.seq)
    rows = session.execute(columns.where(~StreamRow.reach.startswith(TO)).order_by(StreamRow.reach))
    return [Head(f"{prefix}/{reach}", epoch, seq) for reach, epoch, seq in rows]


def log_after(session: Session, reach: str, epoch: int, seq: int, limit: int) -> Page:
    """The events after `(epoch, seq)`, in order: at most `limit` and about 4 MB; without holes above the base.

    Raises `Conflict` where the place asked for lies above the head.
    """
    head = session.get(StreamRow, reach)
    if head is None or (epoch, seq) > (head.epoch, head.seq):
        raise Conflict(f"Le flux {reach} ne va pas jusqu’à ({epoch}, {seq}).")
    holes = (epoch, seq) < (head.base_epoch, head.base_seq)
    return Page(page_of(after(session, reach, epoch, seq, min(limit, PAGE))), holes)


def snapshot_after(session: Session, reach: str, epoch: int, seq: int, limit: int, *, anew: bool = False) -> Page:
    """The last event of each record that changed after `(epoch, seq)`, as of the last checkpoint, in order of places.

    The checkpoint's own event ends the last page; nothing where there is no checkpoint after that place. A record that
    changes between two pages is found again at its later place: whoever reads to the end has the state at the end.
    Raises `Gone` where tombstones after that place are kept no more, unless it is read `anew`, from the beginning.
    """
    head = session.get_one(StreamRow, reach)
    if not anew and (epoch, seq) < (head.whole_epoch, head.whole_seq):
        raise Gone(f"Le flux {reach} ne dit plus ce qui a été retiré depuis ({epoch}, {seq}) : lisez-le du début.")
    end = last_checkpoint(session, reach)
    if end is None or (end.header.epoch, end.header.seq) <= (epoch, seq):
        return Page([], holes=True)
    asked = min(limit, PAGE)
    rows = session.execute(_RECORDS, {"reach": reach, "epoch": epoch, "seq": seq, "limit": asked}).all()
    bodies = page_of(Signed(Header.stored(row.header), row.signature, row.data, row.salt) for row in rows)
    if len(bodies) == len(rows) < asked:
        bodies.append(end.body())
    return Page(bodies, holes=True)


def last_checkpoint(session: Session, reach: str) -> Signed | None:
    """The event of a stream's last checkpoint."""
    row = session.execute(_LAST_CHECKPOINT, {"reach": reach, "type": f"%{CHECKPOINTED}"}).first()
    return None if row is None else Signed(Header.from_raw(row.header), row.signature, row.data, row.salt)


def is_signed(session: Session, reach: str) -> bool:
    """Whether a stream's last event is a checkpoint, and nothing waits for a number."""
    head = session.get(StreamRow, reach)
    waits = session.scalar(_WAITS, {"reach": reach})
    return head is not None and head.seq == head.checkpoint_seq and not waits


def ends_of_keys(session: Session, reach: str) -> dict[str, Any]:
    """The place and header hash of the last event by each former key of this node: keyid → [epoch, seq, hash]."""
    kinds = {"reach": reach, "rekeyed": f"%{REKEYED}", "reopened": f"%{REOPENED}"}
    ends = {}
    for raw in session.scalars(_KEYS, kinds):
        said = orjson.loads(raw)
        if "former" in said:
            ends[said["former"]] = [said["epoch"], said["seq"], said["hash"]]
    return ends


def unknown_here(session: Session, reach: str, claims: Sequence[Signed]) -> Signed | None:
    """The furthest of these events that this room's log does not hold, where it should."""
    head = session.get(StreamRow, reach)
    lost = None
    for claim in claims:
        place = claim.header.epoch, claim.header.seq
        row = session.execute(_HEADER_AT, {"reach": reach, "epoch": place[0], "seq": place[1]}).first()
        if head is None or place <= (head.base_epoch, head.base_seq) or (row and row.header == claim.header.raw):
            continue
        if place[0] >= head.epoch and (lost is None or place > (lost.header.epoch, lost.header.seq)):
            lost = claim
    return lost


_WAITS = text("SELECT count(*) FROM event_log WHERE reach = :reach AND seq IS NULL")
_KEYS = text(
    "SELECT data FROM event_log"
    " WHERE reach = :reach AND seq IS NOT NULL AND (type LIKE :rekeyed OR type LIKE :reopened)"
)
_HEADER_AT = text("SELECT header FROM event_log WHERE reach = :reach AND epoch = :epoch AND seq = :seq")


def page_of(events: Iterable[Signed]) -> list[bytes]:
    """As they travel: as many as come to about 4 MB, one at least."""
    bodies: list[bytes] = []
    size = 0
    for signed in in_pieces(events):
        bodies.append(signed.body())
        size += len(bodies[-1])
        if size > PAGE_BYTES:
            break
    return bodies


_RECORDS = text(
    "SELECT log.header, log.signature, log.data, log.salt FROM stream_record AS last JOIN event_log AS log"
    " ON log.reach = last.reach AND log.epoch = last.epoch AND log.seq = last.seq"
    " WHERE last.reach = :reach AND (last.epoch, last.seq) > (:epoch, :seq)"
    " ORDER BY last.epoch, last.seq LIMIT :limit"
)
_LAST_CHECKPOINT = text(
    "SELECT log.header, log.signature, log.data, log.salt FROM stream"
    " JOIN event_log AS log"
    " ON log.reach = stream.reach AND log.epoch = stream.epoch AND log.seq = stream.checkpoint_seq"
    " WHERE stream.reach = :reach AND log.type LIKE :type"
)


def behind(session: Session, known: Sequence[Head]) -> list[str]:
    """Those of the streams whose head is further than what was applied here."""
    late = []
    for head in known:
        cursor = session.get(CursorRow, head.stream)
        epoch, following = (cursor.epoch, cursor.next) if cursor else (1, 1)
        if head.epoch > epoch or (head.epoch == epoch and head.seq >= following):
            late.append(head.stream)
    return late


def ask(database: Database, stream: str, fetch: Fetch) -> tuple[tuple[int, int], Page]:
    """One page of the log after the cursor, and the place asked after. Raises what `fetch` raises."""
    with database.read() as session:
        cursor = session.get(CursorRow, stream)
        epoch, after_seq = (cursor.epoch, cursor.next - 1) if cursor else (1, 0)
    return (epoch, after_seq), fetch(stream, epoch, after_seq, fit(PAGE))


def keep(database: Database, place: tuple[int, int], page: Page) -> int:
    """Put a page that was asked for after a place into the inbox; how many events came."""
    with database.begin() as session:
        if page.holes:
            return receive_compacted(session, page.bodies, place)
        return receive(session, page.bodies).kept


def begin_anew(database: Database, known: Sequence[Head]) -> None:
    """Streams that are to be read anew: their cursors go back to the beginning, what waits of them is dropped."""
    with database.read() as session:
        cursors = {each.stream: each.generation for each in session.scalars(select(CursorRow))}
    stale = [head for head in known if head.generation > cursors.get(head.stream, 0)]
    if not stale:
        return
    with database.begin() as session:
        for head in stale:
            cursor = cursor_of(session, head.stream)
            cursor.epoch, cursor.next, cursor.generation, cursor.whole = 1, 1, head.generation, True
            session.execute(delete(InboxRow).where(InboxRow.stream == head.stream))


def is_read_anew(database: Database, head: Head) -> bool:
    """Whether a stream that was to be read anew has been, up to where that reading ended in its home."""
    with database.read() as session:
        cursor = session.get(CursorRow, head.stream)
        return cursor is not None and cursor.whole and (cursor.epoch, cursor.next) > (head.base_epoch, head.base_seq)


def forget_node(session: Session, node: str) -> None:
    """A node is followed no more: how far its streams were applied, and what waits of them, is forgotten with it.

    Whoever follows it again later reads them from their beginning.
    """
    of_it = f"{node}/"
    for table in (CursorRow, InboxRow, ParkedRow):
        session.execute(delete(table).where(table.stream.startswith(of_it, autoescape=True)))


def end_anew(database: Database, stream: str) -> None:
    """What was not said again is gone: from here on events are applied as ever."""
    with database.begin() as session:
        cursor_of(session, stream).whole = False


def lag(database: Database, known: Sequence[Head]) -> dict[str, Any]:
    """For each stream: its head, the next number expected here and how many events lie between."""
    with database.read() as session:
        report = {}
        for head in known:
            cursor = session.get(CursorRow, head.stream)
            following = cursor.next if cursor else 1
            report[head.stream] = {
                "head": max(head.seq, following - 1),
                "next": following,
                "lag": max(head.seq - following + 1, 0),
            }
        return report
