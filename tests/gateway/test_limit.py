"""How many requests one client may make."""

from hypothesis import given
from hypothesis import strategies as some

from gateway import limit
from gateway.limit import Limit


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_requests_may_come_at_once_and_the_next_is_refused_with_its_time() -> None:
    clock = Clock()
    few = Limit(3, clock)
    assert [few.hit("a").passes for _ in range(4)] == [True, True, True, False]
    assert few.hit("b").passes
    wait_s = few.hit("a").next_in_s
    assert 19 < wait_s <= 20
    clock.now += wait_s
    assert few.hit("a").passes and not few.hit("a").passes


def test_what_is_left_counts_down_and_comes_back() -> None:
    clock = Clock()
    few = Limit(60, clock)
    assert [few.hit("a").remaining for _ in range(3)] == [59, 58, 57]
    clock.now += 60
    assert few.hit("a").remaining == 59


@given(
    per_minute=some.integers(1, 120),
    pauses=some.lists(some.floats(0, 5), min_size=1, max_size=300),
)
def test_in_no_minute_more_than_twice_the_limit_passes(per_minute: int, pauses: list[float]) -> None:
    clock = Clock()
    few = Limit(per_minute, clock)
    passed = []
    for pause in pauses:
        clock.now += pause
        if few.hit("a").passes:
            passed.append(clock.now)
    for begin in passed:
        assert sum(begin <= at < begin + 60 for at in passed) <= 2 * per_minute


def test_memory_does_not_grow_with_the_number_of_clients() -> None:
    clock = Clock()
    few = Limit(2, clock)
    for number in range(limit.CLIENTS_KEPT + 10):
        few.hit(str(number))
    assert len(few._free_at) <= limit.CLIENTS_KEPT
