"""Apply each followed stream in order, each event once, and never let one bad event stop the others.

`seq < next` is dropped, `seq = next` applied and the cursor moved in the same transaction, `seq > next` waits for the
gap to be repaired from the log (`catchup.py`). Events are applied in batches of what is there; if a handler raises,
the batch is undone and gone through again one by one, so that the failure costs its own event alone: it is parked by
(handler, subject), later events of that subject wait behind it, and the cursor moves on (`parking.py`).

A room decides which types it handles. A type that its release does not know is parked as `upgrade` and applied by the
release that does; a type it knows and does not handle is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.orm import Session

from services.kernel.checkpoint import is_about_stream
from services.kernel.database import Database
from services.kernel.envelope import Signed, check_data, read
from services.kernel.errors import Unavailable
from services.kernel.giving import in_pieces
from services.kernel.log import CAUSE
from services.kernel.parking import UNKNOWN, Parking
from services.kernel.redaction import REDACTED, forget
from services.kernel.rows import CursorRow, InboxRow

BATCH = 500


@dataclass(frozen=True)
class Event:
    """What a handler receives: a fact, its place in its stream and the full record after it."""

    id: str
    type: str
    subject: str
    recordversion: int
    time: str
    stream: str
    seq: int
    data: Any
    """Parsed data; `None` where it was redacted."""
    signed: Signed
    """The event as its home signed it."""
    whole: bool = False
    """The stream is read anew from its beginning: what this event says holds, whatever was held before."""

    @classmethod
    def of(cls, signed: Signed, whole: bool = False) -> Event:
        """The event as handlers see it."""
        head = signed.header
        return cls(head.id, head.type, head.subject, head.recordversion, head.time, head.stream, head.seq,
                   signed.payload() if signed.parsed is None else signed.parsed, signed, whole)  # fmt: skip


Call = Callable[[Session, Event], None]


@dataclass(frozen=True)
class Handlers:
    """What a room does with events: `calls[type][handler name]`, and the types that its release knows."""

    calls: Mapping[str, Mapping[str, Call]]
    known: frozenset[str]

    def names(self, event_type: str) -> Sequence[str]:
        """The handlers an event goes to; `UNKNOWN` for a type unknown to this release."""
        if event_type in self.calls:
            return list(self.calls[event_type])
        return [] if event_type in self.known or is_about_stream(event_type) else [UNKNOWN]

    def run(self, name: str, session: Session, event: Event) -> None:
        """Call one handler. Raises whatever it raises, `LookupError` while the type is still unknown."""
        call = self.calls.get(event.type, {}).get(name)
        if call is None:
            raise LookupError(f"{event.type} needs a newer release")
        session.info[CAUSE] = event.id
        call(session, event)


@dataclass
class Applied:
    """One run over a stream: how many events were applied or parked, and whether a gap stopped it."""

    count: int = 0
    gap: bool = False
    more: bool = False


@dataclass
class _Batch:
    cursor: CursorRow
    ready: list[Signed] = field(default_factory=list)
    gap: bool = False


Blocked = set[tuple[str, str]]


@dataclass
class _Attempt:
    """What went wrong so far with the one event being applied: its handlers' errors, and those that ran since."""

    failures: dict[str, Exception] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def blame(self, error: Exception) -> None:
        """On the handler that ran last; where they all returned (it was the commit that failed), on all of them."""
        for name in self.ran:
            self.failures[name] = error


