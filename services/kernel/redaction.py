"""Erasing what was said of somebody from a room's own log, so that the log still proves itself.

The header stays, with the digest of what it was the header of; data and salt go. An event of the stream,
`<service>.stream.redacted.v1`, lists what was erased: absent data is a fault of the log without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.kernel.announce import NewEvent
from services.kernel.envelope import Header, Signed, read
from services.kernel.errors import Unavailable
from services.kernel.rows import InboxRow, LogRow, ParkedRow

REDACTED = ".stream.redacted.v1"
AT_ONCE = 500


def forget(session: Session, stream: str, said: Any) -> None:
    """Erase what waits here of events that their home erased: in the inbox, and parked. Their headers stay.

    Args:
        said: the data of the stream's `redacted` event.
    """
    for each in said["redacted"]:
        waiting = session.get(InboxRow, (stream, each["epoch"], each["seq"]))
        found = session.scalars(select(ParkedRow).where(ParkedRow.stream == stream, ParkedRow.seq == each["seq"]))
        for row in [*([waiting] if waiting else []), *found]:
            event = read(row.body)
            if (event.header.epoch, event.header.datahash) == (each["epoch"], each["datahash"]):
                row.body = Signed(event.header, event.signature, None, None).body()


def there_again(session: Session, reach: str, said: Any) -> list[bytes]:
    """The data, of a log that was put back, of events that an event of the stream, `said`, told to be erased."""
    found = []
    for each in said["redacted"]:
        at = (LogRow.reach == reach, LogRow.epoch == each["epoch"], LogRow.seq == each["seq"])
        row = session.scalar(select(LogRow).where(*at, LogRow.data.is_not(None)))
        if row is not None and row.data and row.header and Header.from_raw(row.header).datahash == each["datahash"]:
            found.append(row.data)
    return found


def erase(session: Session, service: str, subjects: Collection[str], says: Callable[[bytes], bool]) -> list[NewEvent]:
    """Erase the data of events about these subjects that `says` holds of; the events that tell it, one for each stream.

    Raises `Unavailable` where one of them has no number yet: nothing is erased, in a moment it will have.
    """
    erased: dict[str, list[dict[str, Any]]] = {}
    ordered = sorted(subjects)
    for start in range(0, len(ordered), AT_ONCE):
        of_these = LogRow.subject.in_(ordered[start : start + AT_ONCE])
        for row in session.scalars(select(LogRow).where(of_these, LogRow.data.is_not(None))):
            if row.data is None or not says(row.data):
                continue
            if row.seq is None or row.header is None:
                raise Unavailable("Un changement vient d’être fait : recommencez dans un instant.")
            digest = Header.from_raw(row.header).datahash
            erased.setdefault(row.reach, []).append({"epoch": row.epoch, "seq": row.seq, "datahash": digest})
            row.data = row.salt = None
    return [
        NewEvent(f"{service}{REDACTED}", f"{service}/{reach}", 1, {"redacted": listed}, reach)
        for reach, listed in erased.items()
    ]
