"""What a room addresses to others: streams for one other node each, kept until that node says it has them.

A recipient asks for what comes after a place, and its signature under the question acknowledges all up to there: no
second message can be lost. What is acknowledged stays as long as the public log does, for a recipient whose database
was put back; what is not acknowledged stays.
"""

from __future__ import annotations

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.orm import Session

from services.kernel.announce import TO
from services.kernel.catchup import Page, log_after
from services.kernel.rows import LogRow, RelayRow, StreamRow
from services.kernel.verify import REKEYED, REOPENED

LANE = "addressed"


def asked(session: Session, node: str, epoch: int, seq: int, limit: int) -> Page:
    """The messages to a node after a place, which it thereby acknowledges; none where nothing was ever written to it.

    `holes`: some before these are kept no more, since they were acknowledged. Raises `Conflict` above the head.
    """
    reach = f"{TO}{node}"
    if session.get(StreamRow, reach) is None:
        return Page([])
    page = log_after(session, reach, epoch, seq, limit)
    session.execute(_ACKNOWLEDGE, {"lane": LANE, "reach": reach, "epoch": epoch, "seq": seq})
    return page


def unread(session: Session) -> dict[str, int]:
    """How many messages each node has not acknowledged yet."""
    heads = session.execute(select(StreamRow.reach).where(StreamRow.reach.startswith(TO)))
    return {reach.removeprefix(TO): _unread(session, reach) for (reach,) in heads}


def prune(session: Session, before: str) -> int:
    """Forget the messages that were acknowledged and are older than a time, but the last of them; how many went."""
    gone = 0
    for read in session.scalars(select(RelayRow).where(RelayRow.lane == LANE)):
        head = session.get(StreamRow, read.reach, with_for_update=True)
        place = {"reach": read.reach, "epoch": read.epoch, "seq": read.seq, "before": before}
        base = session.execute(_BASE, place).first()
        if head is None or base is None or tuple(base) <= (head.base_epoch, head.base_seq):
            continue
        kept = {"rekeyed": f"%{REKEYED}", "reopened": f"%{REOPENED}"}
        done = session.execute(_FORGET, {"reach": read.reach, "epoch": base.epoch, "seq": base.seq} | kept)
        gone += int(done.rowcount)  # type: ignore[attr-defined]
        head.base_epoch, head.base_seq = base
    return gone


def _unread(session: Session, reach: str) -> int:
    read = session.get(RelayRow, (LANE, reach))
    place = (read.epoch, read.seq) if read else (0, 0)
    after = (LogRow.reach == reach, LogRow.seq.is_not(None), tuple_(LogRow.epoch, LogRow.seq) > place)
    return session.scalar(select(func.count()).select_from(LogRow).where(*after)) or 0


_ACKNOWLEDGE = text(
    "INSERT INTO relay (lane, reach, epoch, seq) VALUES (:lane, :reach, :epoch, :seq)"
    " ON CONFLICT (lane, reach) DO UPDATE SET epoch = :epoch, seq = :seq"
)
_BASE = text(
    "SELECT epoch, seq FROM event_log WHERE reach = :reach AND (epoch, seq) <= (:epoch, :seq) AND time <= :before"
    " ORDER BY epoch DESC, seq DESC LIMIT 1"
)
_FORGET = text(
    "DELETE FROM event_log WHERE reach = :reach AND (epoch, seq) < (:epoch, :seq)"
    " AND type NOT LIKE :rekeyed AND type NOT LIKE :reopened"
)
