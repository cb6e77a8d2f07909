"""A record as the room tells it: to who works on it, to the public, and what is left of it. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from services.directory import qualification
from services.directory.model import NEVER, NO_TRUST, Record, Source
from services.directory.qualification import WITHDRAWN


def view(record: Record, source: Source) -> dict[str, Any]:
    """The native record, as RPC answers it and events carry it; a tombstone has no fields."""
    seen: dict[str, Any] = {
        "id": record.id, "kind": record.kind, "home": record.home, "source": record.source,
        "source_id": record.source_id, "version": record.version, "status": record.status,
        "changed_at": record.changed_at,
    }  # fmt: skip
    seen |= _moves(record)
    if record.structure is not None:
        seen["structure"] = record.structure
    if record.status == WITHDRAWN:
        return seen | {"reason": record.reason} | ({"replaced_by": record.replaced_by} if record.replaced_by else {})
    if record.published_at is not None:
        seen["published_at"] = record.published_at
    seen |= {"changed": record.changed.split(), "licence": source.licence, "attribution": source.attribution}
    known = NEVER if record.trust == NO_TRUST else qualification.known(record.trusted)
    return seen | known | record.parts


def public(seen: dict[str, Any]) -> dict[str, Any]:
    """The native record without what an import could not read: it may be anything, and was not meant for the public."""
    if "unread" not in seen.get("extra", {}):
        return seen
    extra = {name: value for name, value in seen["extra"].items() if name != "unread"}
    rest = {name: value for name, value in seen.items() if name != "extra"}
    return rest | ({"extra": extra} if extra else {})


def hidden(record: Record, reason: str = "n’est plus publique") -> dict[str, Any]:
    """What is told of a record that the public sees no more: no field."""
    return {
        "id": record.id, "kind": record.kind, "home": record.home, "source": record.source,
        "source_id": record.source_id, "version": record.version, "status": record.status,
        "changed_at": record.changed_at, "reason": reason,
    } | _moves(record)  # fmt: skip


def gone_from(record: Record, home: str) -> dict[str, Any]:
    """The tombstone of a record that moved away, as this node, its home before, may tell it: of its own term."""
    told = hidden(record, "est tenue par un autre nœud") | {"home": home}
    return told | ({"term": len(orjson.loads(record.proof))} if record.proof else {})


def _moves(record: Record) -> dict[str, Any]:
    """Of a record that moved home: whose it was first, how often, and what proves it."""
    if not record.proof:
        return {}
    return {"origin": record.origin, "term": record.term, "proof": orjson.loads(record.proof)}
