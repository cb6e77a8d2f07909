"""Every query of accounts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.accounts.model import Key, Link, Mail, Person
from services.accounts.model import Session as Signed


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


def person_by_id(session: Session, person_id: str) -> Person | None:
    """Somebody by id."""
    return session.get(Person, person_id)


def take_link(session: Session, digest: str, now: str) -> Link | None:
    """The link that a secret belongs to, if it still works: used now, it works once."""
    found = session.get(Link, digest, with_for_update=True)
    if found is None or found.used_at is not None:
        return None
    if found.structures:
        found.used_at = now
    else:
        session.delete(found)
    return found


def link(session: Session, digest: str) -> Link | None:
    """The link that a secret belongs to, whether it works or not."""
    return session.get(Link, digest)


def links_of(session: Session, person_id: str) -> int:
    """How many links of somebody still wait to be used."""
    return len(session.scalars(select(Link.digest).where(Link.person_id == person_id)).all())


def signed(session: Session, digest: str) -> Signed | None:
    """The session of a browser."""
    return session.get(Signed, digest)


def close_sessions(session: Session, person_id: str) -> None:
    """Somebody is signed in nowhere any more, and no link of theirs works."""
    session.execute(delete(Signed).where(Signed.person_id == person_id))
    session.execute(delete(Link).where(Link.person_id == person_id))


def forget_expired(session: Session, now: str, long_ago: str) -> None:
    """Links and sessions whose time is over; of a structure's links those that ended `long_ago`."""
    session.execute(delete(Link).where(Link.expires_at < now, (Link.structures == "") | (Link.expires_at < long_ago)))
    session.execute(delete(Signed).where(Signed.expires_at < now))


def mail_due(session: Session, now: str, limit: int) -> Sequence[Mail]:
    """Messages to send now, the oldest first."""
    return session.scalars(select(Mail).where(Mail.due_at <= now).order_by(Mail.due_at).limit(limit)).all()


def mails(session: Session) -> int:
    """How many messages are on their way."""
    return len(session.scalars(select(Mail.id)).all())
