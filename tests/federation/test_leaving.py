"""A member leaves: one command withdraws all that it publishes, goes on where it was, and says which copies know."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from services.kernel import identity
from tests.federation.test_messages import GRANGE, MARIE, as_permanent, follow, soon
from tests.running import BIN, RunningNode, running_node

Two = tuple[RunningNode, RunningNode]
COUNT = 70
"""More than are withdrawn at a time."""


@pytest.fixture
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """ORPAN, which leaves, with public structures, one service and a draft, and RADAR, which follows it."""
    folder = tmp_path_factory.mktemp("leaving")
    with ExitStack() as opened:
        orpan, radar = (
            opened.enter_context(running_node(folder / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper()))
            for name in ("orpan", "radar")
        )
        rows = [_row("structure", f"g{number}", nom=f"Grange {number}") for number in range(COUNT)]
        rows.append(_row("service", "s1", nom="Accueil", description="Un accueil.") | {"structure_source_id": "g0"})
        made = orpan.ask("directory", "import_begin", source="liste", name="m", policy="publish")
        orpan.ask("directory", "import_rows", **{"import": made["import"], "rows": rows})
        orpan.ask("directory", "import_finish", **{"import": made["import"]})
        as_permanent(orpan, "put", records=[_row("structure", "brouillon", nom="Brouillon") | {"source": "brouillons"}])
        follow(radar, orpan)
        follow(orpan, radar)
        soon(lambda: len(shown(radar)) == COUNT + 1)
        yield orpan, radar


def _row(kind: str, source_id: str, **fields: str) -> dict[str, Any]:
    base = GRANGE if kind == "structure" else {"date_maj": "2026-01-31"}
    return {"kind": kind, "source": "liste", "source_id": source_id, "fields": base | fields}


def shown(node: RunningNode) -> list[dict[str, Any]]:
    """What the public of a node sees."""
    items = node.ask("directory", "changes", after=0, limit=500)["items"]
    return [item for item in items if item["op"] == "put"]


def leave(node: RunningNode, *said: str, code: int = 0) -> dict[str, Any]:
    command = [BIN, "peer", "leave", str(node.folder), "--as", MARIE, "--json", *said]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout) if code == 0 else {"refused": done.stderr}
    return found


def test_all_that_is_public_is_withdrawn_and_the_command_says_which_copies_know(nodes: Two) -> None:
    orpan, radar = nodes
    seen = leave(orpan, "--dry-run")
    assert (seen["structures"], seen["services"], seen["offers"], seen["done"]) == (COUNT, 1, 0, False)
    assert len(shown(radar)) == COUNT + 1, "nothing was done"
    some = as_permanent(orpan, "leave", limit=30)
    assert some["structures"] == COUNT - 30, "as if it had been stopped in between"
    done = leave(orpan, "--yes", "--reason", "ORPAN ferme son nœud")
    [copy] = done["copies"]
    assert (done["withdrawn"]["structures"], copy["id"], copy["taken"]) == (COUNT - 30, "radar", True)
    assert shown(radar) == [] == shown(orpan)
    tombstones = radar.ask("directory", "changes", after=0, limit=500)["items"]
    assert "ORPAN ferme son nœud" in {item["event"]["data"]["reason"] for item in tombstones}
    draft = as_permanent(orpan, "find", q="brouillon")["records"]
    assert [each["status"] for each in draft] == ["draft"], "what nobody saw stays in the folder"
    assert leave(orpan, "--yes")["copies"][0]["taken"], "asked again it says how far the copies are"


def test_a_copy_that_cannot_be_asked_is_named_and_nothing_goes_while_an_offer_waits(nodes: Two) -> None:
    orpan, radar = nodes
    to = identity.load(radar.folder).name
    offer = as_permanent(orpan, "hand_over", to=to, all=True)
    assert leave(orpan, "--dry-run")["offers"] == 1
    assert "take-back" in leave(orpan, "--yes", code=1)["refused"]
    assert len(shown(orpan)) == COUNT + 1
    as_permanent(orpan, "offer_decide", id=offer["id"], decision="take_back")
    radar.stop()
    [copy] = leave(orpan, "--yes", "--wait", "0")["copies"]
    assert (copy["taken"], bool(copy["trouble"])) == (False, True)
    radar.start()
    [copy] = leave(orpan, "--yes", "--wait", "60")["copies"]
    assert (copy["taken"], copy["trouble"], shown(radar)) == (True, "", [])
