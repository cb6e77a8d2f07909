"""Events that could not be handled: tried again with growing delay, then kept for an operator.

Rows are queued by (handler, subject), in the order in which they came. The first of a queue is `retrying` until its
attempts are used up, then `parked`; the others are `waiting`. When the first succeeds, or an operator drops it, the
next is tried. Everything happens in the room's own transactions: a retry that succeeds takes effect and leaves the
queue at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from services.kernel import clock
from services.kernel.database import Database
from services.kernel.envelope import Signed, read
from services.kernel.errors import NotFound, Unavailable, WrongState
from services.kernel.rows import CursorRow, ParkedRow

DELAYS_S = (1, 5, 30, 120, 600)
"""Before the 2nd, 3rd, … attempt; after the last one the event waits for an operator."""
PAGE = 100
_WHY_NOT = {
    "waiting": "il attend derrière un autre événement de la même fiche",
    "upgrade": "son type n’est pas connu de cette version",
    "unreadable": "ce message n’est pas un événement",
}
UNKNOWN = "?"
"""The handler name under which events of a type unknown to this release wait; they hold back every handler."""
Run = Callable[[str, Session, Signed], None]


class Parking:
    """The parked events of one room."""

    def __init__(self, now: Callable[[], datetime] = clock.now) -> None:
        self._now = now

    def blocked(self, session: Session) -> set[tuple[str, str]]:
        """The (handler, subject) pairs behind which later events wait."""
        query = select(ParkedRow.handler, ParkedRow.subject).where(ParkedRow.state != "unreadable").distinct()
        return {(handler, subject) for handler, subject in session.execute(query)}

    def park(self, session: Session, handler: str, event: Signed, error: Exception) -> None:
        """Keep an event whose handler just raised, to be tried again soon."""
        self._add(session, handler, event, "retrying", _describe(error), 1, timedelta(seconds=DELAYS_S[0]))

    def park_behind(self, session: Session, handler: str, event: Signed) -> None:
        """Keep an event of a subject whose earlier event is parked."""
        self._add(session, handler, event, "waiting", "waits behind an earlier event of the same record", 0)

    def park_unknown(self, session: Session, handler: str, event: Signed) -> None:
        """Keep an event of a type that this release does not know."""
        self._add(session, handler, event, "upgrade", f"{event.header.type} is unknown to this release", 0)

    def due(self, session: Session) -> list[int]:
        """Ids of the events whose next attempt is due, oldest first; one too far off, by a clock put back."""
        now, furthest = self._now(), self._now() + timedelta(seconds=DELAYS_S[-1])
        is_due = or_(ParkedRow.due_at <= clock.to_text(now), ParkedRow.due_at > clock.to_text(furthest))
        query = select(ParkedRow.id).where(ParkedRow.state == "retrying", is_due)
        return list(session.scalars(query.order_by(ParkedRow.id).limit(PAGE)))

    def attempt(self, database: Database, parked_id: int, run: Run) -> bool:
        """Try one parked event now; on success its next in line becomes due. Whether it succeeded."""
        try:
            with database.begin() as session:
                _take_turn(session)
                row = session.get(ParkedRow, parked_id)
                if row is None or row.state != "retrying":
                    return True
                event = read(row.body)
                if event.data is not None:  # erased since by its home: a later event tells the record as it may be told
                    run(row.handler, session, event)
                session.flush()
                self._release(session, row)
            return True
        except Unavailable:
            raise
        except Exception as error:
            with database.begin() as session:
                self._failed(session, parked_id, error)
            return False

    def retry(self, session: Session, parked_id: int) -> None:
        """Give a parked event all its attempts again, from now.

        Raises:
            NotFound: there is none.
            WrongState: it waits for another event or for an upgrade, or is no event at all.
        """
        row = self._get(session, parked_id)
        if row.state not in ("retrying", "parked"):
            raise WrongState(f"L’événement n° {parked_id} ne peut pas être repris : {_WHY_NOT[row.state]}.")
        row.state, row.attempts, row.due_at = "retrying", 0, clock.to_text(self._now())

    def drop(self, session: Session, parked_id: int) -> None:
        """Give up an event for good; the next of its record is tried. Raises `NotFound`."""
        _take_turn(session)
        self._release(session, self._get(session, parked_id))

    def counts(self, session: Session) -> dict[str, int]:
        """How many events are in each state."""
        query = select(ParkedRow.state, func.count()).group_by(ParkedRow.state)
        return {str(state): int(count) for state, count in session.execute(query)}

    def page(self, session: Session, after: int = 0) -> list[dict[str, Any]]:
        """Up to `PAGE` parked events after an id, without their contents."""
        rows = session.scalars(select(ParkedRow).where(ParkedRow.id > after).order_by(ParkedRow.id).limit(PAGE))
        return [_view(row) for row in rows]

    def show(self, session: Session, parked_id: int) -> dict[str, Any]:
        """One parked event whole. Raises `NotFound`."""
        row = self._get(session, parked_id)
        return _view(row) | {"body": row.body.decode(errors="replace")}

    def upgraded(self, session: Session, handlers_of: Callable[[str], Sequence[str]]) -> None:
        """After an upgrade: queue events of types now known for their handlers, in their old order."""
        _take_turn(session)
        for row in session.scalars(select(ParkedRow).where(ParkedRow.handler == UNKNOWN).order_by(ParkedRow.id)):
            names = list(handlers_of(row.type))
            if names == [row.handler]:
                continue
            for name in names:
                session.execute(_queue_for(row, name))
            session.delete(row)
            session.flush()
            self._promote(session, row.subject)

    def _promote(self, session: Session, subject: str) -> None:
        """Waiting events of a subject that have nothing left before them are tried."""
        earlier = aliased(ParkedRow)
        blocked = exists().where(
            earlier.subject == subject,
            earlier.handler.in_([ParkedRow.handler, UNKNOWN]),
            func.coalesce(earlier.place, earlier.id) < func.coalesce(ParkedRow.place, ParkedRow.id),
            earlier.state != "unreadable",
        )
        session.execute(
            update(ParkedRow)
            .where(ParkedRow.subject == subject, ParkedRow.state == "waiting", ~blocked)
            .values(state="retrying", due_at=clock.to_text(self._now()))
            .execution_options(synchronize_session=False)
        )

    def _add(self, session: Session, handler: str, event: Signed, state: str, error: str, attempts: int,
             delay: timedelta = timedelta()) -> None:  # fmt: skip
        now, head = self._now(), event.header
        session.add(
            ParkedRow(
                handler=handler, subject=head.subject, stream=head.stream, seq=head.seq, type=head.type, state=state,
                attempts=attempts, due_at=clock.to_text(now + delay), parked_at=clock.to_text(now), error=error,
                body=event.body(),
            )
        )  # fmt: skip

    def _failed(self, session: Session, parked_id: int, error: Exception) -> None:
        row = session.get(ParkedRow, parked_id)
        if row is None:
            return
        row.attempts += 1
        row.error = _describe(error)
        if row.attempts > len(DELAYS_S):
            row.state = "parked"
        else:
            row.due_at = clock.to_text(self._now() + timedelta(seconds=DELAYS_S[row.attempts - 1]))

    def _release(self, session: Session, row: ParkedRow) -> None:
        session.execute(delete(ParkedRow).where(ParkedRow.id == row.id))
        self._promote(session, row.subject)

    def _get(self, session: Session, parked_id: int) -> ParkedRow:
        row = session.get(ParkedRow, parked_id)
        if row is None:
            raise NotFound(f"Aucun événement en attente n° {parked_id}.")
        return row


def _describe(error: Exception) -> str:
    """The kind of error, and its text: never the event's data, which may be somebody's."""
    return f"{type(error).__name__}: {error}"[:500]


def _take_turn(session: Session) -> None:
    """One at a time with the applier: what it parks behind an event, and the release of that event, must not cross."""
    session.execute(select(CursorRow.stream).order_by(CursorRow.stream).with_for_update()).all()


def _queue_for(row: ParkedRow, handler: str) -> Any:
    return insert(ParkedRow).values(
        place=row.place or row.id,
        handler=handler, subject=row.subject, stream=row.stream, seq=row.seq, type=row.type, state="waiting",
        attempts=0, due_at=row.due_at, parked_at=row.parked_at, error="", body=row.body,
    )  # fmt: skip


def _view(row: ParkedRow) -> dict[str, Any]:
    return {
        "id": row.id, "handler": row.handler, "subject": row.subject, "stream": row.stream, "seq": row.seq,
        "type": row.type, "state": row.state, "attempts": row.attempts, "due_at": row.due_at,
        "parked_at": row.parked_at, "error": row.error,
    }  # fmt: skip