class Applier:
    """Applies the followed streams of one room."""

    def __init__(self, database: Database, handlers: Handlers, parking: Parking) -> None:
        self._database = database
        self._handlers = handlers
        self._parking = parking

    def run_once(self, stream: str, limit: int = BATCH) -> Applied:
        """Apply what is ready, at most `limit` events. Raises `Unavailable`: nothing was applied, come back."""
        try:
            with self._database.begin() as session:
                return self._run(session, stream, limit)
        except Unavailable:
            raise
        except Exception:  # a handler: find out which, one event at a time
            return self._run_carefully(stream, limit)

    def run_page(self, stream: str, place: tuple[int, int], bodies: Sequence[bytes], *, holes: bool) -> int:
        """Apply a page of the log that was read after `place`, as it came; how many events, 0 where it has to go
        through the inbox, which finds out what is wrong with it. `holes`: each event comes after the one before it.
        Raises `Unavailable`: nothing was applied.
        """  # fmt: skip
        try:
            events = [read(body) for body in in_pieces(bodies)]
            for event in in_pieces(events):
                check_data(event)
            with self._database.begin() as session:
                batch = _Batch(cursor_of(session, stream))
                if (batch.cursor.epoch, batch.cursor.next - 1) != place:
                    return 0
                for event in events:
                    if event.header.stream != stream or not (holes or _is_next(event, *place)):
                        return 0
                    batch.ready.append(event)
                    place = event.header.epoch, event.header.seq
                return self._apply(session, stream, batch).count
        except Unavailable:
            raise
        except Exception:  # a handler, or an event: one at a time
            return 0

    def _run(self, session: Session, stream: str, limit: int, attempt: _Attempt | None = None) -> Applied:
        applied = self._apply(session, stream, self._take(session, stream, limit), attempt)
        applied.more = applied.count == limit
        return applied

    def _apply(self, session: Session, stream: str, batch: _Batch, attempt: _Attempt | None = None) -> Applied:
        blocked = self._parking.blocked(session)
        for signed in in_pieces(batch.ready):
            erased = signed.data is None  # a later event tells the record as it may be told
            if signed.header.type.endswith(REDACTED):
                forget(session, stream, signed.payload())
            for name in () if erased else self._handlers.names(signed.header.type):
                self._dispatch(session, name, Event.of(signed, batch.cursor.whole), blocked, attempt)
        self._move(session, batch)
        return Applied(len(batch.ready), batch.gap)

    def _dispatch(self, session: Session, name: str, event: Event, blocked: Blocked, attempt: _Attempt | None) -> None:
        subject, signed = event.subject, event.signed
        if attempt and name in attempt.failures:
            self._parking.park(session, name, signed, attempt.failures[name])
        elif (name, subject) in blocked or (UNKNOWN, subject) in blocked:
            self._parking.park_behind(session, name, signed)
        elif name == UNKNOWN:
            self._parking.park_unknown(session, name, signed)
            blocked.add((name, subject))
        elif attempt:
            self._watch(session, name, event, attempt)
        else:
            self._handlers.run(name, session, event)

    def _watch(self, session: Session, name: str, event: Event, attempt: _Attempt) -> None:
        """Run one handler so that what it only prepared fails here, and not in another's name."""
        before, attempt.ran = attempt.ran, [name]
        self._handlers.run(name, session, event)
        session.flush()
        attempt.ran = [*before, name]

    def _run_carefully(self, stream: str, limit: int) -> Applied:
        total = Applied()
        for _ in range(limit):
            applied = self._one(stream)
            total.count += applied.count
            total.gap = applied.gap
            if not applied.count:
                return total
        total.more = True
        return total

    def _one(self, stream: str) -> Applied:
        """Apply one event; where a handler raises, park it for that handler and apply it for the others."""
        attempt = _Attempt()
        while True:
            try:
                with self._database.begin() as session:
                    return self._run(session, stream, 1, attempt)
            except Unavailable:
                raise
            except Exception as error:
                if not attempt.ran:
                    raise
                attempt.blame(error)
                attempt.ran = []

    def _take(self, session: Session, stream: str, limit: int) -> _Batch:
        cursor = cursor_of(session, stream)
        query = (
            select(InboxRow.epoch, InboxRow.seq, InboxRow.body, InboxRow.after_epoch, InboxRow.after_seq)
            .where(InboxRow.stream == stream, tuple_(InboxRow.epoch, InboxRow.seq) >= (cursor.epoch, cursor.next))
            .order_by(InboxRow.epoch, InboxRow.seq)
            .limit(limit)
        )
        batch = _Batch(cursor)
        epoch, expected = cursor.epoch, cursor.next
        for row_epoch, seq, body, after_epoch, after_seq in session.execute(query):
            signed = read(body)
            told_next = after_epoch is not None and (after_epoch, after_seq) <= (epoch, expected - 1)
            if not told_next and not _is_next(signed, epoch, expected - 1):
                batch.gap = True
                break
            batch.ready.append(signed)
            epoch, expected = row_epoch, seq + 1
        return batch

    def _move(self, session: Session, batch: _Batch) -> None:
        if not batch.ready:
            return
        last = batch.ready[-1].header
        stream, cursor = last.stream, batch.cursor
        cursor.epoch, cursor.next = last.epoch, last.seq + 1
        session.flush()
        passed = tuple_(InboxRow.epoch, InboxRow.seq) < (cursor.epoch, cursor.next)
        session.execute(delete(InboxRow).where(InboxRow.stream == stream, passed))


def _is_next(signed: Signed, epoch: int, seq: int) -> bool:
    """Whether an event follows this place without a gap."""
    return (signed.header.epoch, signed.header.seq) == (epoch, seq + 1) or _reopens(signed, epoch, seq + 1)


def _reopens(signed: Signed, epoch: int, expected: int) -> bool:
    """Whether this event opens a new epoch whose base was applied here.

    The home's database may have lost events that were applied here, or a whole epoch of them: what counts is that
    nothing before the base is missing.
    """
    if signed.header.epoch <= epoch or not signed.header.type.endswith(".stream.reopened.v1"):
        return False
    base = signed.payload()
    return base is not None and (base["epoch"], base["seq"]) <= (epoch, expected - 1)


def cursor_of(session: Session, stream: str) -> CursorRow:
    """The cursor of a stream, locked; made at the stream's beginning where there is none."""
    cursor = session.get(CursorRow, stream, with_for_update=True)
    if cursor is None:
        session.execute(_MAKE_CURSOR, {"stream": stream})
        cursor = session.get_one(CursorRow, stream, with_for_update=True)
    return cursor


_MAKE_CURSOR = text("INSERT INTO cursor (stream, epoch, next) VALUES (:stream, 1, 1) ON CONFLICT (stream) DO NOTHING")
