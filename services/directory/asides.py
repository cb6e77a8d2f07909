"""Rows beside the records: what others say of them, and which of them may be one."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from services.directory.model import Base
from services.kernel.rows import BIG

SHOWN, HIDDEN, GONE = "shown", "hidden", "gone"
"""States of a record of another node."""
UNMATCHED, LED = text("NOT matched"), text("led")


class Difference(Base):
    """What an import says of a field that a person corrected: the correction stands, this is shown beside it.

    `settled`: somebody looked and keeps the correction; shown again where the import says something else.
    """

    __tablename__ = "difference"
    record_id: Mapped[str] = mapped_column(ForeignKey("record.id"), primary_key=True)
    field: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[str] = mapped_column(String(32))
    settled: Mapped[bool] = mapped_column(default=False)


class Suggestion(Base):
    """What somebody without an account says of a record: an error, or another value (JSON) for a field.

    `contact` is an address left for the answer: in this table alone, erased once the answer is on its way.
    """

    __tablename__ = "suggestion"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    record_id: Mapped[str] = mapped_column(ForeignKey("record.id"))
    field: Mapped[str | None] = mapped_column(String(64))
    value: Mapped[bytes | None] = mapped_column(LargeBinary)
    message: Mapped[str] = mapped_column(Text, default="")
    contact: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    at: Mapped[str] = mapped_column(String(32))
    decided_at: Mapped[str | None] = mapped_column(String(32))
    decided_by: Mapped[str] = mapped_column(Text, default="")
    answer: Mapped[str] = mapped_column(Text, default="")
    origin: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of one that was made on another node: `{node, id, reply, to_answer}`, where the answer goes."""

    __table_args__ = (Index("suggestion_record", "record_id"), Index("suggestion_state", "state", "id"))


class Sent(Base):
    """What somebody suggested here for a record of another node, until its home has answered.

    `contact` as in `Suggestion`: it never leaves this node. `state`: sent, accepted, refused.
    """

    __tablename__ = "sent"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    home: Mapped[str] = mapped_column(String(32))
    record_id: Mapped[str] = mapped_column(String(36), index=True)
    name: Mapped[str] = mapped_column(Text)
    contact: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), index=True)
    at: Mapped[str] = mapped_column(String(32))
    decided_at: Mapped[str | None] = mapped_column(String(32))
    answer: Mapped[str] = mapped_column(Text, default="")


class MatchingKey(Base):
    """What a structure shares with those that it is compared with (`formats/matching.keys`)."""

    __tablename__ = "matching_key"
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    record_id: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)
    own: Mapped[bool] = mapped_column(default=True)
    """Whether the structure is this node's: those of others are compared with ours, not with each other."""


class Pair(Base):
    """Two structures (`a` before `b`) that may be one, why, and what a permanent decided: never asked again then.

    `head`: of a branch, which of the two is the head; unknown for what was decided before it was asked.
    """

    __tablename__ = "pair"
    a: Mapped[str] = mapped_column(String(36), primary_key=True)
    b: Mapped[str] = mapped_column(String(36), primary_key=True)
    score: Mapped[float]
    grade: Mapped[str] = mapped_column(String(16))
    reasons: Mapped[bytes] = mapped_column(LargeBinary)
    branch: Mapped[bool]
    decision: Mapped[str | None] = mapped_column(String(16))
    head: Mapped[str | None] = mapped_column(String(36))
    at: Mapped[str | None] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(Text, default="")


class Decision(Base):
    """What one node decided of two structures and told the others; `node` is empty for this one's.

    `a` before `b`; `a_now`, `b_now`: what their home merged them into since, `led`: by way of others, which no column
    names. `ended`: it was taken back.
    """

    __tablename__ = "decision"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    node: Mapped[str] = mapped_column(String(32), index=True)
    a: Mapped[str] = mapped_column(String(36), index=True)
    b: Mapped[str] = mapped_column(String(36), index=True)
    a_now: Mapped[str] = mapped_column(String(36), index=True)
    b_now: Mapped[str] = mapped_column(String(36), index=True)
    led: Mapped[bool] = mapped_column(default=False)
    decision: Mapped[str] = mapped_column(String(16))
    head: Mapped[str | None] = mapped_column(String(36))
    at: Mapped[str] = mapped_column(String(32))
    epoch: Mapped[int]
    version: Mapped[int] = mapped_column(BIG)
    ended: Mapped[bool]
    heard_at: Mapped[str] = mapped_column(String(32))
    """When it came here, by this node's clock."""
    kept_at: Mapped[str] = mapped_column(String(32), default="")
    """Of this node's: when somebody last looked at contrary ones and kept it; what comes later is told again."""

    __table_args__ = (Index("decision_led", "id", sqlite_where=LED, postgresql_where=LED),)


