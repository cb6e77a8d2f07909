"""What changes at one is at the other by RabbitMQ; whatever is cut, nothing is lost and nothing comes twice."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

from tests.federation.lane.conftest import Member, answers, open_lane, until
from tests.running import BIN

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


def test_two_commands_on_each_side_are_enough_and_doctor_sees_the_lane(lane: Two, tmp_path: Path) -> None:
    files = {member.label: tmp_path / f"for-{member.label}.lane" for member in lane}
    for member, peer in ((lane[0], lane[1]), (lane[1], lane[0])):
        assert "lane take" in maillage("open", member.node.folder, peer.label, "--out", files[peer.label])
        assert files[peer.label].stat().st_mode & 0o777 == 0o600
    for member in lane:
        assert "RabbitMQ" in maillage("take", member.node.folder, files[member.label])
    shown = json.loads(maillage("show", lane[0].node.folder, "--json"))["lanes"]
    assert [each["id"] for each in shown] == ["orpan"]
    until(lambda: lane[0].lane("orpan")["state"] == "running", "no lane")
    found = list(examine(lane[0].node.folder, lane[0].node.environment))
    assert [each["ok"] for each in found if each["check"].startswith("voie")] == [True, True], found


def examine(folder: Path, environment: dict[str, str]) -> list[dict[str, Any]]:
    """What `maillage doctor` says."""
    done = subprocess.run([BIN, "doctor", folder, "--json"], capture_output=True, text=True, timeout=120,
                          env=os.environ | environment, check=False)  # fmt: skip
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def maillage(command: str, *arguments: object) -> str:
    """What a command about lanes prints; 0 is how it ends."""
    words = [BIN, "peer", "lane", command, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
