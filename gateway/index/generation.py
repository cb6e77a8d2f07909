"""One generation of the index, opened: the schema checked, our analyzers taught, documents found by key or slot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson
import tantivy

from gateway import schema, text

BATCH = 512
FEW = 16


@dataclass(frozen=True, slots=True)
class Position:
    """The cursor document: the feed's position taken in, the next stamp, and the next row of each kind."""

    feed: int = 0
    stamp: int = 1
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(schema.KINDS, 0))

    def dump(self) -> bytes:
        """JSON for the cursor document."""
        return orjson.dumps({"format": schema.FORMAT, "feed": self.feed, "stamp": self.stamp, "rows": self.rows})

    @classmethod
    def load(cls, written: bytes) -> Position:
        """What `dump` wrote."""
        parts = orjson.loads(written)
        if parts["format"] != schema.FORMAT:
            raise WrongFormat(f"index of format {parts['format']}, this program reads {schema.FORMAT}")
        return cls(parts["feed"], parts["stamp"], parts["rows"])


class WrongFormat(Exception):
    """The index was written by another version of this program and has to be rebuilt."""


def create(path: Path) -> tantivy.Index:
    """A new index in an empty folder."""
    return _ready(tantivy.Index(schema.build(), str(path)))


def open_(path: Path) -> tantivy.Index:
    """The index in a folder. Raises `FileNotFoundError` when there is none (any more)."""
    if not (path / "meta.json").exists():
        raise FileNotFoundError(path)
    try:
        return _ready(tantivy.Index.open(str(path)))
    except (ValueError, OSError) as error:
        if not (path / "meta.json").exists():
            raise FileNotFoundError(path) from error
        raise


def _ready(index: tantivy.Index) -> tantivy.Index:
    text.register(index)
    # The library's own watcher is slow and costs a thread: readers look for themselves.
    index.config_reader("manual")
    return index


def stored(document: tantivy.Document, name: str) -> bytes:
    """A stored field that every document of this sort has."""
    return cast(bytes, document.get_first(name))


def key_of(document: tantivy.Document) -> str:
    """The key of a document: the UUID, for a row."""
    return cast(str, document.get_first("key"))


def count(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    """How many documents a query finds."""
    return int(cast(Any, searcher.search(query, 1)).count)


def by_key(index_schema: tantivy.Schema, searcher: tantivy.Searcher, key: str) -> tantivy.Document | None:
    """The one document of a key."""
    hits = searcher.search(_term(index_schema, "key", key), 1, count=False).hits
    return searcher.doc(hits[0][1]) if hits else None


def position(index_schema: tantivy.Schema, searcher: tantivy.Searcher) -> Position:
    """How far this searcher's commit had come. Raises `WrongFormat`."""
    found = by_key(index_schema, searcher, schema.CURSOR_KEY)
    return Position.load(stored(found, "columns")) if found else Position()


def by_slots(
    index_schema: tantivy.Schema, searcher: tantivy.Searcher, slots: Sequence[int]
) -> dict[int, tantivy.Document]:
    """The row documents of these slots."""
    found: dict[int, tantivy.Document] = {}
    for start in range(0, len(slots), BATCH):
        wanted = slots[start : start + BATCH]
        any_of = tantivy.Query.boolean_query([(tantivy.Occur.Should, _term(index_schema, "slot", s)) for s in wanted])
        hits = searcher.search(any_of, len(wanted), count=False, order_by_field="slot").hits
        found.update((slot, searcher.doc(address)) for slot, address in hits)
    return found


def numbers_between(
    index_schema: tantivy.Schema, searcher: tantivy.Searcher, name: str, first: int, past: int, limit: int
) -> Iterator[tuple[int, tantivy.Document]]:
    """Documents whose number `name` lies in [first, past), ascending, at most `limit`."""
    query = tantivy.Query.range_query(
        index_schema,
        name,
        tantivy.FieldType.Unsigned,
        lower_bound=first,
        upper_bound=past,
        include_upper=False,
        use_inverted_index=True,
    )
    hits: list[tuple[Any, Any]] = searcher.search(
        query, limit, count=False, order_by_field=name, order=tantivy.Order.Asc
    ).hits
    return ((number, searcher.doc(address)) for number, address in hits)


def with_term(
    index_schema: tantivy.Schema, searcher: tantivy.Searcher, name: str, value: str
) -> Iterator[tuple[int, tantivy.Document]]:
    """Row documents with a term, and their slots, ascending."""
    return ((slot, searcher.doc(address)) for slot, address in _hits(index_schema, searcher, name, value))


def slots_with_term(index_schema: tantivy.Schema, searcher: tantivy.Searcher, name: str, value: str) -> list[int]:
    """The slots of row documents with a term, ascending."""
    return [slot for slot, _ in _hits(index_schema, searcher, name, value)]


def _hits(index_schema: tantivy.Schema, searcher: tantivy.Searcher, name: str, value: str) -> list[Any]:
    query = _term(index_schema, name, value)
    few: Any = searcher.search(query, FEW, order_by_field="slot", order=tantivy.Order.Asc)
    found: list[Any] = few.hits
    if few.count > FEW:
        found = searcher.search(query, few.count, count=False, order_by_field="slot", order=tantivy.Order.Asc).hits
    return found


def _term(index_schema: tantivy.Schema, name: str, value: Any) -> tantivy.Query:
    return tantivy.Query.term_query(index_schema, name, value, index_option="basic")
