"""The one writer of one generation: feed items in, documents out, all of a batch and its cursor in one commit.

Killed at any point, the index is as it was at the last commit, and the cursor in it says from where to go on.
A service's document holds its structure: when a structure changes, its services are written anew, and a service
whose structure has not come yet (or has gone) waits without being found.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import tantivy

from gateway import schema
from gateway.index import documents, generation
from gateway.index.documents import Owner
from gateway.index.generation import Position
from services.kernel.giving import in_pieces

HEAP_BYTES = 15_000_000
OWNERS_KEPT = 512

Native = dict[str, Any]
FeedItem = dict[str, Any]


class GenerationWriter:
    """Writes one generation. Nothing else may write it; readers need not know.

    `position` is that of the last commit.

    Args:
        threads: that index beside the caller, each with its heap: one for what comes in as the directory changes.
    """

    def __init__(self, path: Path, index: tantivy.Index, threads: int = 1) -> None:
        self.path = path
        self._index = index
        self._writer = index.writer(threads * HEAP_BYTES, threads)
        self._owners: OrderedDict[str, Owner | str | None] = OrderedDict()
        self._look_again()

    @classmethod
    def create(cls, path: Path, threads: int = 1) -> GenerationWriter:
        """Begin a generation in an empty folder."""
        return cls(path, generation.create(path), threads)

    @classmethod
    def open(cls, path: Path) -> GenerationWriter:
        """Go on with a generation. Raises `FileNotFoundError`, `generation.WrongFormat`."""
        return cls(path, generation.open_(path))

    @property
    def schema(self) -> tantivy.Schema:
        """The schema of the index."""
        return self._index.schema

    def write(self, items: list[FeedItem], feed: int) -> None:
        """Write feed items, to be committed later; what must see earlier ones commits them first."""
        latest = {item["id"]: item for item in items}
        if self.awaits(items):
            self.commit()
        structures = [item for item in latest.values() if item["kind"] == "structure"]
        for item in in_pieces(structures):
            owner = self._owners[item["id"]] = _owner_of(item)
            self._put(item, owner if isinstance(owner, Owner) else None)
        for item in in_pieces(latest.values()):
            if item["kind"] == "service":
                self._put(item, self._owner(_native(item)["structure"]) if _public(item) else None)
        for item in in_pieces(structures):
            for name in (item["id"], *(each["id"] for each in item.get("sources", ()))):
                self._rewrite_services(name, except_for=latest)
        self._awaited.update(latest)
        self._feed = feed

    def awaits(self, items: list[FeedItem]) -> bool:
        """Whether these can be written only once what was written before them is committed."""
        return not self._awaited.isdisjoint(_named(items))

    def commit(self) -> None:
        """Make what was written visible, with the position it goes up to."""
        document = tantivy.Document()
        document.add_text("key", schema.CURSOR_KEY)
        document.add_bytes("columns", Position(self._feed, self._stamp, self._rows).dump())
        self._writer.delete_documents_by_term("key", schema.CURSOR_KEY)
        self._writer.add_document(document)
        self._writer.commit()
        self._look_again()
        while len(self._owners) > OWNERS_KEPT:
            self._owners.popitem(last=False)

    def close(self) -> None:
        """Let go of the folder. What was not committed is dropped, a merge under way is left for another time."""
        del self._writer

    def _look_again(self) -> None:
        self._index.reload()
        self._searcher = self._index.searcher()
        self.position = generation.position(self.schema, self._searcher)
        self._feed, self._stamp, self._rows = self.position.feed, self.position.stamp, dict(self.position.rows)
        self._awaited: set[str] = set()

    def _put(self, item: FeedItem, owner: Owner | None) -> None:
        """Write a record's row and event."""
        uuid = item["id"]
        known = self._replace_row(item, owner)
        self._replace(schema.event_key(uuid), documents.event(item), known=known)

    def _replace_row(self, item: FeedItem, owner: Owner | None) -> bool:
        """Write a record's row; was there one?"""
        slot, known = self._slot(item["id"], item["kind"])
        stamp, self._stamp = self._stamp, self._stamp + 1
        if owner and _public(item):
            document = documents.live_row(slot, stamp, item, owner)
        else:
            document = documents.gone_row(slot, stamp, _native(item))
        self._replace(item["id"], document, known=known)
        if item["kind"] == "service" and "structure" in _native(item):
            self._awaited |= {_native(item)["structure"], *((owner.record["id"],) if owner else ())}
        return known

    def _replace(self, key: str, document: tantivy.Document, *, known: bool) -> None:
        # A deletion is looked for in every segment at the commit: dear, and most records of a rebuild are new.
        if known:
            self._writer.delete_documents_by_term("key", key)
        self._writer.add_document(document)

    def _slot(self, uuid: str, kind: str) -> tuple[int, bool]:
        """The slot a record has had since it was first seen, or a new one; and was it seen?"""
        if self._searcher.doc_freq("key", uuid):
            query = tantivy.Query.term_query(self.schema, "key", uuid, index_option="basic")
            hits = self._searcher.search(query, 1, count=False, order_by_field="slot").hits
            if hits:
                return int(hits[0][0]), True
        row = self._rows[kind]
        self._rows[kind] = row + 1
        return schema.slot(kind, row), False

    def _rewrite_services(self, structure: str, except_for: dict[str, FeedItem]) -> None:
        if not self._searcher.doc_freq("structure", structure):
            return
        for _, document in generation.with_term(self.schema, self._searcher, "structure", structure):
            uuid = generation.key_of(document)
            if uuid not in except_for:
                service = self._committed(uuid)
                if service is None:
                    raise LookupError(f"row without event in {self.path}: {uuid}")
                self._replace_row(service, self._owner(_native(service)["structure"]))

    def _owner(self, structure: str) -> Owner | None:
        """A structure as its services need it, or the one that it is shown as: they stand under that one then."""
        owner = self._known(structure)
        owner = self._known(owner) if isinstance(owner, str) else owner
        return owner if isinstance(owner, Owner) else None

    def _known(self, structure: str) -> Owner | str | None:
        """A structure from this batch, from memory or from the last commit; the name of the one that it is shown as."""
        if structure not in self._owners:
            item = self._committed(structure)
            self._owners[structure] = _owner_of(item) if item else None
        self._owners.move_to_end(structure)
        return self._owners[structure]

    def _committed(self, uuid: str) -> FeedItem | None:
        found = generation.by_key(self.schema, self._searcher, schema.event_key(uuid))
        return orjson.loads(generation.stored(found, "event")) if found else None


def _native(item: FeedItem) -> Native:
    record: Native = item["event"]["data"]
    return record


def _named(items: Iterable[FeedItem]) -> Iterator[str]:
    """The records of these items, and those that are seen as one with them."""
    for item in items:
        yield item["id"]
        yield from (each["id"] for each in item.get("sources", ()))


def _owner_of(item: FeedItem) -> Owner | str | None:
    return Owner.of(item) if _public(item) else item.get("joined")


def _public(item: FeedItem) -> bool:
    return bool(item["op"] == "put")
