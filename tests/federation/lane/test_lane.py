"""What changes at one is at the other by RabbitMQ; whatever is cut, nothing is lost and nothing comes twice."""

from __future__ import annotations

import pytest

from tests.federation.lane.conftest import Member, until


def test_a_change_comes_by_the_lane_while_the_sure_lane_sleeps(two: tuple[Member, Member]) -> None:
    radar, orpan = two
    until(lambda: _comes_by_lane(orpan, radar, "orpan"), "nothing came by the lane")
    before = radar.lane("orpan")["events"]
    orpan.publish(20, first=100)
    took_s = until(lambda: radar.held("orpan")["held"] >= orpan.head(), "not all came")
    assert took_s < 3
    assert radar.lane("orpan")["events"] >= before + 20
    until(lambda: len(radar.records()) == len(orpan.records()), "not shown")
    assert radar.held("orpan")["trouble"] == ""


_NUMBERS = iter(range(10_000, 20_000))


def _comes_by_lane(home: Member, other: Member, label: str) -> bool:
    """Publish one thing more; whether the lane has begun to bring."""
    home.publish(1, first=next(_NUMBERS), name="Encore")
    return bool(other.lane(label)["events"])
