"""Questions that wait for a node to call: given once, answered in time by who took them, or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from services.federation import turned
from services.federation.reaching import Answer
from services.federation.turned import Callers, Question, Turned
from services.kernel.errors import Unavailable

NODE, OTHER = "a" * 32, "b" * 32


class Asked(threading.Thread):
    """A question asked by a link of its own; `answer`, or `why_not`."""

    def __init__(self, callers: Callers, node: str = NODE, **more: Any) -> None:
        super().__init__(daemon=True)
        self._way, self._more = Turned(callers, node), more
        self.answer: Answer | None = None
        self.why_not = ""
        self.start()

    def run(self) -> None:
        """Ask."""
        try:
            self.answer = self._way.get("/federation/v1/log", {"stream": "s", "after": 3}, **self._more)
        except Unavailable as error:
            self.why_not = error.message

    def ended(self, within_s: float = 5.0) -> Asked:
        """Itself, with what became of it."""
        self.join(within_s)
        assert not self.is_alive(), "it waits still"
        return self


@pytest.fixture
def now() -> list[float]:
    """The time, which a test may change."""
    return [100.0]


@pytest.fixture
def callers(now: list[float]) -> Callers:
    """Who calls: `NODE`, by its call `c`."""
    made = Callers(lambda: now[0])
    made.came(NODE, "c", begins=True)
    return made


def given(callers: Callers, call: str = "c") -> Question:
    """The question that comes to a call soon."""

    def look() -> Question | None:
        return callers.question(NODE, call)[0]

    return until(look)


def until(look: Callable[[], Question | None]) -> Question:
    ends_at = time.monotonic() + 5
    while (found := look()) is None:
        assert time.monotonic() < ends_at, "nothing came"
        time.sleep(0.005)
    return found


def test_a_question_is_given_to_who_calls_and_its_answer_to_who_asked(callers: Callers) -> None:
    asked = Asked(callers, headers={"Signature": "s"})
    question = given(callers)
    assert (question.path, question.query) == ("/federation/v1/log", "stream=s&after=3")
    assert question.said()["headers"] == {"Signature": "s"}
    assert callers.question(NODE, "c") == (None, True), "it is given once"
    assert callers.came(NODE, "d", begins=False, brings=question.id) > 0
    assert callers.answered(NODE, question.id, Answer(410, b"x", "now"))
    assert asked.ended().answer == Answer(410, b"x", "now")


def test_what_nobody_asked_is_dropped_and_is_not_even_read(callers: Callers) -> None:
    asked = Asked(callers)
    question = given(callers)
    callers.came(OTHER, "o", begins=True)
    assert callers.came(NODE, "d", begins=False, brings="another") == 0
    assert callers.came(OTHER, "p", begins=False, brings=question.id) == 0, "it was given to somebody else"
    assert not callers.answered(NODE, "another", Answer(200, b"", ""))
    assert not callers.answered(OTHER, question.id, Answer(200, b"", ""))
    assert asked.is_alive()
    assert callers.answered(NODE, question.id, Answer(200, b"1", ""))
    assert not callers.answered(NODE, question.id, Answer(200, b"2", "")), "an answer is taken once"
    answer = asked.ended().answer
    assert answer is not None
    assert answer.body == b"1"


def test_more_than_was_to_be_read_is_no_answer(callers: Callers) -> None:
    asked = Asked(callers, at_most=3)
    question = given(callers)
    assert callers.came(NODE, "d", begins=False, brings=question.id) == 3
    callers.answered(NODE, question.id, Answer(200, b"four", ""))
    assert "plus de 3 octets" in asked.ended().why_not


def test_nobody_waits_for_long_nor_is_anything_left_of_what_was_not_answered(
    callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turned, "ANSWERED_WITHIN_S", 0.2)
    asked = Asked(callers)
    question = given(callers)
    assert "pas à temps" in asked.ended().why_not
    assert not callers.answered(NODE, question.id, Answer(200, b"", ""))
    assert "pas à temps" in Asked(callers).ended().why_not
    assert callers.question(NODE, "c") == (None, True), "a question that nobody waits for is not asked"


def test_who_calls_anew_has_lost_what_it_had_and_its_asker_hears_so_at_once(callers: Callers) -> None:
    first = Asked(callers)
    kept = given(callers)
    second = Asked(callers)
    lost = given(callers)
    assert kept.id != lost.id
    callers.came(NODE, "d", begins=False)
    assert second.is_alive(), "it is still being answered"
    assert callers.came(NODE, "e", begins=True, brings=kept.id) > 0
    assert "coupé" in second.ended().why_not
    assert callers.answered(NODE, kept.id, Answer(200, b"", ""))
    assert first.ended().answer is not None


def test_of_two_calls_of_one_node_the_later_is_given_questions(callers: Callers) -> None:
    callers.came(NODE, "d", begins=False)
    assert callers.question(NODE, "c") == (None, False), "the earlier need not wait"
    Asked(callers)
    assert given(callers, "d")
    assert callers.question(OTHER, "d") == (None, False)


def test_a_node_calls_for_a_minute_after_its_last_call(callers: Callers, now: list[float]) -> None:
    assert (callers.calls(NODE), callers.calls(OTHER)) == (True, False)
    now[0] += turned.CALLS_FOR_S - 1
    callers.question(NODE, "c")
    now[0] += turned.CALLS_FOR_S - 1
    assert callers.calls(NODE)
    now[0] += 1
    assert not callers.calls(NODE)
    for node in (NODE, OTHER):
        assert "n’appelle plus" in Asked(callers, node).ended().why_not


def test_only_so_many_questions_wait_for_one_node(callers: Callers) -> None:
    waiting = [Asked(callers) for _ in range(turned.WAITING_AT_MOST)]
    assert until(lambda: len(callers._callers[NODE].waiting) == turned.WAITING_AT_MOST or None)
    for _ in range(turned.WAITING_AT_MOST // 2):
        given(callers)
    assert "Trop" in Asked(callers).ended().why_not
    callers.came(OTHER, "o", begins=True)
    other = Asked(callers, OTHER)
    assert until(lambda: callers.question(OTHER, "o")[0])
    assert all(each.is_alive() for each in (*waiting, other))
