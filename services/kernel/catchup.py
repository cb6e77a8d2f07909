"""The sure lane inside a node: read what is missing from the log of the service that wrote it.

A message may be lost, doubled or late; the log is the truth. When a follower sees a gap, or hears that a head is
further than what it applied (a lost *last* message leaves no gap), it reads the log after its cursor, in order, into
its inbox, and the applier goes on as if the messages had arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.kernel.applier import cursor_of
from services.kernel.database import Database
from services.kernel.errors import Conflict
from services.kernel.inbox import receive
from services.kernel.relay import after
from services.kernel.rows import CursorRow, StreamRow

PAGE = 500
PAGE_BYTES = 4_000_000
Fetch = Callable[[str, int, int, int], Sequence[bytes]]
"""(stream, epoch, after, limit) → bodies of the events after that place, in order; fewer than the limit at the head."""


class Head(NamedTuple):
    """The last event of a stream."""

    stream: str
    epoch: int
    seq: int


def heads(session: Session, prefix: str) -> list[Head]:
    """The heads of a room's own streams; `prefix` is `<fingerprint>/<service>`."""
    rows = session.execute(select(StreamRow.reach, StreamRow.epoch, StreamRow.seq).order_by(StreamRow.reach))
    return [Head(f"{prefix}/{reach}", epoch, seq) for reach, epoch, seq in rows]


def log_after(session: Session, reach: str, epoch: int, seq: int, limit: int) -> list[bytes]:
    """Bodies of the events after `(epoch, seq)`, in order, without holes: at most `limit` and about 4 MB.

    Raises `Conflict` where the place asked for lies above the head.
    """
    head = session.get(StreamRow, reach)
    if head is None or (epoch, seq) > (head.epoch, head.seq):
        raise Conflict(f"Le flux {reach} ne va pas jusqu’à ({epoch}, {seq}).")
    bodies: list[bytes] = []
    size = 0
    for signed in after(session, reach, epoch, seq, min(limit, PAGE)):
        bodies.append(signed.body())
        size += len(bodies[-1])
        if size > PAGE_BYTES:
            break
    return bodies


def behind(session: Session, known: Sequence[Head]) -> list[str]:
    """Those of the streams whose head is further than what was applied here."""
    late = []
    for head in known:
        cursor = session.get(CursorRow, head.stream)
        epoch, following = (cursor.epoch, cursor.next) if cursor else (1, 1)
        if head.epoch > epoch or (head.epoch == epoch and head.seq >= following):
            late.append(head.stream)
    return late


def pull(database: Database, stream: str, fetch: Fetch) -> int:
    """Read one page of the log after the cursor into the inbox; how many events came. Raises what `fetch` raises."""
    with database.begin() as session:
        cursor = cursor_of(session, stream)
        epoch, following = cursor.epoch, cursor.next
    bodies = fetch(stream, epoch, following - 1, PAGE)
    with database.begin() as session:
        return receive(session, bodies).kept


def lag(database: Database, known: Sequence[Head]) -> dict[str, Any]:
    """For each stream: its head, the next number expected here and how many events lie between."""
    with database.read() as session:
        report = {}
        for head in known:
            cursor = session.get(CursorRow, head.stream)
            following = cursor.next if cursor else 1
            report[head.stream] = {"head": head.seq, "next": following, "lag": head.seq - following + 1}
        return report
