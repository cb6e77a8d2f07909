"""Somebody objects at home: their telephone number is in no file of any node, nor in a backup once it is put back."""

from __future__ import annotations

import subprocess
from pathlib import Path

from gateway import forgetting
from tests.faults.conftest import Three
from tests.faults.sites import Site, Watch, structure, until
from tests.running import BIN

TEST = "tests/faults/test_canary.py"
CANARY = "+33240987123"
SAYS = [CANARY.encode(), b"0240987123", b"02 40 98 71 23", b"02.40.98.71.23", b"240987123"]


def remnants(site: Site) -> list[str]:
    """Files of a node's folder that hold the number, in any form."""
    files = [file for file in site.node.folder.rglob("*") if file.is_file()]
    return [str(file.relative_to(site.node.folder)) for file in files if holds(file)]


def holds(file: Path) -> bool:
    """Whether a file has the number."""
    raw = file.read_bytes()
    return any(each in raw for each in SAYS)


def says(site: Site, home: Site) -> bool:
    """Whether a node's feed has the number."""
    items = [item for item in site.feed() if item["event"]["source"].endswith(home.name)]
    return any(item["event"].get("data", {}).get("fields", {}).get("telephone") == CANARY for item in items)


def test_a_number_is_gone_from_every_file_of_three_nodes_and_of_what_is_put_back(three: Three, tmp_path: Path) -> None:
    home, radar, rural = three.orpan, three.radar, three.rural
    home.ask("directory", "source_set", name="canary", policy="publish")
    opened = home.ask("directory", "import_begin", source="canary", name="m", policy="publish")
    rows = [structure(1, "Canari", "canary", telephone=CANARY)]
    home.ask("directory", "import_rows", **{"import": opened["import"], "rows": rows})
    home.ask("directory", "import_finish", **{"import": opened["import"]})
    for each in three.all:
        until(lambda: says(each, home))  # noqa: B023
    saved = tmp_path / "radar.maillage"
    subprocess.run([BIN, "backup", radar.node.folder, saved], check=True, capture_output=True, timeout=120)
    with Watch(rural, [home]) as watch:
        forgetting.forget(lambda door, asked: home.ask("directory", door, **asked), {"telephone": CANARY})
        result = watch.settled(23, "a telephone number after its objection", TEST, others=[radar])
    assert result.lost == 0
    for each in three.all:
        until(lambda: not says(each, home))  # noqa: B023
        until(lambda: not remnants(each))  # noqa: B023 — while it runs
    radar.node.stop()
    subprocess.run([BIN, "restore", saved, radar.node.folder, "--yes"], check=True, capture_output=True, timeout=120)
    radar.node.start()
    with Watch(radar, [home]) as watch:
        watch.settled(23, "the same, in a backup made before and put back after", TEST)
    until(lambda: not says(radar, home))
    until(lambda: not remnants(radar))
    for each in three.all:
        each.node.stop()
    found = {each.label: remnants(each) for each in three.all}
    for each in three.all:
        each.node.start()
    assert found == {"orpan": [], "radar": [], "rural": []}