class Joined(Base):
    """A structure that the public sees as one with another, `kept`, since the homes of both say so.

    Follows from the decisions alone (`joining.py`). `said`: what is told of it beside the other, as JSON:
    `{id, source, source_id, licence, attribution}`.
    """

    __tablename__ = "joined"
    record_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kept: Mapped[str] = mapped_column(String(36), index=True)
    said: Mapped[bytes] = mapped_column(LargeBinary)


class Merge(Base):
    """One structure taken into another: what both were before, so that it can be undone."""

    __tablename__ = "merge"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kept: Mapped[str] = mapped_column(String(36))
    gone: Mapped[str] = mapped_column(String(36))
    at: Mapped[str] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(Text)
    before: Mapped[bytes] = mapped_column(LargeBinary)


class Objection(Base):
    """Somebody who is not to be named here: a keyed digest of a value, never the value."""

    __tablename__ = "objection"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(36))
    field: Mapped[str] = mapped_column(String(64))
    at: Mapped[str] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(Text)


class Other(Base):
    """A public record of another node, as its home signed it last: never changed here, only shown or not.

    `state`: `shown`; `hidden` (this node does not show what its home publishes); `gone` (withdrawn by its home, or no
    longer held here).
    """

    __tablename__ = "other"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    home: Mapped[str] = mapped_column(String(32), index=True)
    source: Mapped[str] = mapped_column(String(100))
    source_id: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BIG)
    epoch: Mapped[int]
    term: Mapped[int] = mapped_column(default=0)
    """How often it moved home: what its home of a lower term says is passed over."""
    state: Mapped[str] = mapped_column(String(8))
    header: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[bytes | None] = mapped_column(LargeBinary)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    matched: Mapped[bool] = mapped_column(default=False)
    """Whether it was compared with ours since it last changed; services are not."""

    __table_args__ = (Index("other_unmatched", "id", sqlite_where=UNMATCHED, postgresql_where=UNMATCHED),)

    @property
    def native(self) -> dict[str, Any]:
        """The native record as its home published it; empty where nothing is left of it."""
        said: dict[str, Any] = orjson.loads(self.data) if self.data else {}
        return said


class Hiding(Base):
    """A permanent's decision that this node does not show a record of another node; its home goes on showing it."""

    __tablename__ = "hiding"
    record_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
    at: Mapped[str] = mapped_column(String(32))
    turns: Mapped[int]
    """How often it was hidden and shown: the version of what is announced of it."""
    ended: Mapped[bool]


class HomeNode(Base):
    """Another node by the names that people know: what pages say of the home of its records."""

    __tablename__ = "home_node"
    node: Mapped[str] = mapped_column(String(32), primary_key=True)
    label: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    shown: Mapped[bool]
    keys: Mapped[bytes | None] = mapped_column(LargeBinary)
    """As JSON, of its card: `{now, keys: {keyid: hexadecimal}, lasts: {keyid: [epoch, seq, hash]}}`."""


class Handover(Base):
    """Records offered to another node (`outward`), or by one to this node, until both have decided.

    `state`: offered, accepted, refused, taken back. `theirs`: its name on the wire; `reply`: where the answer goes.
    """

    __tablename__ = "handover"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    outward: Mapped[bool]
    node: Mapped[str] = mapped_column(String(32))
    theirs: Mapped[str] = mapped_column(String(36))
    reply: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(16), index=True)
    total: Mapped[int]
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[str] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[str | None] = mapped_column(String(32))
    answer: Mapped[str] = mapped_column(Text, default="")


class HandedRecord(Base):
    """One record of a handover. `data`: what it says, of one that is offered to this node and not decided yet."""

    __tablename__ = "handed_record"
    handover_id: Mapped[str] = mapped_column(ForeignKey("handover.id"), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(Text)
    data: Mapped[bytes | None] = mapped_column(LargeBinary)
    done: Mapped[bool] = mapped_column(default=False)
    """Its home let it go, or this node took it."""
