"""Duplicates by command: found, listed, decided, separated; only in a permanent's name."""

from __future__ import annotations

import json
from pathlib import Path

from tests.deploy.test_cli import Node, node, running

__all__ = ["node", "running"]

PERMANENT = "camille@example.org"
HERE = {"nom": "L’Écluse des Outils", "date_maj": "2026-01-31", "commune": "Blain", "code_insee": "44015",
        "adresse": "3 rue Haute", "telephone": "+33240000000"}  # fmt: skip
AS = ("--as", PERMANENT)


def test_two_entries_are_found_made_one_and_separated_by_command(running: tuple[Node, int], tmp_path: Path) -> None:
    node, _ = running
    for source, number in (("radar", 1), ("dora", 2)):
        item = HERE | {"id": f"{source}--{number}", "source": source}
        file = tmp_path / f"{source}.json"
        file.write_text(json.dumps({"structures": [item], "services": []}))
        node.json("import", str(file), "--source", source)
    node.run("user", "add", str(node.folder), PERMANENT, "--role", "permanent")
    assert node.json("duplicates find", *AS)["pairs"] == 1
    [pair] = node.json("duplicates list", *AS)
    assert (pair["grade"], pair["suggests"]) == ("sure", "same")
    foreseen = node.json("duplicates decide", pair["a"], pair["b"], "same", *AS, "--dry-run")
    merged = node.json("duplicates decide", pair["a"], pair["b"], "same", *AS)
    assert merged["kept"] == foreseen["kept"]
    assert node.json("duplicates list", *AS) == []
    assert node.json("duplicates undo", merged["kept"], *AS)["kept"] == merged["kept"]
    branch = node.json("duplicates decide", pair["a"], pair["b"], "branch", *AS, "--head", pair["b"])
    assert branch == {"decision": "branch", "head": pair["b"]}
    node.run("duplicates", "list", str(node.folder), "--as", "inconnu@example.org", code=1)
