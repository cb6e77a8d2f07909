"""Somebody objects at home: their telephone number is in no file of any node, nor in a backup once it is put back."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.faults.canary import objects, remnants, says, tell
from tests.faults.conftest import Three
from tests.faults.sites import Watch, until
from tests.running import BIN

TEST = "tests/faults/test_canary.py"


def test_a_number_is_gone_from_every_file_of_three_nodes_and_of_what_is_put_back(three: Three, tmp_path: Path) -> None:
    home, radar, rural = three.orpan, three.radar, three.rural
    tell(home)
    for each in three.all:
        until(lambda: says(each, home))  # noqa: B023
    saved = tmp_path / "radar.maillage"
    subprocess.run([BIN, "backup", radar.node.folder, saved], check=True, capture_output=True, timeout=120)
    with Watch(rural, [home]) as watch:
        objects(home)
        result = watch.settled(23, "a telephone number after its objection", TEST, others=[radar])
    assert result.lost == 0
    for each in three.all:
        until(lambda: not says(each, home))  # noqa: B023
        until(lambda: not remnants(each.node.folder))  # noqa: B023 — while it runs
    radar.node.stop()
    subprocess.run([BIN, "restore", saved, radar.node.folder, "--yes"], check=True, capture_output=True, timeout=120)
    radar.node.start()
    with Watch(radar, [home]) as watch:
        watch.settled(23, "the same, in a backup made before and put back after", TEST)
    until(lambda: not says(radar, home))
    until(lambda: not remnants(radar.node.folder))
    for each in three.all:
        each.node.stop()
    found = {each.label: remnants(each.node.folder) for each in three.all}
    for each in three.all:
        each.node.start()
    assert found == {"orpan": [], "radar": [], "rural": []}
