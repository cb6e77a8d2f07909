"""What a question in words means: which words count, how much, and whether all are needed.

Every word must be there, by its stem, anywhere in the record. A word that fewer than three records hold also stands
for words one typing mistake away, at the lowest tier. When no record at all has every word, any of them will do.
A record's score is the sum over words of weight x tier: whole numbers that depend on the record and the plan alone,
so that other records changing moves nothing, and a cursor that carries the plan loses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gateway import text
from gateway.index.arrays import NO_ROWS, Mask, Rows
from gateway.index.words import Posting, Tiers, Words

Scores = npt.NDArray[np.int64]

FEW_RECORDS = 3
SHORTEST_MISTYPED = 4
WEIGHT_UNIT = 10
HEAVIEST = 1_000


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the question: as said, its stem, whether mistyped forms count, and its weight."""

    said: str
    stem: str
    mistyped: bool
    weight: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The question as it will be answered; `all_words` is false when no record has them all."""

    words: tuple[Word, ...]
    all_words: bool

    def dump(self) -> list[object]:
        """Plain values for a cursor."""
        return [[[word.said, word.stem, word.mistyped, word.weight] for word in self.words], self.all_words]

    @classmethod
    def load(cls, parts: Sequence[object]) -> Plan:
        """What `dump` gave. Raises `ValueError` or `TypeError` for anything else: cursors come from outside."""
        words, all_words = parts
        if not isinstance(words, list) or not isinstance(all_words, bool) or len(words) > text.MAX_QUERY_WORDS:
            raise TypeError("not a plan")
        return cls(tuple(_word(*word) for word in words), all_words)


def _word(said: object, stem: object, mistyped: object, weight: object) -> Word:
    if not isinstance(said, str) or not isinstance(stem, str) or not isinstance(mistyped, bool):
        raise TypeError("not a word")
    if type(weight) is not int or not 0 < weight <= HEAVIEST or max(len(said), len(stem)) > 2 * text.MAX_WORD_LETTERS:
        raise ValueError("not the weight or the length of a word")
    return Word(said, stem, mistyped, weight)


def weight(records: int, holding: int) -> int:
    """How much a word counts: ten times the natural logarithm of (1 + all records / those that hold it)."""
    return max(1, round(WEIGHT_UNIT * math.log(1 + records / max(holding, 1))))


def ask(question: str, words: Words, records: int) -> Asked | None:
    """How to answer a question over so many records, today; None where no word of it counts."""
    planned = []
    for said in text.asked(question):
        stem = text.stem(said)
        holding = words.text(stem).count
        mistyped = holding < FEW_RECORDS and len(said) >= SHORTEST_MISTYPED
        if mistyped:
            holding = max(holding, words.mistyped(said).count)
        planned.append(Word(said, stem, mistyped, weight(records, holding)))
    if not planned:
        return None
    together = Asked(Plan(tuple(planned), all_words=True), words)
    if len(planned) < 2 or len(together.found[0]):
        return together
    return Asked(Plan(together.plan.words, all_words=False), words)


class Asked:
    """A planned question, put to the rows of one kind."""

    def __init__(self, planned: Plan, words: Words) -> None:
        self.plan = planned
        self._postings = [self._of(word, words) for word in planned.words]

    @staticmethod
    def _of(word: Word, words: Words) -> list[Posting]:
        exact = words.text(word.stem)
        return [exact, words.mistyped(word.said)] if word.mistyped else [exact]

    def count(self) -> int:
        """At most how many rows answer."""
        counts = [sum(posting.count for posting in postings) for postings in self._postings]
        if not counts:
            return 0
        return min(counts) if self.plan.all_words else sum(counts)

    @cached_property
    def found(self) -> tuple[Rows, Scores]:
        """The rows that answer, ascending, and their scores."""
        if not self._postings:
            return NO_ROWS, np.zeros(0, dtype=np.int64)
        if self.plan.all_words:
            rows = _union(min(self._postings, key=lambda postings: sum(posting.count for posting in postings)))
        else:
            rows = np.unique(np.concatenate([_union(postings) for postings in self._postings]))
        answers, scores = self.scores(rows)
        places = np.flatnonzero(answers)
        return rows[places], scores[places]

    def scores(self, rows: Rows) -> tuple[Mask, Scores]:
        """For each of `rows`: does it answer, and its score."""
        total = np.zeros(len(rows), dtype=np.int64)
        every, some = np.ones(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.bool_)
        for word, postings in zip(self.plan.words, self._postings, strict=True):
            tiers = _best(postings, rows)
            held = tiers > 0
            every &= held
            some |= held
            total += tiers * np.int64(word.weight)
        return every & some if self.plan.all_words else some, total


def _union(postings: list[Posting]) -> Rows:
    held = [posting.rows() for posting in postings if posting.count]
    if len(held) < 2:
        return held[0] if held else NO_ROWS
    return np.unique(np.concatenate(held))


def _best(postings: list[Posting], rows: Rows) -> Tiers:
    tiers = postings[0].of(rows)
    for posting in postings[1:]:
        tiers = np.maximum(tiers, posting.of(rows))
    return tiers
