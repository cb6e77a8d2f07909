"""What accounts announces, to this node only: that somebody's rights changed; never who they are or a secret."""

from __future__ import annotations

from services.kernel.announce import HOME, NewEvent

SERVICE = "accounts"
PERSON_CHANGED = "accounts.person.changed.v1"
KEY_CHANGED = "accounts.key.changed.v1"
TYPES = frozenset({PERSON_CHANGED, KEY_CHANGED})


def person_changed(person_id: str, version: int, roles: list[str], active: bool) -> NewEvent:
    """A person's roles changed, or the person was removed; the address stays in the table."""
    return NewEvent(PERSON_CHANGED, person_id, version, {"id": person_id, "roles": roles, "active": active}, HOME)


def key_changed(key_id: str, version: int, scopes: list[str], active: bool) -> NewEvent:
    """A key was made or removed."""
    return NewEvent(KEY_CHANGED, key_id, version, {"id": key_id, "scopes": scopes, "active": active}, HOME)
