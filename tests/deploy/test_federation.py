"""`make federation`: three members on one machine, each of whom finds in an instant what another says."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.federation import MEMBERS, _for_postgres
from deploy.processes import alive, free_ports
from tests.flows.conftest import Program
from tests.running import BIN

READY_WITHIN_S = 150
EQUAL_WITHIN_S = 120
AT_ONCE_S = 1.0
ENDED_WITHIN_S = 10


@dataclass
class Three:
    """The three, where they answer, and their administrators."""

    folder: Path
    process: subprocess.Popen[str]
    programs: dict[str, Program]

    def peers(self, member: str) -> list[dict[str, Any]]:
        """What `maillage peer list` says there."""
        command = [BIN, "peer", "list", self.folder / member, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        peers: list[dict[str, Any]] = json.loads(done.stdout)
        return peers


def ports_in_a_row() -> int:
    """The first of three ports that are free."""
    while True:
        [first] = free_ports(1)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in range(first, first + 3):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    """The three as `make federation` runs them."""
    folder, port = tmp_path_factory.mktemp("federation"), ports_in_a_row()
    command = [sys.executable, "-m", "deploy.federation", "--folder", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    links = []
    for line in process.stdout:
        links += [word for word in line.split() if "/entrer/" in word]
        if line.startswith("Prêt"):
            break
    programs = {
        member.id: Program(f"http://127.0.0.1:{port + place}").enter(link.rpartition("/")[2])
        for place, (member, link) in enumerate(zip(MEMBERS, links, strict=True))
    }
    yield Three(folder, process, programs)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    process.stdout.close()
    ends_at = time.monotonic() + ENDED_WITHIN_S
    while (left := [each for each in family if alive(each)]) and time.monotonic() < ends_at:
        time.sleep(0.05)
    assert left == [], "Ctrl-C ends all that was started"
    shutil.rmtree(_for_postgres(folder))  # its own alone: another run's database may be beside it


def found(three: Three, at: str, record: str) -> int:
    """The version in which a node shows a record, 0 where it does not."""
    try:
        return int(three.programs[at].call("GET", f"/api/v1/records/{record}")["version"])
    except AssertionError:
        return 0


def own(answer: dict[str, Any]) -> list[str]:
    """The records of a page of changes that are the node's own."""
    return [item["id"] for item in answer["items"] if item["op"] == "put" and "home" not in item]


@pytest.fixture(scope="module")
def record(three: Three) -> str:
    """A record of ORPAN."""
    return own(three.programs["orpan"].until("/api/v1/changes", lambda answer: bool(own(answer))))[0]


@pytest.mark.timeout(400)
def test_each_shows_what_another_publishes(three: Three, record: str) -> None:
    ends_at = time.monotonic() + READY_WITHIN_S
    while not found(three, "radar", record):
        assert time.monotonic() < ends_at
        time.sleep(0.5)


def change(three: Three, record: str, number: str) -> int:
    """Give a record of ORPAN another telephone; its version."""
    orpan, path = three.programs["orpan"], f"/api/v1/records/{record}"
    fields = {"fields": {"telephone": number}}
    orpan.call("PATCH", path, version=orpan.call("GET", f"{path}/state")["version"], json=fields)
    return int(orpan.call("GET", f"{path}/state")["version"])


@pytest.mark.alone
@pytest.mark.timeout(400)
def test_each_finds_a_change_of_another_in_an_instant(three: Three, record: str) -> None:
    took = []
    for number in range(5):
        began = time.monotonic()
        version = change(three, record, f"+3324000000{number}")
        while found(three, "radar", record) < version:
            assert time.monotonic() - began < 10
            time.sleep(0.01)
        took.append(time.monotonic() - began)
    assert sorted(took)[2] < AT_ONCE_S, took


@pytest.mark.timeout(400)
def test_each_is_equal_to_the_others_after_one_forgot_what_is_old(three: Three) -> None:
    subprocess.run([BIN, "prune", three.folder / "orpan", "--days", "400"], timeout=60, check=True)
    ends_at = time.monotonic() + EQUAL_WITHIN_S
    for member in MEMBERS:
        while any(s["equal"] is not True or s["lag"] for p in three.peers(member.id) for s in p["streams"]):
            assert time.monotonic() < ends_at, three.peers(member.id)
            time.sleep(1)
        peers = three.peers(member.id)
        assert {peer["id"] for peer in peers} == {each.id for each in MEMBERS} - {member.id}
        assert all(stream["records"] > 10 for peer in peers for stream in peer["streams"])


@pytest.mark.timeout(400)
def test_each_hears_the_others_by_a_lane_between_their_brokers(three: Three, record: str) -> None:
    def lanes(member: str) -> list[dict[str, Any]]:
        command = [BIN, "peer", "lane", "show", three.folder / member, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        found: list[dict[str, Any]] = json.loads(done.stdout)["lanes"]
        return found

    ends_at = time.monotonic() + READY_WITHIN_S
    for member in MEMBERS:
        while [each["state"] for each in lanes(member.id)] != ["running"] * (len(MEMBERS) - 1):
            assert time.monotonic() < ends_at, lanes(member.id)
            time.sleep(1)
    change(three, record, "+33240000009")
    while not {each["id"]: each["events"] + each["doubled"] for each in lanes("radar")}["orpan"]:
        assert time.monotonic() < ends_at, lanes("radar")
        time.sleep(0.5)
    assert not any(each["refused"] for each in lanes("radar"))
