"""Which rows hold a word, and where: tantivy answers once, a small cache keeps it and mends it as records change.

tantivy walks its own postings in microseconds, but each hit that crosses into Python costs a quarter of one: a word
in 15,000 records would take 4 ms each time. So the rows of a word are fetched once, kept as an array, and after a
commit only the documents written since are asked about.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tantivy

from gateway import schema, text
from gateway.index import generation
from gateway.index.arrays import Rows

Tiers = npt.NDArray[np.uint8]

CACHE_BYTES = 12_000_000
MENDED_AT_MOST = 2_000
"""Documents written since a word was fetched, above which it is fetched anew."""


@dataclass(slots=True)
class Posting:
    """The rows that hold a word, ascending, and the best tier each holds it in; true as of `stamp`."""

    rows: npt.NDArray[np.int32]
    tiers: Tiers
    stamp: int
    dense: Tiers | None = None

    def of(self, rows: Rows) -> Tiers:
        """The tier of each of `rows`, 0 where the word is not."""
        if self.dense is not None:
            return self.dense[rows]
        if not len(self.rows):
            return np.zeros(len(rows), dtype=np.uint8)
        places = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[places] == rows, self.tiers[places], 0).astype(np.uint8)

    def spread(self, size: int) -> None:
        """Keep a common word by row as well: looking it up is then one step."""
        self.dense = None
        if len(self.rows) * 8 > size:
            self.dense = np.zeros(size, dtype=np.uint8)
            self.dense[self.rows] = self.tiers

    @property
    def nbytes(self) -> int:
        """Bytes held, with a word's share of the cache itself."""
        return self.rows.nbytes + self.tiers.nbytes + (self.dense.nbytes if self.dense is not None else 0) + 300


class Words:
    """The words of one kind of record. `follow` gives it each new searcher."""

    def __init__(self, kind: str, index_schema: tantivy.Schema) -> None:
        self._schema = index_schema
        self._kind = self._constant("kind", kind, 0.0)
        self._cache: OrderedDict[tuple[str, str], Posting] = OrderedDict()
        self.nbytes = 0

    def follow(self, searcher: tantivy.Searcher, stamp: int, row_stamps: npt.NDArray[np.int64], size: int) -> None:
        """Answer from this searcher from now on; `row_stamps` says when each of the `size` rows was last written."""
        self._searcher, self._stamp, self._row_stamps, self._size = searcher, stamp, row_stamps, size

    def text(self, stem: str) -> Posting:
        """Rows that hold a stem anywhere, by the best of its places."""
        return self._posting("text", stem)

    def mistyped(self, word: str) -> Posting:
        """Rows that hold a word one typing mistake away (a letter more, less, other, or two swapped)."""
        return self._posting("mistyped", word)

    def audience(self, stem: str) -> Posting:
        """Rows whose audiences are described with a stem."""
        return self._posting("audience", stem)

    def _posting(self, how: str, word: str) -> Posting:
        known = self._cache.pop((how, word), None)
        if known is not None:
            self.nbytes -= known.nbytes
        if known is None or self._stamp - known.stamp > MENDED_AT_MOST:
            known = self._fetched(how, word)
        elif known.stamp < self._stamp:
            known = self._mended(known, how, word)
        self._cache[how, word] = known
        self.nbytes += known.nbytes
        while self.nbytes > CACHE_BYTES and len(self._cache) > 1:
            _, dropped = self._cache.popitem(last=False)
            self.nbytes -= dropped.nbytes
        return known

    def _fetched(self, how: str, word: str) -> Posting:
        rows, tiers = self._ask(self._query(how, word))
        posting = Posting(rows, tiers, self._stamp)
        posting.spread(self._size)
        return posting

    def _mended(self, known: Posting, how: str, word: str) -> Posting:
        still = self._row_stamps[known.rows] <= known.stamp
        since = tantivy.Query.range_query(
            self._schema, "stamp", tantivy.FieldType.Unsigned, lower_bound=known.stamp + 1, use_inverted_index=True
        )
        rows, tiers = self._ask(self._query(how, word), tantivy.Query.const_score_query(since, 0.0))
        if still.all() and not len(rows) and (known.dense is None or len(known.dense) >= self._size):
            known.stamp = self._stamp
            return known
        rows = np.concatenate((known.rows[still], rows))
        order = np.argsort(rows, kind="stable")
        mended = Posting(rows[order], np.concatenate((known.tiers[still], tiers))[order], self._stamp)
        mended.spread(self._size)
        return mended

    def _query(self, how: str, word: str) -> tantivy.Query:
        if how == "mistyped":
            near = tantivy.Query.fuzzy_term_query(self._schema, schema.WORDS, word, distance=1)
            return tantivy.Query.const_score_query(near, float(schema.TYPO_TIER))
        tiers = {schema.AUDIENCE: 1} if how == "audience" else schema.TIERS
        return tantivy.Query.disjunction_max_query(
            [self._constant(field, form, float(tier)) for field, tier in tiers.items() for form in text.forms(word)]
        )

    def _constant(self, field: str, word: str, score: float) -> tantivy.Query:
        term = tantivy.Query.term_query(self._schema, field, word, index_option="basic")
        return tantivy.Query.const_score_query(term, score)

    def _ask(self, *queries: tantivy.Query) -> tuple[npt.NDArray[np.int32], Tiers]:
        asked = tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in (*queries, self._kind)])
        count = generation.count(self._searcher, asked)
        hits: Iterable[tuple[Any, Any]] = self._searcher.search(asked, count, count=False).hits if count else ()
        scores, addresses = [], []
        for score, address in hits:
            scores.append(score)
            addresses.append(address)
        slots = self._searcher.fast_field_values("slot", addresses) if addresses else []
        rows = np.array(slots, dtype=np.int64) // len(schema.KINDS)
        order = np.argsort(rows, kind="stable")
        return rows[order].astype(np.int32), np.array(scores, dtype=np.uint8)[order]
