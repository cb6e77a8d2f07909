"""Which rows hold a word, and where: tantivy answers once, a small cache keeps it and mends it as records change.

tantivy walks its own postings in microseconds, but each hit that crosses into Python costs a quarter of one: a word
in 15,000 records would take 4 ms each time. So the rows of a word are fetched once, kept as an array, and after a
commit only the documents written since are asked about.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import tantivy

from gateway import schema, text
from gateway.index import generation
from gateway.index.arrays import Rows

Tiers = npt.NDArray[np.uint8]

CACHE_BYTES = 12_000_000
CACHE_BYTES_A_ROW = 24
"""The cache is larger in large indexes: room for some twenty words that many records hold."""
DENSE_FROM = 8
"""A word that more than one row in so many holds is kept as one tier for every row."""
MENDED_AT_MOST = 2_000
"""Documents written since a word was fetched, above which it is fetched anew."""


class Posting:
    """The rows that hold a word, and the best tier each holds it in; true as of `stamp`.

    A rare word is two arrays, rows and tiers; a common one is the tier of every row, 0 where the word is not.
    """

    def __init__(self, rows: npt.NDArray[np.int32], tiers: Tiers, stamp: int, size: int) -> None:
        """`rows` ascending; `size` is the number of rows of the table, or more."""
        self.stamp = stamp
        self.count = len(rows)
        self._rows, self._tiers = rows, tiers
        self._dense: Tiers | None = None
        if len(rows) * DENSE_FROM > size:
            self._dense = np.zeros(size, dtype=np.uint8)
            self._dense[rows] = tiers
            self._rows, self._tiers = rows[:0], tiers[:0]

    def rows(self) -> Rows:
        """The rows, ascending."""
        return np.flatnonzero(self._dense > 0) if self._dense is not None else self._rows.astype(np.intp)

    def of(self, rows: Rows) -> Tiers:
        """The tier of each of `rows`, 0 where the word is not."""
        if self._dense is not None:
            return self._dense[rows]
        if not len(self._rows):
            return np.zeros(len(rows), dtype=np.uint8)
        places = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
        return np.where(self._rows[places] == rows, self._tiers[places], 0).astype(np.uint8)

    def fits(self, size: int) -> bool:
        """Can it be asked about tables of so many rows?"""
        return self._dense is None or len(self._dense) >= size

    @property
    def nbytes(self) -> int:
        """Bytes held, with a word's share of the cache itself."""
        dense = self._dense.nbytes if self._dense is not None else 0
        return self._rows.nbytes + self._tiers.nbytes + dense + 300


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
        while self.nbytes > max(CACHE_BYTES, CACHE_BYTES_A_ROW * self._size) and len(self._cache) > 1:
            _, dropped = self._cache.popitem(last=False)
            self.nbytes -= dropped.nbytes
        return known

    def _fetched(self, how: str, word: str) -> Posting:
        rows, tiers = self._ask(self._query(how, word))
        return Posting(rows, tiers, self._stamp, self._size)

    def _mended(self, known: Posting, how: str, word: str) -> Posting:
        """The posting without the rows written since, and with those of them that hold the word now."""
        held = known.rows()
        still = held[self._row_stamps[held] <= known.stamp]
        since = tantivy.Query.range_query(
            self._schema, "stamp", tantivy.FieldType.Unsigned, lower_bound=known.stamp + 1, use_inverted_index=True
        )
        rows, tiers = self._ask(self._query(how, word), tantivy.Query.const_score_query(since, 0.0))
        if len(still) == len(held) and not len(rows) and known.fits(self._size):
            known.stamp = self._stamp
            return known
        every = np.concatenate((still.astype(np.int32), rows))
        order = np.argsort(every, kind="stable")
        return Posting(every[order], np.concatenate((known.of(still), tiers))[order], self._stamp, self._size)

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
