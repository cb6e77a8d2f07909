"""What changes at one is at the other by RabbitMQ; whatever is cut, nothing is lost and nothing comes twice."""

from __future__ import annotations

import threading

from tests.federation.lane.conftest import Member, answers, open_lane, until

SOON_S = 5
Two = tuple[Member, Member]


def check_same(one: Member, other: Member) -> None:
    """Both show the same records, each once, in the same versions; nobody is blamed."""
    until(lambda: other.held(one.label)["held"] >= one.head(), f"{other.label} does not hold all of {one.label}")
    until(lambda: one.records() == other.records(), "not the same is shown")
    assert other.held(one.label)["trouble"] == ""


def test_a_change_comes_by_the_lane_while_the_sure_lane_sleeps(lane: Two) -> None:
    radar, orpan = lane
    before = radar.came("orpan")
    orpan.publish(20, first=100)
    took_s = until(lambda: radar.held("orpan")["held"] >= orpan.head(), "not all came")
    assert took_s < SOON_S
    until(lambda: radar.came("orpan") >= before + 20, "not by the lane")
    assert radar.lane("orpan")["refused"] == 0
    check_same(orpan, radar)


def test_the_broker_of_who_reads_is_killed_in_a_burst_and_comes_back(lane: Two, events_per_run: int) -> None:
    radar, orpan = lane
    burst = threading.Thread(target=orpan.publish, args=(events_per_run, 1_000, "Rafale"))
    burst.start()
    radar.broker.kill()
    burst.join(120)
    orpan.publish(5, first=900)
    radar.broker.start()
    check_same(orpan, radar)


def test_the_broker_of_the_home_is_killed_and_comes_back(lane: Two, events_per_run: int) -> None:
    radar, orpan = lane
    orpan.publish(events_per_run // 4, first=40_000)
    orpan.broker.kill()
    orpan.broker.start()
    until(lambda: answers(orpan), "the home does not answer")
    orpan.publish(events_per_run // 4, first=50_000, name="Revenu")
    check_same(orpan, radar)


def test_the_lane_closes_and_opens_again_in_a_burst(lane: Two, events_per_run: int) -> None:
    radar, orpan = lane
    before = radar.held("orpan")["held"]
    burst = threading.Thread(target=orpan.publish, args=(events_per_run, 20_000, "Passage"))
    burst.start()
    for each, peer in ((radar, "orpan"), (orpan, "radar")):
        assert f"utilisateur {_user(each, peer)}" in each.node.ask("federation", "lane_close", peer=peer)["gone"]
        assert each.lane(peer) == {}
    open_lane(radar, orpan)
    burst.join(120)
    orpan.publish(10, first=70_000)
    check_same(orpan, radar)
    assert radar.held("orpan")["held"] >= before + events_per_run + 10


def _user(member: Member, label: str) -> str:
    peers = {each["id"]: each["node"] for each in member.node.ask("federation", "peers")["peers"]}
    return f"federation-{member.node.ask('federation', 'card')['node']}-{peers[label]}"
