"""Work gives way to who is being answered, and never stands still."""

from __future__ import annotations

import threading
import time

import pytest

from services.kernel import giving
from services.kernel.giving import FEW, LATELY_S, REST_MOST, SHORT_PIECE_S, Way

SLACK_S = 0.05
"""What a busy machine may add to a sleep."""


@pytest.fixture
def way() -> Way:
    """A process of its own, as it were."""
    return Way()


def _work(seconds: float = SHORT_PIECE_S * 4) -> None:
    ends_at = time.perf_counter() + seconds
    while time.perf_counter() < ends_at:
        pass


def test_where_nobody_asks_work_goes_on(way: Way) -> None:
    way.give()
    began = time.perf_counter()
    for _ in range(100_000):
        way.give()
    assert time.perf_counter() - began < 1
    assert not way.asked_lately()


@pytest.mark.alone
def test_work_rests_until_the_answer_is_given(way: Way) -> None:
    asked, answered = threading.Event(), list[float]()

    def answer() -> None:
        with way.answering():
            asked.set()
            time.sleep(0.01)
            answered.append(time.perf_counter())

    asker = threading.Thread(target=answer)
    asker.start()
    asked.wait()
    way.give()  # from here on it works
    _work(giving.PIECE_S)
    way.give()
    went_on_at = time.perf_counter()
    asker.join()
    assert answered[0] <= went_on_at


@pytest.mark.alone
def test_work_that_is_asked_past_all_the_time_goes_on_all_the_same(way: Way) -> None:
    with way.answering():
        way.give()
        began = time.perf_counter()
        _work()
        way.give()
        assert time.perf_counter() - began < SHORT_PIECE_S * 4 * (REST_MOST + 2) + SLACK_S


def test_pieces_are_small_while_somebody_asks_and_for_a_while_after(monkeypatch: pytest.MonkeyPatch) -> None:
    way = Way()
    monkeypatch.setattr(giving, "asked_lately", way.asked_lately)
    assert giving.fit(500) == 500
    with way.answering():
        assert giving.fit(500) == FEW
    assert giving.fit(500) == FEW
    assert giving.fit(FEW // 2) == FEW // 2
    time.sleep(LATELY_S + 0.01)
    assert giving.fit(500) == 500


def test_what_is_given_in_pieces_is_all_of_it() -> None:
    assert list(giving.in_pieces(range(1_000))) == list(range(1_000))
