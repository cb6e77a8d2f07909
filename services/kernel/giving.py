"""Long work that nobody waits for gives way to questions that somebody waits for.

An embedded node answers with the one thread that also proves, applies and indexes what another node says: a page of 500
events would keep a search waiting for as long as it takes. So long work calls `give_way` between its pieces, and what
answers says so by `answering`. While nobody has asked for `LATELY_S`, work goes on at full speed, and a first question
waits for `PIECE_S` at most; from then on pieces are short, each is followed by a moment in which a question can come
in, and while one is being answered work rests, up to `REST_MOST` times as long as it worked: it never stands still.

Where rooms and gateway are processes of their own nobody ever says `answering` here, and the system shares the cores.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

LATELY_S: Final = 1.0
PIECE_S, SHORT_PIECE_S = 0.005, 0.0005
TURNS: Final = 3
"""Of all that is ready: a question that has arrived is taken up, its connection, its thread, its first bytes."""
LOOK_EVERY_S: Final = 0.001
REST_MOST: Final = 8
FEW: Final = 100
T = TypeVar("T")


class Way:
    """Who is being answered in this process, and since when work has gone on without a rest."""

    def __init__(self) -> None:
        self._answering = 0
        self._answered_at = float("-inf")
        self._working_since = 0.0

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Somebody waits for what is done here."""
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1
            self._answered_at = time.monotonic()

    def asked_lately(self) -> bool:
        """Whether somebody is being answered, or was within the last second."""
        return bool(self._answering) or time.monotonic() - self._answered_at < LATELY_S

    def give(self) -> None:
        """Between two pieces of long work: let others go first, where this has gone on for long enough."""
        now = time.monotonic()
        worked_s = now - self._working_since
        if worked_s < SHORT_PIECE_S:
            return
        if self.asked_lately():
            for _ in range(TURNS):
                time.sleep(0)
            ends_at = now + min(worked_s, PIECE_S) * REST_MOST
            while self._answering and time.monotonic() < ends_at:
                time.sleep(LOOK_EVERY_S)
        elif worked_s >= PIECE_S:
            time.sleep(0)
        else:
            return
        self._working_since = time.monotonic()


_way = Way()
answering, asked_lately, give_way = _way.answering, _way.asked_lately, _way.give


def in_pieces(items: Iterable[T]) -> Iterator[T]:
    """The same items, giving way between them."""
    for item in items:
        yield item
        give_way()


def fit(most: int) -> int:
    """How many to take at once where `most` could be: a few while somebody asks, since no piece is then to be long."""
    return min(most, FEW) if asked_lately() else most
