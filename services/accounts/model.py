"""People with roles, and machines with keys. No I/O, no wire."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy import Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

KEY_PREFIX = "mlg_"
"""Keys begin with it, so that scanners of leaked secrets can know one."""


LINK_LASTS: Final = timedelta(minutes=30)
"""A link to sign in, sent or handed out: used once, soon."""
SPENT_LASTS: Final = timedelta(days=90)
"""For so long after its time, who holds a structure's link may ask that another be sent to the structure."""
SESSION_IDLE: Final = timedelta(hours=12)
SESSION_LASTS: Final = timedelta(days=7)
STRUCTURE_SESSION_LASTS: Final = timedelta(hours=2)


class Base(DeclarativeBase):
    """The tables of accounts."""

    metadata = MetaData()


class Person(Base):
    """Somebody who works on this node; `roles` separated by spaces."""

    __tablename__ = "person"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)
    roles: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    active: Mapped[bool]


class Key(Base):
    """A machine's key: only the SHA-256 of its 160 random bits is kept. Scopes and origins separated by spaces."""

    __tablename__ = "api_key"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(Text)
    origins: Mapped[str] = mapped_column(Text)
    created_at: Mapped[str] = mapped_column(String(32))


class Link(Base):
    """A way in that works once: for a person, or for whoever a structure trusts with its entry.

    `structures`: ids of the records that it opens, separated by spaces; empty for a person's link. A person's link
    goes when it is used; a structure's stays for `SPENT_LASTS` after its time, opening nothing.
    """

    __tablename__ = "link"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str | None] = mapped_column(String(36))
    structures: Mapped[str] = mapped_column(Text, default="")
    expires_at: Mapped[str] = mapped_column(String(32))
    used_at: Mapped[str | None] = mapped_column(String(32))


class Session(Base):
    """Somebody who came in by a link. Only the digest of what their browser holds is kept."""

    __tablename__ = "session"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[str | None] = mapped_column(String(36))
    structures: Mapped[str] = mapped_column(Text, default="")
    seen_at: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[str] = mapped_column(String(32))

    __table_args__ = (Index("session_person", "person_id"),)


class Mail(Base):
    """A message on its way: kept until a mail server took it, or until it was tried for too long; then erased."""

    __tablename__ = "mail"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    to: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[str] = mapped_column(String(32))

    __table_args__ = (Index("mail_due", "due_at"),)


def new_secret() -> str:
    """A fresh key, to be shown once."""
    return KEY_PREFIX + secrets.token_urlsafe(20)


def new_token() -> str:
    """A fresh secret of a link or a session: 192 random bits."""
    return secrets.token_urlsafe(24)


def digest_of(secret: str) -> str:
    """What is kept of a key, a link or a session. A plain hash is enough: they are random, unlike a password."""
    return hashlib.sha256(secret.encode()).hexdigest()
