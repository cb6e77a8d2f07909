"""What arrived and is not yet applied: inserted, committed, and only then acknowledged to the broker.

The inbox is unique on (stream, epoch, seq): a second delivery changes nothing. What lies behind the cursor is dropped,
what lies more than `HOLD` ahead is left to the log, from which the gap before it will be pulled anyway. A message that
is no event of ours is kept as it came, for an operator, and never read again: it cannot make a crash loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select, text, tuple_
from sqlalchemy.orm import Session

from services.kernel import clock
from services.kernel.envelope import MAX_DATA_BYTES, Malformed, Signed, check_data, read
from services.kernel.rows import CursorRow, InboxRow, ParkedRow

HOLD = 10_000
MAX_BODY_BYTES = MAX_DATA_BYTES + 16_384
KEEP_UNREADABLE_BYTES = 65_536


@dataclass
class Receipt:
    """What became of one batch of messages."""

    kept: int = 0
    dropped: int = 0
    unreadable: int = 0
    streams: set[str] = field(default_factory=set)


def receive(session: Session, bodies: Iterable[bytes], follows: frozenset[str] | None = None) -> Receipt:
    """Insert a batch; the caller commits, then acknowledges.

    Args:
        bodies: CloudEvents JSON as it arrived.
        follows: names of the streams this room follows; events of others are kept as unreadable. `None`: all.
    """
    receipt = Receipt()
    cursors: dict[str, CursorRow | None] = {}
    rows = []
    for body in bodies:
        event = _readable(session, body, receipt, follows)
        if event is None:
            continue
        head = event.header
        if head.stream not in cursors:
            cursors[head.stream] = session.get(CursorRow, head.stream)
        receipt.streams.add(head.stream)
        if _wanted(cursors[head.stream], head.epoch, head.seq):
            rows.append({"stream": head.stream, "epoch": head.epoch, "seq": head.seq, "body": body})
        else:
            receipt.dropped += 1
    if rows:
        session.execute(_INSERT, rows)
    receipt.kept = len(rows)
    return receipt


def receive_compacted(session: Session, bodies: Iterable[bytes], asked_after: tuple[int, int]) -> int:
    """Insert a page of a log that keeps only the last event of each record; how many. Each says what it comes after.

    What waits between the page's events and is none of them is dropped: the log forgot it since, no page would ever
    lead to it, and a later event says its record anew.
    """
    rows = []
    place = asked_after
    for body in bodies:
        head = read(body).header
        rows.append({"stream": head.stream, "epoch": head.epoch, "seq": head.seq, "body": body,
                     "after_epoch": place[0], "after_seq": place[1]})  # fmt: skip
        place = head.epoch, head.seq
    if rows:
        here = tuple_(InboxRow.epoch, InboxRow.seq)
        of_page = InboxRow.stream == rows[0]["stream"], here > asked_after, here <= place
        session.execute(delete(InboxRow).where(*of_page))
        session.execute(_INSERT_COMPACTED, rows)
    return len(rows)


def _readable(session: Session, body: bytes, receipt: Receipt, follows: frozenset[str] | None) -> Signed | None:
    try:
        if len(body) > MAX_BODY_BYTES:
            raise Malformed(f"message of {len(body)} bytes, at most {MAX_BODY_BYTES}")
        event = read(body)
        check_data(event)
        if follows is not None and event.header.stream not in follows:
            raise Malformed(f"stream {event.header.stream} is not followed here")
    except ValueError as error:
        receipt.unreadable += 1
        session.add(_unreadable(body, str(error)))
        return None
    return event


def _wanted(cursor: CursorRow | None, epoch: int, seq: int) -> bool:
    at_epoch, at_seq = (cursor.epoch, cursor.next) if cursor else (1, 1)
    return (epoch, seq) >= (at_epoch, at_seq) and seq < at_seq + HOLD


def _unreadable(body: bytes, error: str) -> ParkedRow:
    now = clock.to_text(clock.now())
    return ParkedRow(
        handler="", subject="", stream="", seq=0, type="", state="unreadable", attempts=0, due_at=now, parked_at=now,
        error=error, body=body[:KEEP_UNREADABLE_BYTES],
    )  # fmt: skip


def waiting(session: Session, stream: str) -> int:
    """How many events of a stream wait to be applied."""
    return session.scalar(select(func.count()).select_from(InboxRow).where(InboxRow.stream == stream)) or 0


_INSERT_COMPACTED = text(
    "INSERT INTO inbox (stream, epoch, seq, body, after_epoch, after_seq)"
    " VALUES (:stream, :epoch, :seq, :body, :after_epoch, :after_seq) ON CONFLICT (stream, epoch, seq)"
    " DO UPDATE SET after_epoch = excluded.after_epoch, after_seq = excluded.after_seq"
)
_INSERT = text(
    "INSERT INTO inbox (stream, epoch, seq, body) VALUES (:stream, :epoch, :seq, :body)"
    " ON CONFLICT (stream, epoch, seq) DO NOTHING"
)
