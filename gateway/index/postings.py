"""Which rows are worth looking at: sorted lists of rows by filter value and by place, for large tables.

A list only proposes: every filter is applied to the proposed rows themselves. So a list may be old: rows changed
since it was sorted are taken out of it and proposed always, until there are many and the lists are sorted anew.
Small tables need none of this: looking at all rows costs some microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gateway.index import geography
from gateway.index.arrays import Keys, Mask, Rows, slices
from gateway.index.sets import Wanted
from gateway.index.table import Table

SMALL_TABLE = 24_000
MAX_CHANGED = 4_096
LISTS_KEPT = 256


@dataclass(frozen=True, slots=True)
class _Lists:
    """Where the lists of some codes begin and end, and how many rows they hold together."""

    starts: Keys
    ends: Keys
    count: int


@dataclass(frozen=True, slots=True)
class _ByCode:
    """Rows sorted by their code in one column; those of code c are `rows[starts[c]:starts[c + 1]]`."""

    rows: npt.NDArray[np.int32]
    starts: Keys
    _kept: dict[Wanted, _Lists] = field(default_factory=dict)

    def lists(self, wanted: Wanted) -> _Lists:
        """The lists of the wanted codes; codes younger than the lists have none."""
        known = self._kept.get(wanted)
        if known is None:
            codes = wanted.codes[: np.searchsorted(wanted.codes, len(self.starts) - 1)]
            starts, ends = self.starts[codes], self.starts[codes + 1]
            known = _Lists(starts, ends, int((ends - starts).sum()))
            if len(self._kept) >= LISTS_KEPT:
                self._kept.clear()
            self._kept[wanted] = known
        return known


class Postings:
    """Sorted lists over a table as it was, and the rows changed since."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._renew()

    def _renew(self) -> None:
        self._live: Rows | None = None
        self._changed: Mask = np.zeros(self._table.size, dtype=np.bool_)
        self._changed_rows: set[int] = set()
        self._base_rows = self._table.size
        self._by_code: dict[str, _ByCode] = {}
        self._by_strip: tuple[Keys, npt.NDArray[np.int32]] | None = None

    def touched(self, rows: Rows) -> None:
        """These rows changed: lists made before are no longer to be believed about them."""
        self._live = None
        self._changed_rows.update(rows.tolist())
        self._changed[rows[rows < self._base_rows]] = True

    def settle(self) -> None:
        """After a round of changes: sort the lists anew when too much has changed since they were."""
        if len(self._changed_rows) <= max(MAX_CHANGED, self._table.size // 32):
            return
        alive = self._table.live_rows()
        for column in self._table.sets.values():
            column.forget_unused(alive)
        self._renew()

    @property
    def small(self) -> bool:
        """Are there so few rows that looking at all of them is best?"""
        return self._table.size <= SMALL_TABLE

    def all_rows(self) -> Rows:
        """Every live row, ascending."""
        if self._live is None:
            self._live = self._table.live_rows()
        return self._live

    def count_with(self, column: str, wanted: Wanted) -> int:
        """About how many rows `rows_with` would propose."""
        return self._column(column).lists(wanted).count + len(self._changed_rows)

    def rows_with(self, column: str, wanted: Wanted) -> Rows:
        """Rows whose code in `column` is wanted, or that changed lately; ascending within a code only."""
        postings = self._column(column)
        lists = postings.lists(wanted)
        return self._proposed(slices(postings.rows, lists.starts, lists.ends))

    def count_near(self, box: geography.Box) -> int:
        """About how many rows `rows_near` would propose."""
        keys, _ = self._strips()
        starts, ends = self._strip_ranges(keys, box)
        return int(np.maximum(ends - starts, 0).sum()) + len(self._changed_rows)

    def rows_near(self, box: geography.Box) -> Rows:
        """Rows whose point lies in (or close to) a box, or that changed lately."""
        keys, rows = self._strips()
        return self._proposed(slices(rows, *self._strip_ranges(keys, box)))

    def near_mask(self, rows: Rows, box: geography.Box) -> Mask:
        """Which of `rows` would `rows_near` propose for their place (for joining lists without repeats)?"""
        first, last = geography.strips(box)
        strip = self._table.strip[rows]
        place = np.searchsorted(first, strip, side="right") - 1
        inside = (place >= 0) & (strip < last[np.maximum(place, 0)])
        changed = np.zeros(len(rows), dtype=np.bool_)
        known = rows < self._base_rows
        changed[known] = self._changed[rows[known]]
        return inside | changed | ~known

    def _proposed(self, listed: npt.NDArray[np.int32]) -> Rows:
        rows = listed.astype(np.intp)
        if not self._changed_rows:
            return rows
        changed = np.fromiter(self._changed_rows, dtype=np.intp, count=len(self._changed_rows))
        rows = np.concatenate((rows[~self._changed[rows]], changed))
        return rows[self._table.alive[rows]]

    def _column(self, name: str) -> _ByCode:
        if name not in self._by_code:
            live = np.flatnonzero(self._table.alive[: self._base_rows])
            codes = self._table.sets[name].codes[live]
            order = np.argsort(codes, kind="stable")
            starts = np.searchsorted(codes[order], np.arange(len(self._table.sets[name].values) + 1))
            self._by_code[name] = _ByCode(live[order].astype(np.int32), starts.astype(np.int64))
        return self._by_code[name]

    def _strips(self) -> tuple[Keys, npt.NDArray[np.int32]]:
        if self._by_strip is None:
            live = np.flatnonzero(self._table.alive[: self._base_rows])
            keys = self._table.strip[live]
            order = np.argsort(keys, kind="stable")
            self._by_strip = keys[order], live[order].astype(np.int32)
        return self._by_strip

    @staticmethod
    def _strip_ranges(keys: Keys, box: geography.Box) -> tuple[Rows, Rows]:
        first, last = geography.strips(box)
        return np.searchsorted(keys, first), np.searchsorted(keys, last)
