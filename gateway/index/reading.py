"""Documents out of the index one by one: single records, and the feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import tantivy

from gateway import schema
from gateway.index import generation
from gateway.index.items import joined


@dataclass(frozen=True, slots=True)
class Found:
    """A record as stored: its finished JSON (None when it is not to be found) and its feed item, parsed."""

    item: bytes | None
    feed_item: dict[str, Any]


def item(
    index_schema: tantivy.Schema, searcher: tantivy.Searcher, kind: str, identifier: str
) -> tuple[str, bytes] | None:
    """The UUID and the finished JSON of a public record, a service with its structure; by UUID or data·inclusion id.

    Where several homes use one id, this node's own, else the first by UUID.
    """
    found = []
    for name in ("public_id", "key"):
        for slot, document in generation.with_term(index_schema, searcher, name, identifier):
            finished = document.get_first("item")
            if finished and schema.kind_of(slot) == kind:
                structure = document.get_first("structure_item")
                whole = joined(finished, b"structure", structure) if structure else finished
                found.append((generation.key_of(document), whole))
        if found:
            return found[0] if len(found) == 1 else min(found, key=_own_first)
    return None


def _own_first(found: tuple[str, bytes]) -> tuple[bool, str]:
    uuid, written = found
    return orjson.loads(written)["record"]["home_node"] is not None, uuid


def record(index_schema: tantivy.Schema, searcher: tantivy.Searcher, uuid: str) -> Found | None:
    """One record by UUID, whatever its kind and state."""
    event = generation.by_key(index_schema, searcher, schema.event_key(uuid))
    if event is None:
        return None
    row = generation.by_key(index_schema, searcher, uuid)
    return Found(row.get_first("item") if row else None, orjson.loads(generation.stored(event, "event")))


def uuids_of(index_schema: tantivy.Schema, searcher: tantivy.Searcher, kind: str, public_id: str) -> list[str]:
    """The records of one kind that have a data·inclusion id: one, or one for each home that uses it."""
    rows = generation.with_term(index_schema, searcher, "public_id", public_id)
    return sorted(generation.key_of(document) for slot, document in rows if schema.kind_of(slot) == kind)


def changes(
    index_schema: tantivy.Schema, searcher: tantivy.Searcher, after: int, limit: int, head: int
) -> list[tuple[int, bytes]]:
    """Feed items after a position, ascending: their positions and their JSON.

    Looks a little ahead, then farther, since positions of records that changed again are gaps.
    """
    width = 2 * limit
    while True:
        past = min(after + 1 + width, head + 1)
        found = [
            (number, generation.stored(document, "event"))
            for number, document in generation.numbers_between(
                index_schema, searcher, "position", after + 1, past, limit
            )
        ]
        if len(found) == limit or past > head:
            return found
        width *= 8
