"""Every query of accounts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.accounts.model import Key, Person


def person(session: Session, email: str) -> Person | None:
    """Somebody by e-mail address."""
    return session.scalars(select(Person).where(Person.email == email.lower())).one_or_none()


def people(session: Session) -> Sequence[Person]:
    """Everybody who is active, by address."""
    return session.scalars(select(Person).where(Person.active).order_by(Person.email)).all()


def key_by_digest(session: Session, digest: str) -> Key | None:
    """The key that a secret belongs to."""
    return session.scalars(select(Key).where(Key.digest == digest)).one_or_none()


def key(session: Session, name: str) -> Key | None:
    """A key by its name."""
    return session.scalars(select(Key).where(Key.name == name)).one_or_none()


def keys(session: Session) -> Sequence[Key]:
    """All keys, by name."""
    return session.scalars(select(Key).order_by(Key.name)).all()


def remove_key(session: Session, found: Key) -> None:
    """Forget a key."""
    session.execute(delete(Key).where(Key.id == found.id))
