"""Which identifiers a reading has met, in a few bytes each: memory stays flat for a spreadsheet of 200,000 rows.

A table of 64-bit hashes with open addressing. Two identifiers of a file with the same hash are not to be expected
(one chance in 900 million for 200,000 rows).
"""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

EMPTY: Final = 0
START_SLOTS: Final = 1 << 12
Key = tuple[str, ...]


class Met(NamedTuple):
    """Where a key was first met: the line, and a digest of what was said there; both below 2³²."""

    line: int
    digest: int


class Seen:
    """Remembers for each key where it was first met."""

    def __init__(self) -> None:
        self._count = 0
        self._make(START_SLOTS)

    def find(self, key: Key) -> Met | None:
        """Where a key was first met, None when it was not."""
        slot = self._slot(hash(key) or 1)
        return None if self._keys[slot] == EMPTY else Met(self._lines[slot], self._digests[slot])

    def note(self, key: Key, met: Met) -> None:
        """Remember where a key was met for the first time."""
        hashed = hash(key) or 1
        self._put(hashed, *met)
        self._count += 1
        if self._count * 3 > len(self._keys) * 2:
            old = zip(self._keys, self._lines, self._digests, strict=True)
            self._make(2 * len(self._keys))
            for kept, line, digest in old:
                if kept != EMPTY:
                    self._put(kept, line, digest)

    def _put(self, hashed: int, line: int, digest: int) -> None:
        slot = self._slot(hashed)
        self._keys[slot], self._lines[slot], self._digests[slot] = hashed, line, digest

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
