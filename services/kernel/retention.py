"""How long a log keeps what later events said anew.

Up to its **base**, a checkpoint, a stream keeps only the last event of each record, and what tells of the stream
itself (epochs, keys, redactions). That is the record's whole state, so nothing is lost but the way to it: who reads
from below the base gets the last events alone (`catchup.py`). Tombstones go after a year; who comes back from before
that reads the stream from its beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.kernel import clock
from services.kernel.announce import SHARED
from services.kernel.database import Database
from services.kernel.redaction import REDACTED
from services.kernel.rows import RelayRow, StreamRow
from services.kernel.verify import CHECKPOINTED, REKEYED, REOPENED

AT_LEAST: Final = timedelta(days=7)
TOMBSTONES: Final = timedelta(days=365)
EVERY_S: Final = 86_400.0
FIRST_AFTER_S: Final = 300.0


@dataclass(frozen=True)
class Keep:
    """For how long a log is kept whole, and over how many bytes only for `AT_LEAST` (0: no limit)."""

    log: timedelta
    at_most_bytes: int = 0
    tombstones: timedelta = TOMBSTONES


def prune(database: Database, keep: Keep, pruned: Callable[[Session, list[str]], None]) -> int:
    """Compact the public stream of a room; how many events went. `pruned` is told the names whose tombstones went."""
    with database.begin() as session:
        head = session.get(StreamRow, SHARED, with_for_update=True)
        base = head and _base(session, keep)
        if head is None or not base or base <= (head.base_epoch, head.base_seq):
            return 0
        place = {"reach": SHARED, "epoch": base[0], "seq": base[1]}
        gone = session.execute(_SUPERSEDED, place | _KEPT).rowcount  # type: ignore[attr-defined]
        head.base_epoch, head.base_seq = base
        before = clock.to_text(clock.now() - keep.tombstones)
        dead = session.execute(_TOMBSTONES, place | {"before": before}).all()
        if dead:
            head.whole_epoch, head.whole_seq = max((row.epoch, row.seq) for row in dead)
            pruned(session, [row.subject for row in dead])
            for statement in (_FORGET_EVENTS, _FORGET_HEADS):
                session.execute(statement, [{"reach": SHARED, "subject": row.subject} for row in dead])
        return int(gone) + len(dead)


def _base(session: Session, keep: Keep) -> tuple[int, int] | None:
    """The last checkpoint old enough, and told to all who listen here."""
    size = session.scalar(_SIZE, {"reach": SHARED}) if keep.at_most_bytes else 0
    age = AT_LEAST if (size or 0) > keep.at_most_bytes > 0 else keep.log
    told = session.scalars(select(RelayRow).where(RelayRow.reach == SHARED)).all()
    found = session.execute(
        _CHECKPOINT, {"reach": SHARED, "type": f"%{CHECKPOINTED}", "before": clock.to_text(clock.now() - age)}
    ).first()
    place = found and (found.epoch, found.seq)
    return place if place and all((each.epoch, each.seq) >= place for each in told) else None


_KEPT = {"redacted": f"%{REDACTED}", "reopened": f"%{REOPENED}", "rekeyed": f"%{REKEYED}"}
_CHECKPOINT = text(
    "SELECT epoch, seq FROM event_log WHERE reach = :reach AND type LIKE :type AND time <= :before"
    " ORDER BY epoch DESC, seq DESC LIMIT 1"
)
_SIZE = text(
    "SELECT sum(length(header) + coalesce(length(data), 0)) FROM event_log WHERE reach = :reach AND seq IS NOT NULL"
)
_SUPERSEDED = text(
    "DELETE FROM event_log WHERE reach = :reach AND (epoch, seq) <= (:epoch, :seq)"
    " AND type NOT LIKE :redacted AND type NOT LIKE :reopened AND type NOT LIKE :rekeyed AND row_id NOT IN ("
    " SELECT max(row_id) FROM event_log WHERE reach = :reach AND (epoch, seq) <= (:epoch, :seq) GROUP BY subject)"
)
_TOMBSTONES = text(
    "SELECT last.subject, last.epoch, last.seq FROM stream_record AS last JOIN event_log AS log"
    " ON log.reach = last.reach AND log.epoch = last.epoch AND log.seq = last.seq"
    " WHERE last.reach = :reach AND NOT last.live AND (last.epoch, last.seq) <= (:epoch, :seq) AND log.time <= :before"
)
_FORGET_EVENTS = text("DELETE FROM event_log WHERE reach = :reach AND subject = :subject")
_FORGET_HEADS = text("DELETE FROM stream_record WHERE reach = :reach AND subject = :subject")
