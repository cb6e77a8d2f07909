"""Coming in: links that work once, sessions that end, and the actor behind them. Inside one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from services.accounts import store
from services.accounts.model import (
    LINK_LASTS,
    SESSION_IDLE,
    SESSION_LASTS,
    SPENT_LASTS,
    STRUCTURE_SESSION_LASTS,
    Link,
    Person,
    digest_of,
    new_token,
)
from services.accounts.model import Session as Signed
from services.kernel import clock
from services.kernel.access import Actor
from services.kernel.errors import Unauthorized

LINKS_AT_MOST = 3
"""Links of one person that wait to be used: asking again and again fills nobody's mailbox."""
SEEN_EVERY = timedelta(minutes=5)
"""How exactly it is known when a session was last used: a write each time would cost more than it tells."""


def link_for(session: Session, person: Person, now: datetime) -> str:
    """A link that signs somebody in: its secret, of which only the digest is kept."""
    _forget_expired(session, now)
    return _link(session, now + LINK_LASTS, person_id=person.id)


def link_to(session: Session, structures: list[str], lasts: timedelta, now: datetime) -> str:
    """A link that opens the entries of structures, for whoever they trust with it."""
    _forget_expired(session, now)
    return _link(session, now + lasts, structures=" ".join(structures))


def open_session(session: Session, secret: str, now: datetime) -> str:
    """Use a link: what the browser will hold. Raises `Unauthorized` where it was used, has expired or never was."""
    link = store.take_link(session, digest_of(secret), clock.to_text(now))
    if link is None or link.expires_at < clock.to_text(now):
        raise Unauthorized("Ce lien a déjà servi, ou son temps est passé.")
    lasts = STRUCTURE_SESSION_LASTS if link.structures else SESSION_LASTS
    token = new_token()
    session.add(Signed(
        digest=digest_of(token), person_id=link.person_id, structures=link.structures,
        seen_at=clock.to_text(now), expires_at=clock.to_text(now + lasts),
    ))  # fmt: skip
    return token


def spent(session: Session, secret: str, now: datetime) -> tuple[str, ...]:
    """The structures whose entries a link opened that was used or has expired; nothing of any other."""
    link = store.link(session, digest_of(secret))
    if link is None or (link.used_at is None and link.expires_at >= clock.to_text(now)):
        return ()
    return tuple(link.structures.split())


def who(session: Session, token: str, now: datetime) -> tuple[Actor, str]:
    """Who holds a session, and until when at most. Raises `Unauthorized` where it ended."""
    signed = store.signed(session, digest_of(token))
    idle_since = clock.to_text(now - SESSION_IDLE)
    if signed is None or signed.expires_at < clock.to_text(now) or signed.seen_at < idle_since:
        raise Unauthorized("Votre session est terminée : entrez de nouveau.")
    if signed.seen_at < clock.to_text(now - SEEN_EVERY):
        signed.seen_at = clock.to_text(now)
    if signed.structures:
        return _of_structures(tuple(signed.structures.split())), signed.expires_at
    person = store.person_by_id(session, signed.person_id or "")
    if person is None or not person.active:
        raise Unauthorized("Vous n’avez plus de rôle sur ce nœud.")
    return Actor(person.email, tuple(person.roles.split())), signed.expires_at


def close_session(session: Session, token: str) -> None:
    """Sign out; a session that ended already is out."""
    signed = store.signed(session, digest_of(token))
    if signed is not None:
        session.delete(signed)


def _of_structures(structures: tuple[str, ...]) -> Actor:
    return Actor(f"structure:{structures[0]}", ("structure_editor",), structures=structures)


def _forget_expired(session: Session, now: datetime) -> None:
    store.forget_expired(session, clock.to_text(now), clock.to_text(now - SPENT_LASTS))


def _link(session: Session, expires_at: datetime, person_id: str | None = None, structures: str = "") -> str:
    secret = new_token()
    digest = digest_of(secret)
    session.add(Link(digest=digest, person_id=person_id, structures=structures, expires_at=clock.to_text(expires_at)))
    return secret
