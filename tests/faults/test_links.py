"""The way between nodes breaks: all end with the same, nothing is lost, nothing comes twice."""

from __future__ import annotations

import random
import threading
import time

import pytest

from tests.faults.conftest import Three
from tests.faults.report import IS_SOAK
from tests.faults.sites import EQUAL_WITHIN_S, Site, Watch, all_of, equal

TEST = "tests/faults/test_links.py"
CUT_S = 60.0 if IS_SOAK else 1.5
FLAP_S = 120.0 if IS_SOAK else 4.0


@pytest.mark.parametrize("way", ["cut", "hang"])
def test_nobody_reaches_anybody_while_the_home_imports(three: Three, events_per_run: int, way: str) -> None:
    home, other = three.orpan, three.radar
    with Watch(other, [home]) as watch:
        home.publish(events_per_run // 2, source=way)
        for each in (home, other):
            each.wire.cut() if way == "cut" else each.wire.hang()
        home.publish(events_per_run // 4, first=events_per_run // 2, source=way)
        home.publish(events_per_run // 4, name="Après la coupure", source=way)
        time.sleep(CUT_S)
        for each in (home, other):
            each.wire.mend()
        what = {"cut": "link cut", "hang": "link that lets nothing through and says nothing"}[way]
        result = watch.settled(3, f"{what}, both ways, {CUT_S:.0f} s", TEST)
    assert (result.lost, result.doubled) == (0, 0)


@pytest.mark.parametrize("answers_only", [False, True], ids=["cannot be asked", "cannot answer"])
def test_one_way_alone_is_cut(three: Three, events_per_run: int, answers_only: bool) -> None:
    home, other = three.orpan, three.radar
    other.wire.hang(answers_only=True) if answers_only else other.wire.cut()
    source = "deaf" if answers_only else "one-way"
    with Watch(home, [other]) as watch:
        other.publish(events_per_run // 4, source=source)
        home.publish(events_per_run // 4, source=source)
        began = time.monotonic()
        home.sign()
        assert equal(home, other, began + EQUAL_WITHIN_S) == 0, "the way that is whole goes on"
        assert home.stream(other)["held"] < other.head()[1], "the other way is cut"
        time.sleep(max(CUT_S - (time.monotonic() - began), 0))
        other.wire.mend()
        what = "asked and never heard" if answers_only else "cut"
        result = watch.settled(3, f"one way {what}, {CUT_S:.0f} s", TEST)
    assert (result.lost, result.doubled) == (0, 0)


def test_a_link_of_half_a_second_that_breaks_one_time_in_twenty(three: Three, events_per_run: int) -> None:
    home, other = three.orpan, three.radar
    with Watch(other, [home]) as watch:
        home.wire.delay_s, home.wire.loss, home.wire.broken = 0.5, 0.05, 0
        home.publish(events_per_run, source="slow")
        while not home.wire.broken:
            home.publish(20, name=f"Essai {time.monotonic()}", source="slow")
        time.sleep(CUT_S)
        result = watch.settled(4, "500 ms and 5 % loss", TEST)
    assert (result.lost, result.doubled) == (0, 0)
    assert home.wire.broken
    assert not watch.blamed, "a poor link is nobody's lie"


def test_three_change_at_once_while_their_links_flap(three: Three, events_per_run: int) -> None:
    ended, dice = threading.Event(), random.Random(22)

    def flap() -> None:
        while not ended.wait(dice.uniform(0.05, 0.6)):
            wire = dice.choice(three.all).wire
            dice.choice([wire.cut, wire.hang, wire.mend, wire.mend, wire.hang_up])()

    def change(site: Site) -> None:
        until_at, number = time.monotonic() + FLAP_S, 0
        while number < events_per_run and (time.monotonic() < until_at or number < 3):
            site.publish(20, first=number // 2, name=f"Tour {number}", source="flap")  # half new, half changed
            number += 20

    with Watch(three.radar, [three.orpan, three.rural]) as watch:
        flapping = threading.Thread(target=flap)
        changing = [threading.Thread(target=change, args=(each,)) for each in three.all]
        for thread in (flapping, *changing):
            thread.start()
        for thread in changing:
            thread.join()
        ended.set()
        flapping.join()
        for each in three.all:
            each.wire.mend()
        result = watch.settled(22, "three change at once while their links flap", TEST)
        lost = result.lost + sum(equal(home, other, time.monotonic() + 60) for home, other in all_of(three.all))
    assert (lost, result.doubled) == (0, 0)
