"""What every room keeps in its own database beside its records: event log, stream heads, inbox, cursors, parking.

No broker here. Times are RFC 3339 text in UTC, hashes hexadecimal text, data and salts bytes.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, MetaData, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BIG = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the key is a plain INTEGER."""


class Base(DeclarativeBase):
    """Tables that the kernel brings to every room; a room's own tables have a base of their own."""

    metadata = MetaData()


class LogRow(Base):
    """An event of this room: written with the change it tells, numbered, chained and signed afterwards."""

    __tablename__ = "event_log"
    row_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    reach: Mapped[str] = mapped_column(String(64))
    id: Mapped[str] = mapped_column(String(36))
    type: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    recordversion: Mapped[int] = mapped_column(BIG)
    time: Mapped[str] = mapped_column(String(32))
    causation: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[bytes | None] = mapped_column(LargeBinary)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    epoch: Mapped[int | None]
    seq: Mapped[int | None] = mapped_column(BIG)
    header: Mapped[bytes | None] = mapped_column(LargeBinary)
    signature: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("event_log_sequence", "reach", "epoch", "seq", unique=True),
        Index("event_log_id", "id", unique=True),
        Index(
            "event_log_unnumbered",
            "row_id",
            sqlite_where=text("seq IS NULL"),
            postgresql_where=text("seq IS NULL"),
        ),
    )


class StreamRow(Base):
    """The head of one own stream; its lock is what makes the sequencer one.

    Up to its base only the last event of each record is kept; up to `whole_…` not even the tombstones are.
    """

    __tablename__ = "stream"
    reach: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int]
    seq: Mapped[int] = mapped_column(BIG)
    hash: Mapped[str] = mapped_column(String(64))
    checkpoint_seq: Mapped[int] = mapped_column(BIG, default=0)
    checkpoint_at: Mapped[str] = mapped_column(String(32), default="")
    base_epoch: Mapped[int] = mapped_column(default=0)
    base_seq: Mapped[int] = mapped_column(BIG, default=0)
    whole_epoch: Mapped[int] = mapped_column(default=0)
    whole_seq: Mapped[int] = mapped_column(BIG, default=0)


class RelayRow(Base):
    """How far one own stream was published on one lane (`local`), every message confirmed by the broker."""

    __tablename__ = "relay"
    lane: Mapped[str] = mapped_column(String(64), primary_key=True)
    reach: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int]
    seq: Mapped[int] = mapped_column(BIG)


class HeadRow(Base):
    """The last header of each record of a stream, by bucket: what a checkpoint's state root is made of.

    `epoch` and `seq` are its place: the events at these places are the stream's state, whatever was before them.
    """

    __tablename__ = "stream_record"
    reach: Mapped[str] = mapped_column(String(64), primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    bucket: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
    live: Mapped[bool]
    epoch: Mapped[int] = mapped_column(default=0)
    seq: Mapped[int] = mapped_column(BIG, default=0)

    __table_args__ = (
        Index("stream_record_bucket", "reach", "bucket"),
        Index("stream_record_place", "reach", "epoch", "seq"),
    )


class InboxRow(Base):
    """An event received and not yet applied.

    `after_…`: the place before it in the log that it was read from, where the numbers between are kept no more.
    """

    __tablename__ = "inbox"
    stream: Mapped[str] = mapped_column(Text, primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BIG, primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    after_epoch: Mapped[int | None]
    after_seq: Mapped[int | None] = mapped_column(BIG)


class CursorRow(Base):
    """How far one followed stream was applied: `next` is the sequence number expected.

    `generation` counts how often the stream was read anew from its beginning; `whole` while that goes on.
    """

    __tablename__ = "cursor"
    stream: Mapped[str] = mapped_column(Text, primary_key=True)
    epoch: Mapped[int]
    next: Mapped[int] = mapped_column(BIG)
    generation: Mapped[int] = mapped_column(default=0)
    whole: Mapped[bool] = mapped_column(default=False)


class ParkedRow(Base):
    """An event that could not be handled, or that waits behind one of the same handler and subject.

    `state`: retrying (again at `due_at`), parked (an operator decides), waiting (behind another), upgrade (its type
    or version is not known to this release), unreadable (no event of ours; kept as it came).
    `place`: order of arrival, where it is not that of the ids (an event queued anew by an upgrade keeps its place).
    """

    __tablename__ = "parked"
    id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    place: Mapped[int | None] = mapped_column(BIG)
    handler: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    stream: Mapped[str] = mapped_column(Text)
    seq: Mapped[int] = mapped_column(BIG)
    type: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    due_at: Mapped[str] = mapped_column(String(32))
    parked_at: Mapped[str] = mapped_column(String(32))
    error: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (Index("parked_subject", "handler", "subject"), Index("parked_due", "state", "due_at"))
