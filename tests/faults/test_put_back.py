"""A node’s database is put back, by hand or by `restore`: peers give it what they hold, and follow it from there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.faults.conftest import Three
from tests.faults.sites import Site, Watch, until
from tests.running import BIN

TEST = "tests/faults/test_put_back.py"


def record(site: Site, name: str) -> dict[str, Any]:
    """A public record of a node by its name."""
    found = [item for item in site.feed() if item["op"] == "put" and item["event"]["data"]["fields"]["nom"] == name]
    return found[0] if found else {}


def test_a_database_copied_back_by_hand_then_edits_and_deletes_of_the_lost_records(
    three: Three, tmp_path: Path, events_per_run: int
) -> None:
    home, other, count = three.rural, three.radar, events_per_run // 10
    home.publish(count, name="Avant", source="back")
    until(lambda: other.stream(home)["held"] >= home.head()[1])
    home.node.stop()
    shutil.copytree(home.node.folder / "data", tmp_path / "data")
    home.node.start()
    home.publish(count, name="Perdu", source="back")  # changed since
    home.publish(5, first=count, name="Perdu", source="back")  # made since
    until(lambda: other.stream(home)["held"] >= home.head()[1])
    with Watch(other, [home]) as watch:
        home.node.stop()
        shutil.rmtree(home.node.folder / "data")
        shutil.copytree(tmp_path / "data", home.node.folder / "data")
        home.node.start()
        until(lambda: record(home, f"Perdu {count + 4}"))  # what was lost is there again, from a peer
        home.publish(5, first=count, name="Refait", source="back")
        home.publish(5, name="Changé", source="back")
        gone = record(home, "Perdu 7")
        home.ask("directory", "withdraw", id=gone["id"], version=gone["event"]["recordversion"], reason="fermée")
        result = watch.settled(11, "a database copied back by hand, then edits and deletes of what was lost", TEST)
    assert (result.lost, result.doubled) == (0, 0)
    assert home.head()[0] == 2, "it found out by its witness"
    names = {item["event"]["data"]["fields"]["nom"] for item in other.feed() if item["op"] == "put"}
    assert {"Changé 3", f"Refait {count + 1}", "Perdu 8"} < names
    assert not names & {"Avant 7", "Avant 8", "Perdu 3", "Perdu 7", f"Perdu {count + 1}"}


def test_a_backup_put_back_by_restore_and_again_at_once(three: Three, tmp_path: Path, events_per_run: int) -> None:
    home, other, count = three.radar, three.rural, events_per_run // 10
    home.publish(count, name="Gardé", source="saved")
    saved = tmp_path / "radar.maillage"
    subprocess.run([BIN, "backup", home.node.folder, saved], check=True, capture_output=True, timeout=120)
    for turn, what in enumerate(("a backup put back by restore, then edits", "the same backup put back at once again")):
        home.publish(count, name=f"Perdu {turn}", source="saved")
        until(lambda: other.stream(home)["held"] >= home.head()[1])
        with Watch(other, [home]) as watch:
            restore(home, saved)
            home.publish(3, name=f"Changé {turn}", source="saved")
            result = watch.settled(11, what, TEST)
        assert (result.lost, result.doubled) == (0, 0)
        names = {item["event"]["data"]["fields"]["nom"] for item in other.feed() if item["op"] == "put"}
        assert {f"Changé {turn} 1", f"Perdu {turn} 8"} < names, "what was public since comes back from a peer"
        assert "Gardé 8" not in names


def restore(home: Site, saved: Path) -> None:
    """As an operator does it."""
    home.node.stop()
    subprocess.run([BIN, "restore", saved, home.node.folder, "--yes"], check=True, capture_output=True, timeout=120)
    home.node.start()
