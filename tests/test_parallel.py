"""Two tests at a time: who measures time is alone, and neither lane takes what the other found."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from deploy.processes import PORTS_OF, free_ports
from tests.parallel import place

WAIT_S = 10


class Lane:
    """A process of tests, as a thread: it enters the place when it may, and stays until it is told."""

    def __init__(self, files: tuple[Path, Path], alone: bool) -> None:
        self.inside, self.told = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._stay, args=(files, alone), daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """End its test."""
        self.told.set()
        self._thread.join(WAIT_S)

    def _stay(self, files: tuple[Path, Path], alone: bool) -> None:
        with place(alone, files):
            self.inside.set()
            self.told.wait(WAIT_S)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two files to lock."""
    gate, room = tmp_path / "gate", tmp_path / "place"
    gate.touch()
    room.touch()
    return gate, room


def test_two_tests_run_beside_each_other(files: tuple[Path, Path]) -> None:
    lanes = [Lane(files, alone=False) for _ in range(2)]
    assert all(lane.inside.wait(WAIT_S) for lane in lanes)
    for lane in lanes:
        lane.leave()


def test_who_measures_time_waits_to_be_alone_and_nobody_enters_before_or_beside(files: tuple[Path, Path]) -> None:
    first = Lane(files, alone=False)
    assert first.inside.wait(WAIT_S)
    measuring = Lane(files, alone=True)
    assert not measuring.inside.wait(0.3)
    late = Lane(files, alone=False)
    assert not late.inside.wait(0.3), "it would keep who waits from ever being alone"
    first.leave()
    assert measuring.inside.wait(WAIT_S)
    assert not late.inside.wait(0.3)
    measuring.leave()
    assert late.inside.wait(WAIT_S)
    late.leave()


def test_two_lanes_never_find_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    for lane in "01" * 10:
        monkeypatch.setenv(PORTS_OF, lane)
        ports = free_ports(4)
        assert {port // 2 % 2 for port in ports} == {int(lane)}
        found += ports
    monkeypatch.delenv(PORTS_OF)
    assert len(set(free_ports(20))) == 20
