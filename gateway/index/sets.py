"""A column of sets: for each row a few words out of a referential, coded by the whole set.

Records share few distinct sets (of themes, of audiences, of zones), so each distinct set gets a code; a filter is
then one true or false for each code, and applying it to rows is one lookup, whatever was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson

from gateway.index.arrays import Mask, Rows, grown

EMPTY = 0
"""The code of the empty set."""
FORGETFUL_FROM = 1_024
MASKS_KEPT = 256


@dataclass(frozen=True, eq=False)
class Wanted:
    """The sets that a filter keeps: true or false for each code, and the codes for which it is true, ascending."""

    mask: Mask
    codes: Rows

    @classmethod
    def of(cls, mask: Mask) -> Wanted:
        """From one true or false for each code."""
        return cls(mask, np.flatnonzero(mask))


@dataclass(frozen=True, slots=True)
class _Members:
    """All (set, word) pairs of a column as two arrays, for counting words without a loop."""

    sets: int
    words: list[str]
    codes: npt.NDArray[np.intp]
    numbers: npt.NDArray[np.intp]

    @classmethod
    def of(cls, values: list[tuple[str, ...]]) -> _Members:
        number_of: dict[str, int] = {}
        pairs = [(code, number_of.setdefault(word, len(number_of))) for code, ws in enumerate(values) for word in ws]
        codes, numbers = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        return cls(len(values), list(number_of), codes, numbers)

    def counts(self, by_code: npt.NDArray[np.intp]) -> dict[str, int]:
        """Rows by word, from rows by set."""
        by_word = np.bincount(self.numbers, weights=by_code[self.codes], minlength=len(self.words))
        return {self.words[number]: int(by_word[number]) for number in np.flatnonzero(by_word).tolist()}


def written(words: Sequence[str]) -> str:
    """A set as one string, the same for the same set: how the index keeps it, and how a code is looked up."""
    if len(words) < 2:
        return words[0] if words else ""
    return "\n".join(sorted(set(words)))


class SetColumn:
    """For each row a set of words. `values[code]` is the set, as a sorted tuple; code 0 is the empty one."""

    def __init__(self) -> None:
        self.codes: npt.NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.values: list[tuple[str, ...]] = [()]
        self._code_of: dict[str, int] = {"": EMPTY}
        self._codes_with: dict[str, list[int]] = {}
        self._members: _Members | None = None
        self._masks: dict[tuple[frozenset[str], bool], Wanted] = {}
        self.times_forgotten = 0

    def resize(self, rows: int) -> None:
        """Make room for `rows` rows; new ones hold the empty set."""
        self.codes = grown(self.codes, rows, EMPTY)

    def put(self, rows: Rows, sets: list[str]) -> None:
        """Give rows their sets, each as `written`; sets never seen get a code now."""
        codes = self._code_of
        self.codes[rows] = [codes[one] if one in codes else self._fresh(one) for one in sets]

    def _fresh(self, one: str) -> int:
        fresh = len(self.values)
        words = tuple(one.split("\n"))
        self.values.append(words)
        self._code_of[one] = fresh
        self._masks.clear()
        for word in words:
            self._codes_with.setdefault(word, []).append(fresh)
        return fresh

    def with_any(self, members: Iterable[str], *, or_empty: bool = False) -> Mask:
        """For each code: does its set hold one of `members` (or nothing, when `or_empty`)? Not to be written to."""
        return self.wanted(frozenset(members), or_empty=or_empty).mask

    def wanted(self, members: frozenset[str], *, or_empty: bool = False) -> Wanted:
        """The same, with the codes whose set does. Kept: filters are asked for again and again."""
        asked = members, or_empty
        known = self._masks.get(asked)
        if known is None:
            known = Wanted.of(self._mask(members, or_empty))
            if len(self._masks) >= MASKS_KEPT:
                self._masks.clear()
            self._masks[asked] = known
        return known

    def _mask(self, members: frozenset[str], or_empty: bool) -> Mask:
        mask = np.zeros(len(self.values), dtype=np.bool_)
        for member in members:
            mask[self._codes_with.get(member, [])] = True
        mask[EMPTY] = or_empty
        return mask

    def counts(self, rows: Rows) -> dict[str, int]:
        """How many of `rows` hold each word, words that none holds left out."""
        if self._members is None or self._members.sets != len(self.values):
            self._members = _Members.of(self.values)
        by_code = np.bincount(self.codes[rows], minlength=len(self.values))
        return self._members.counts(by_code)

    def forget_unused(self, alive: Rows) -> None:
        """Give out the codes anew when most belong to no row any more, so that years of changes cost no memory."""
        used, fresh = np.unique(self.codes[alive], return_inverse=True)
        if len(self.values) < FORGETFUL_FROM or len(used) * 2 > len(self.values):
            return
        kept = [written(self.values[code]) for code in used.tolist()]
        self.values, self._code_of, self._codes_with, self._members = [()], {"": EMPTY}, {}, None
        self._masks.clear()
        self.times_forgotten += 1
        translation = np.array([self._fresh(one) if one else EMPTY for one in kept], dtype=np.int32)
        self.codes[:] = EMPTY
        self.codes[alive] = translation[fresh]

    def state(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
        """The codes, and the sets as JSON, for a snapshot."""
        sets = orjson.dumps([written(value) for value in self.values[1:]])
        return self.codes, np.frombuffer(sets, dtype=np.uint8)

    def restore(self, codes: npt.NDArray[np.int32], sets: npt.NDArray[np.uint8]) -> None:
        """What `state` gave, into a new column."""
        self.codes = codes
        for one in orjson.loads(sets.tobytes()):
            self._fresh(one)

    @property
    def nbytes(self) -> int:
        """Bytes of the array; the dictionary of sets is small beside it."""
        return self.codes.nbytes
