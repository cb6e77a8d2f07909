"""People with roles, and machines with keys. No I/O, no wire."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

KEY_PREFIX = "mlg_"
"""Keys begin with it, so that scanners of leaked secrets can know one."""


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


def new_secret() -> str:
    """A fresh key, to be shown once."""
    return KEY_PREFIX + secrets.token_urlsafe(20)


def digest_of(secret: str) -> str:
    """What is kept of a key. A plain hash is enough: a key is random, unlike a password."""
    return hashlib.sha256(secret.encode()).hexdigest()
