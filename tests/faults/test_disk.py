"""The disk of who follows is full: its doctor says so, it loses nothing, and goes on once there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy import doctor
from services.kernel.errors import MaillageError
from tests.faults.conftest import Three
from tests.faults.sites import Site, Watch, site, until

TEST = "tests/faults/test_disk.py"
SIZE_MB = 64


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own for a node."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk needs to be mounted, as root: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def cramped(three: Three, small_disk: Path) -> Iterator[Site]:
    """A node on that disk which follows ORPAN."""
    with site(small_disk / "node", "cramped") as made:
        made.follow(three.orpan)
        yield made


def fill(place: Path) -> Path:
    """Take all the room that is left."""
    ballast = place / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 65_536)
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
    return ballast


def test_who_follows_on_a_full_disk_says_so_loses_nothing_and_goes_on(
    three: Three, cramped: Site, small_disk: Path, events_per_run: int
) -> None:
    home, count = three.orpan, min(events_per_run, 4_000)
    home.publish(20, source="disk")
    until(lambda: cramped.stream(home)["held"] >= home.head()[1])
    with Watch(cramped, [home]) as watch:
        ballast = fill(small_disk)
        home.publish(count, first=20, source="disk")
        head = home.head()[1]
        found = {finding.check: finding for finding in doctor.examine(cramped.node.folder)}
        assert not found["disque"].ok
        with pytest.raises(MaillageError, match="disque est plein"):
            cramped.publish(200, name="x" * 1_000, source="disk")
        assert cramped.stream(home)["held"] < head, "nothing of it was kept"
        ballast.unlink()
        result = watch.settled(8, f"the disk of who follows full; its doctor: « {found['disque'].detail} »", TEST)
    assert (result.lost, result.doubled) == (0, 0)
    cramped.publish(5, source="after")
