"""A clock that is wrong, and jumps: order and authority follow numbers and signatures, never the time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import doctor
from deploy.debian import FAKETIME
from tests.faults.conftest import Three
from tests.faults.report import IS_SOAK
from tests.faults.sites import Site, Watch, until

TEST = "tests/faults/test_clocks.py"
WRONG_FOR_S = 70.0 if IS_SOAK else 0.5
SOON_S = 0.5
SIGNED_WITHIN_S = 20


class Clock:
    """The clock of one node's process, set by a file."""

    def __init__(self, site: Site, folder: Path) -> None:
        self._file, self._site = folder / "clock", site
        self._file.write_text("+0\n")
        library = os.environ.get(FAKETIME.variable) or FAKETIME.find()
        if library is None:
            pytest.skip(f"no clock that can be wrong: apt install {FAKETIME.package}")
        # what waits by the monotonic clock goes on: it is the time of day that is wrong
        self.environment = {
            "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip

    def say(self, offset: str) -> None:
        """From now on it is wrong by so much: `+10m`, `-1d`."""
        self._file.write_text(offset + "\n")
        time.sleep(1 + SOON_S)


@pytest.fixture
def clock(three: Three, tmp_path: Path) -> Iterator[Clock]:
    """The clock of RADAR, right as the test begins."""
    site = three.radar
    made = Clock(site, tmp_path)
    before = dict(site.node.environment)
    site.node.stop()
    site.node.environment |= made.environment
    site.node.start()
    yield made
    site.node.stop()
    site.node.environment = before
    site.node.start()


def test_a_node_whose_clock_is_wrong_follows_and_is_followed_and_put_right_signs_in_time(
    three: Three, clock: Clock, events_per_run: int
) -> None:
    away, home = three.radar, three.orpan
    with Watch(away, [home]) as here, Watch(home, [away]) as there:
        for offset in ("-10m", "-1d", "+10m", "+1d"):
            clock.say(offset)
            for site in (home, away):
                site.publish(events_per_run // 20, name=f"Heure {offset}", source="clock")
            assert told_by_doctor(home), "the doctor speaks of a wrong clock"
            time.sleep(WRONG_FOR_S)
        for watch, what in ((here, "follows"), (there, "is followed")):
            result = watch.settled(12, f"a clock wrong by 10 minutes and a day, both ways: it {what}", TEST)
            assert (result.lost, result.doubled) == (0, 0)
        assert not here.blamed.keys() | there.blamed.keys(), "a wrong clock is nobody's lie"
    signed = home.stream(away)["equal_at"]
    clock.say("+0")
    away.publish(1, name="Aujourd’hui", source="clock")
    until(lambda: home.stream(away)["equal_at"] > signed, SIGNED_WITHIN_S, lambda: str(home.stream(away)))
    assert home.stream(away)["equal"]


def told_by_doctor(site: Site) -> bool:
    """Whether the doctor of a node with a right clock speaks of a wrong one."""
    return any(finding.check == "horloge" and not finding.ok for finding in doctor.examine(site.node.folder))
