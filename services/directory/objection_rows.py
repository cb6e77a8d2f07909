"""Rows of objections between nodes: what others are told, what they tell, and what stays with a record that moves."""

from __future__ import annotations

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.directory.model import Base

WAITING, SENT = "waiting", "sent"
UNCHECKED, OPEN = "unchecked", "open"
ACCEPTED, DISMISSED, ABSENT = "accepted", "dismissed", "absent"


class Told(Base):
    """What the home of another node's structure is told of an objection, and its answer; never who objected.

    `why`: `contact` (it or a service of it names them, as far as this node holds it) or `duplicate` (of one of ours
    that did).
    `about`: a digest of this node's key, by which the same objection is known again. `state`: waiting (not written
    yet), sent, then accepted, dismissed, or absent (it names nobody of that kind).
    """

    __tablename__ = "objection_told"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    about: Mapped[str] = mapped_column(String(64), index=True)
    home: Mapped[str] = mapped_column(String(32))
    record_id: Mapped[str] = mapped_column(String(36), index=True)
    name: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), index=True)
    at: Mapped[str] = mapped_column(String(32))
    decided_at: Mapped[str | None] = mapped_column(String(32))
    answer: Mapped[str] = mapped_column(Text, default="")


class Heard(Base):
    """An objection that another node told of a record of this one, until a permanent has decided.

    `checks`: as JSON, `[{field, digest, words, letters}]`. `found`: as JSON, `[{id, kind, name, fields}]`, which of our
    records name the person where; never the value. `state`: unchecked, open, accepted, dismissed, absent.
    """

    __tablename__ = "objection_heard"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    node: Mapped[str] = mapped_column(String(32))
    theirs: Mapped[str] = mapped_column(String(36))
    record_id: Mapped[str] = mapped_column(String(36), index=True)
    checks: Mapped[bytes] = mapped_column(LargeBinary)
    reply: Mapped[bytes] = mapped_column(LargeBinary)
    found: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(16), index=True)
    at: Mapped[str] = mapped_column(String(32))
    decided_at: Mapped[str | None] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(Text, default="")
    answer: Mapped[str] = mapped_column(Text, default="")


class Kept(Base):
    """An objection as it stays with a structure and its services, to go with them where they move.

    `key`: the digest by this node's key of its own objection, or again `digest` of one that came with the structure
    (`carried`), by which imports here are checked. `digest`, salted by the structure, is empty until it is worked out.
    """

    __tablename__ = "objection_kept"
    structure_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    field: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    words: Mapped[int]
    letters: Mapped[int]
    carried: Mapped[bool] = mapped_column(index=True)
