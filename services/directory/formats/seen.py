"""Which identifiers a reading has met, in a few bytes each: a spreadsheet of 200,000 rows keeps memory flat.

A table of 64-bit hashes with open addressing. Two identifiers of a file with the same hash are not to be expected
(one chance in 900 million for 200,000 rows).
"""

from __future__ import annotations

from array import array
from typing import Final

EMPTY: Final = 0
START_SLOTS: Final = 1 << 12


class Seen:
    """Remembers for each key the line and the digest of its content where it was first met."""

    def __init__(self) -> None:
        self._count = 0
        self._make(START_SLOTS)

    def first(self, key: tuple[str, str, str], line: int, digest: int) -> tuple[int, int] | None:
        """Where a key was first met, `(line, digest)`; None when this is the first time, which is remembered.

        Args:
            line: below 2³², as is `digest`.
        """
        hashed = hash(key) or 1
        slot = self._slot(hashed)
        if self._keys[slot] != EMPTY:
            return self._lines[slot], self._digests[slot]
        self._keys[slot], self._lines[slot], self._digests[slot] = hashed, line, digest
        self._count += 1
        if self._count * 3 > len(self._keys) * 2:
            self._grow()
        return None

    def _slot(self, hashed: int) -> int:
        mask = len(self._keys) - 1
        slot = hashed & mask
        while self._keys[slot] not in (EMPTY, hashed):
            slot = (slot + 1) & mask
        return slot

    def _make(self, slots: int) -> None:
        self._keys = array("q", bytes(8 * slots))
        self._lines = array("I", bytes(4 * slots))
        self._digests = array("I", bytes(4 * slots))

    def _grow(self) -> None:
        keys, lines, digests = self._keys, self._lines, self._digests
        self._make(2 * len(keys))
        for at, hashed in enumerate(keys):
            if hashed != EMPTY:
                slot = self._slot(hashed)
                self._keys[slot], self._lines[slot], self._digests[slot] = hashed, lines[at], digests[at]
