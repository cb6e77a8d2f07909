"""A column of short byte strings (ids, names) and their order, in little memory, while rows come and change.

The strings lie in one packed block (8 bytes a row beside the text, where Python objects would take 50); rows changed
since it was packed lie in a dictionary until the next packing. Their order is one integer a row with room between
neighbours: a newcomer takes a number in the middle and nobody else moves. It is worked out when first asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.index.arrays import Keys, grown

ROOM = 1 << 32
"""Between neighbours when numbers are given out anew: 32 newcomers in a row may come at the very same place."""

UNPLACED = -1
UNPACKED = 16_384
"""Strings that may lie outside the block before it is packed again."""


class OrderedStrings:
    """For each row a string; `keys()[a] < keys()[b]` when a's string sorts before b's (bytes, as UTF-8 sorts).

    Rows whose strings are equal have keys that differ, in an order that stays while both keep their string.
    """

    def __init__(self) -> None:
        self._keys: Keys = np.zeros(0, dtype=np.int64)
        self._sorted: npt.NDArray[np.int32] = np.empty(0, dtype=np.int32)
        self._block = b""
        self._starts: Keys = np.zeros(1, dtype=np.int64)
        self._changed: dict[int, bytes] = {}
        self._unplaced: set[int] = set()

    def resize(self, rows: int) -> None:
        """Make room for `rows` rows; new ones have no string yet."""
        self._keys = grown(self._keys, rows, UNPLACED)

    def __getitem__(self, row: int) -> bytes:
        """The string of a row; empty when it has none."""
        changed = self._changed.get(row)
        if changed is not None:
            return changed
        if row + 1 >= len(self._starts):
            return b""
        return self._block[self._starts[row] : self._starts[row + 1]]

    def put(self, strings: Mapping[int, bytes]) -> None:
        """Give rows their strings; a row whose string is what it was keeps its place."""
        fresh = {row: string for row, string in strings.items() if self[row] != string}
        self._changed.update(fresh)
        self._unplaced.update(fresh)
        if len(self._changed) > max(UNPACKED, len(self._keys) // 4):
            self._pack()

    def keys(self) -> Keys:
        """One integer a row, in the order of the strings; -1 for rows without one."""
        if self._unplaced:
            self._place()
        return self._keys

    def bound(self, string: bytes) -> int:
        """A key such that exactly the rows whose string sorts after `string` have greater ones."""
        keys = self.keys()
        place = self._place_after(string)
        return int(keys[self._sorted[place - 1]]) if place else UNPLACED

    def _place_after(self, string: bytes) -> int:
        return bisect_left(self._sorted, True, key=lambda row: self[int(row)] > string)

    def _place(self) -> None:
        newcomers = sorted(self._unplaced, key=lambda row: (self[row], row))
        self._unplaced = set()
        kept = self._sorted[~np.isin(self._sorted, newcomers)] if len(self._sorted) else self._sorted
        if len(newcomers) * 8 > len(kept):
            rows = [*kept.tolist(), *newcomers]
            rows.sort(key=self.__getitem__)
            self._sorted = np.array(rows, dtype=np.int32)
            self._give_keys_anew()
        else:
            self._sorted = kept
            self._insert(newcomers)

    def _insert(self, newcomers: list[int]) -> None:
        by_place: dict[int, list[int]] = {}
        for row in newcomers:
            by_place.setdefault(self._place_after(self[row]), []).append(row)
        old = self._keys[self._sorted]
        places = [place for place, rows in by_place.items() for _ in rows]
        self._sorted = np.insert(self._sorted, places, newcomers)
        for place, rows in by_place.items():
            low = int(old[place - 1]) if place else 0
            high = int(old[place]) if place < len(old) else low + ROOM * (len(rows) + 1)
            step = (high - low) // (len(rows) + 1)
            if not step:
                self._give_keys_anew()
                return
            self._keys[rows] = [low + step * rank for rank in range(1, len(rows) + 1)]

    def _give_keys_anew(self) -> None:
        self._keys[self._sorted] = np.arange(1, len(self._sorted) + 1, dtype=np.int64) * ROOM

    def _pack(self) -> None:
        strings = [self[row] for row in range(len(self._keys))]
        self._starts = np.array([0, *accumulate(map(len, strings))], dtype=np.int64)
        self._block = b"".join(strings)
        self._changed = {}

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays for a snapshot; the order as far as it was worked out."""
        self._pack()
        unplaced = np.array(sorted(self._unplaced), dtype=np.int64)
        block = np.frombuffer(self._block, dtype=np.uint8)
        return {
            "keys": self._keys,
            "sorted": self._sorted,
            "starts": self._starts,
            "block": block,
            "unplaced": unplaced,
        }

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """What `state` gave, into a new column."""
        self._keys, self._sorted, self._starts = state["keys"], state["sorted"], state["starts"]
        self._block = state["block"].tobytes()
        self._unplaced = set(state["unplaced"].tolist())

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, the block and (about) the changed strings."""
        arrays = self._keys.nbytes + self._sorted.nbytes + self._starts.nbytes
        return arrays + len(self._block) + 120 * len(self._changed)
