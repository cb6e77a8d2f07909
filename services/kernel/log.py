"""The event log: what a service says happened, in the transaction in which it happened.

`EventLog.append` only collects. Just before the commit the session's changes are flushed — every lock is then held —
and the rows are inserted, so that two transactions on one record get row ids in the order in which they commit.
Numbers, hashes and signatures come later, from the sequencer: a handler never waits for them.
"""

from __future__ import annotations

import os
from typing import Any, cast

from sqlalchemy import Table, event, insert
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.kernel import clock
from services.kernel.announce import TO, NewEvent
from services.kernel.envelope import MAX_DATA_BYTES, canonical
from services.kernel.errors import ValidationError
from services.kernel.rows import LogRow

CAUSE = "maillage.cause"
"""Key of `session.info`: the id of the event, or of the call, that this transaction answers."""
TYPE_PARTS = 4
_PENDING = "maillage.log.pending"


class EventLog:
    """Appends to the log of one room. After a commit that appended, `poke` is called (the sequencer's alarm clock)."""

    def __init__(self, poke: Any = None) -> None:
        self._poke = poke

    def append(self, session: Session, *events: NewEvent) -> None:
        """Tell what happened, with the session's commit. Raises `ValidationError` where an event is too large."""
        if not events:
            return
        pending = session.info.get(_PENDING)
        if pending is None:
            pending = session.info[_PENDING] = []
            event.listen(session, "before_commit", _write, once=True)
            if self._poke is not None:
                event.listen(session, "after_commit", lambda _: self._poke(), once=True)
        cause = session.info.get(CAUSE, "")
        pending.extend(_row(item, item.causation or cause) for item in events)


def _row(item: NewEvent, causation: str) -> dict[str, Any]:
    if len(item.type.split(".")) != TYPE_PARTS:
        raise ValueError(f"{item.type!r} is not service.entity.fact.version")
    data = canonical(item.data)
    if len(data) > MAX_DATA_BYTES:
        raise ValidationError(
            "La fiche est trop grande.",
            [{"field": "", "value": item.subject, "why": f"{len(data)} octets, {MAX_DATA_BYTES} au plus",
              "remedy": "Raccourcissez les textes.", "code": "event.size"}],
        )  # fmt: skip
    return {
        "reach": item.reach, "id": str(uuid7()), "type": item.type, "subject": item.subject,
        "recordversion": item.recordversion, "time": clock.to_text(clock.now()),
        "causation": "" if item.reach.startswith(TO) else causation,  # no id leads from what is public to a message
        "data": data, "salt": os.urandom(32),
    }  # fmt: skip


def _write(session: Session) -> None:
    rows = session.info.pop(_PENDING)
    session.flush()
    session.execute(_INSERT, rows)


_INSERT = insert(cast(Table, LogRow.__table__))
"""On the table: the mapped class would take a way four times as long to the same statement."""
