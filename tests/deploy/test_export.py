"""Exports for people, by the command line: what a second node makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.deploy.test_cli import SAMPLE, Node, _exported, counts, node, running

__all__ = ["node", "running"]


@pytest.mark.parametrize("name", ["tout.xlsx", "tout.geojson", "dossier.csv"])
def test_an_export_for_people_imported_into_a_second_node_is_the_same_with_its_licence(
    running: tuple[Node, int], tmp_path: Path, name: str
) -> None:
    node, _ = running
    node.json("import", str(SAMPLE))
    node.run("source", "set", str(node.folder), "exemples-radar", "--licence", "Licence Ouverte 2.0")
    done = node.json("export", "--out", str(tmp_path / name), "--all")
    second = Node(tmp_path / "second", tmp_path)
    second.run("init", str(second.folder), "--id", "second", "--name", "Second")
    assert counts(second.json("import", *done["files"])) == {"created": 98}
    one, other = json.loads(_exported(node, tmp_path)), json.loads(_exported(second, tmp_path))
    for kind in ("structures", "services"):
        assert sorted(one[kind], key=lambda item: item["id"]) == sorted(other[kind], key=lambda item: item["id"])
    [source] = second.json("source list")
    assert source["licence"] == "Licence Ouverte 2.0"
