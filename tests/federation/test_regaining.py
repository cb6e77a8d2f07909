"""A node whose database was put back gets from its peers what it had said since, before it says anything new."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway import forgetting
from tests.federation.test_messages import as_permanent, follow, soon
from tests.running import RunningNode, running_node

PHONE = "+33240999888"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[RunningNode, RunningNode]]:
    """RADAR, and ORPAN, which follows it."""
    with ExitStack() as opened:
        radar, orpan = (
            opened.enter_context(running_node(tmp_path / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper()))
            for name in ("radar", "orpan")
        )
        follow(orpan, radar)
        follow(radar, orpan)
        yield radar, orpan


def publish(node: RunningNode, **names: str) -> None:
    """Public structures of a node, by their identifiers in the source."""
    drafts = [
        {"kind": "structure", "source": "liste", "source_id": key, "fields": {
            "nom": name, "commune": "Blain", "code_insee": "44015", "date_maj": "2026-01-31", "telephone": PHONE}}
        for key, name in names.items()
    ]  # fmt: skip
    node.ask("directory", "source_set", name="liste", policy="publish")
    opened = node.ask("directory", "import_begin", source="liste", name="m", policy="publish")
    node.ask("directory", "import_rows", **{"import": opened["import"], "rows": drafts})
    node.ask("directory", "import_finish", **{"import": opened["import"]})


def told(node: RunningNode) -> dict[str, dict[str, Any]]:
    """The public structures that a node shows, by name."""
    items = node.ask("directory", "changes", after=0, limit=500)["items"]
    records = [each["event"]["data"] for each in items if each["op"] == "put" and "data" in each["event"]]
    return {each["fields"]["nom"]: each for each in records}


def put_back(node: RunningNode, saved: Path) -> None:
    """The databases of before, by hand; the witness stays."""
    node.stop()
    shutil.rmtree(node.folder / "data")
    shutil.copytree(saved, node.folder / "data")
    node.start()


def test_what_the_public_had_seen_since_comes_back_from_a_peer(
    nodes: tuple[RunningNode, RunningNode], tmp_path: Path
) -> None:
    radar, orpan = nodes
    publish(radar, a="Avant", b="Reste", c="Part", d="Nommée")
    soon(lambda: len(told(orpan)) == 4)
    radar.stop()
    shutil.copytree(radar.folder / "data", tmp_path / "saved")
    radar.start()
    publish(radar, a="Changée", e="Nouvelle")
    as_permanent(radar, "withdraw", id=told(radar)["Part"]["id"], reason="fermée")
    forgetting.forget(lambda door, asked: radar.ask("directory", door, **asked), {"telephone": PHONE})
    names = {"Changée", "Reste", "Nommée", "Nouvelle"}
    soon(lambda: set(told(orpan)) == names and not any("telephone" in each["fields"] for each in told(orpan).values()))
    put_back(radar, tmp_path / "saved")
    soon(lambda: set(told(radar)) == names)
    soon(lambda: set(told(orpan)) == names)
    for node in nodes:
        assert not any("telephone" in each["fields"] for each in told(node).values())
    [epoch] = {each["epoch"] for each in radar.ask("directory", "heads")["heads"] if each["stream"].endswith("shared")}
    assert epoch == 2
    acts = as_permanent(radar, "history", id=told(radar)["Changée"]["id"])["entries"]
    assert any(each["act"] == "regain" for each in acts)
    publish(radar, f="Reprise")
    soon(lambda: "Reprise" in told(orpan), 90)
    assert "telephone" not in told(orpan)["Reprise"]["fields"], "the objection holds for imports again"
    radar.stop()
    raw = {path: path.read_bytes() for path in (radar.folder / "data").rglob("*") if path.is_file()}
    assert not [path.name for path, held in raw.items() if PHONE[3:].encode() in held]
    radar.start()


def test_a_node_whose_peers_are_all_away_goes_on_without_what_it_lost(
    nodes: tuple[RunningNode, RunningNode], tmp_path: Path
) -> None:
    radar, orpan = nodes
    publish(radar, a="Avant")
    soon(lambda: len(told(orpan)) == 1)
    radar.stop()
    shutil.copytree(radar.folder / "data", tmp_path / "saved")
    radar.start()
    publish(radar, b="Perdue")
    soon(lambda: len(told(orpan)) == 2)
    orpan.stop()
    put_back(radar, tmp_path / "saved")
    publish(radar, c="Neuve")
    soon(lambda: set(told(radar)) == {"Avant", "Neuve"})
    orpan.start()
    assert soon(lambda: set(told(orpan)) == {"Avant", "Neuve"}, 90)


def test_what_was_decided_of_a_pair_comes_back_too(nodes: tuple[RunningNode, RunningNode], tmp_path: Path) -> None:
    radar, orpan = nodes
    publish(radar, a="Grange")
    publish(orpan, b="La Grange")
    soon(lambda: len(told(orpan)) == 2 == len(told(radar)))
    a, b = (each["id"] for each in told(radar).values())
    radar.stop()
    shutil.copytree(radar.folder / "data", tmp_path / "saved")
    radar.start()
    as_permanent(radar, "duplicate_decide", a=a, b=b, decision="different")

    def outcomes() -> list[tuple[str, int]]:
        found = [as_permanent(node, "duplicate_outcome", a=a, b=b) for node in nodes]
        return [(each["decision"], len(each["said"])) for each in found]

    soon(lambda: outcomes() == [("different", 1)] * 2)
    put_back(radar, tmp_path / "saved")
    soon(lambda: outcomes() == [("different", 1)] * 2)
    [epoch] = {each["epoch"] for each in radar.ask("directory", "heads")["heads"] if each["stream"].endswith("shared")}
    assert epoch == 2
    publish(radar, c="Neuve")
    soon(lambda: "Neuve" in told(orpan), 90)
    assert outcomes() == [("different", 1)] * 2
