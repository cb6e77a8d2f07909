"""Somebody objects at one node that runs: the home of another record that names them is told, sealed, and decides."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.canary import CANARY, remnants, tables
from tests.federation.test_messages import as_permanent, follow, soon
from tests.federation.test_moving import worker
from tests.running import BIN, RunningNode, running_node

Fresh = Callable[..., str]
Pair = tuple[RunningNode, RunningNode]


@pytest.fixture(params=["embedded", "node"])
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """RADAR and ORPAN, which follow each other: on SQLite in one process, on PostgreSQL with RabbitMQ."""
    with ExitStack() as opened:
        two = []
        for name in ("radar", "orpan"):
            servers = {}
            if request.param == "node":
                vhost, database = (request.getfixturevalue(f"fresh_{each}") for each in ("vhost", "database"))
                servers = {"MAILLAGE_BROKER_URL": vhost(), "MAILLAGE_DATABASE_URL": database()}
            named = {"MAILLAGE_NODE_ID": name, "MAILLAGE_NODE_NAME": name.upper()}
            two.append(opened.enter_context(running_node(tmp_path / name, **named, **servers)))
        radar, orpan = two
        radar.ask("accounts", "person_add", email="marie@example.org", roles=["permanent"])
        orpan.ask("accounts", "person_add", email="marie@example.org", roles=["permanent"])
        follow(radar, orpan)
        follow(orpan, radar)
        yield radar, orpan


def publish(node: RunningNode, name: str, **said: str) -> None:
    """A public structure of a node, with the number."""
    fields = {"nom": name, "commune": "Blain", "code_insee": "44015", "date_maj": "2026-01-31", "telephone": CANARY}
    fields |= said
    node.ask("directory", "source_set", name="liste", policy="publish")
    opened = node.ask("directory", "import_begin", source="liste", name="m", policy="publish")
    rows = [{"kind": "structure", "source": "liste", "source_id": name, "fields": fields}]
    node.ask("directory", "import_rows", **{"import": opened["import"], "rows": rows})
    node.ask("directory", "import_finish", **{"import": opened["import"]})


def shown(node: RunningNode) -> dict[str, Any]:
    """The telephone of each public structure that a node shows, by name."""
    items = node.ask("directory", "changes", after=0, limit=100)["items"]
    records = [each["event"]["data"] for each in items if each["op"] == "put" and "data" in each["event"]]
    return {each["fields"]["nom"]: each["fields"].get("telephone") for each in records}


def left_of(node: RunningNode) -> list[str]:
    """Files and tables of a node that hold the number."""
    url = node.environment.get("MAILLAGE_DATABASE_URL")
    return remnants(node.folder) + (tables(url) if url else [])


def test_the_other_home_is_told_decides_and_no_file_of_either_has_the_number(nodes: Pair) -> None:
    radar, orpan = nodes
    publish(radar, "La Grange")
    publish(orpan, "Le Secours")
    soon(lambda: shown(radar) == shown(orpan) == {"La Grange": CANARY, "Le Secours": CANARY})
    at_radar, at_orpan = worker(radar), worker(orpan)
    seen = at_radar.call("POST", "/api/v1/objections", json={"telephone": CANARY, "dry_run": True})
    assert [(each["name"], each["home_name"], each["fields"]) for each in seen["elsewhere"]] == [
        ("Le Secours", "ORPAN", ["telephone"])
    ]
    done = at_radar.call("POST", "/api/v1/objections", json={"telephone": CANARY})
    assert (len(done["records"]), done["told"], done["unreached"]) == (1, 1, [])
    soon(lambda: shown(orpan)["La Grange"] is None)
    [waits] = soon(lambda: at_orpan.call("GET", "/api/v1/objections/heard")["heard"])
    assert (waits["state"], waits["node_name"], waits["found"][0]["fields"]) == ("open", "RADAR", ["telephone"])
    assert at_orpan.call("GET", "/api/v1/worklist")["objections"] == 1
    assert shown(radar)["Le Secours"] == CANARY, "nothing is done before somebody decided"
    decision = f"/api/v1/objections/heard/{waits['id']}/decision"
    assert at_orpan.call("POST", decision, json={"decision": "accept"})["state"] == "accepted"
    [back] = soon(lambda: [each for each in at_radar.call("GET", "/api/v1/objections/told")["told"]
                           if each["state"] == "accepted"])  # fmt: skip
    assert (back["name"], back["home_name"]) == ("Le Secours", "ORPAN")
    soon(lambda: shown(radar) == shown(orpan) == {"La Grange": None, "Le Secours": None})
    publish(orpan, "Encore")
    soon(lambda: shown(radar).get("Encore", "") is None)
    for node in nodes:
        soon(lambda node=node: not left_of(node), 60)
        node.stop()
        assert left_of(node) == []
        node.start()


def test_a_home_that_is_not_followed_is_named_and_told_once_it_is(nodes: Pair) -> None:
    radar, orpan = nodes
    publish(orpan, "Le Secours")
    soon(lambda: shown(radar) == {"Le Secours": CANARY})
    at_radar = worker(radar)
    radar.ask("federation", "peer_pause", peer="orpan")
    done = at_radar.call("POST", "/api/v1/objections", json={"telephone": CANARY})
    assert (done["told"], done["unreached"]) == (0, ["ORPAN"])
    assert [each["state"] for each in at_radar.call("GET", "/api/v1/objections/told")["told"]] == ["waiting"]
    radar.ask("federation", "peer_resume", peer="orpan")
    assert at_radar.call("POST", "/api/v1/objections", json={"telephone": CANARY})["told"] == 1
    [waits] = soon(lambda: as_permanent(orpan, "objections_heard")["heard"])
    as_permanent(orpan, "objection_decide", id=waits["id"], decision="dismiss", answer="C’est un numéro d’accueil.")
    [back] = soon(lambda: [each for each in as_permanent(radar, "objections_told")["told"]
                           if each["state"] == "dismissed"])  # fmt: skip
    assert back["answer"] == "C’est un numéro d’accueil."
    assert shown(radar) == shown(orpan) == {"Le Secours": CANARY}


@pytest.mark.parametrize("alone", [False, True])
def test_a_backup_of_before_brings_the_number_back_neither_to_records_nor_to_files(
    nodes: Pair, tmp_path: Path, alone: bool
) -> None:
    radar, orpan = nodes
    publish(radar, "La Grange", description="Appelez le 02 40 98 71 23.", courriel="zoe@example.org")
    soon(lambda: shown(orpan) == {"La Grange": CANARY})
    saved = tmp_path / "radar.maillage"
    environment = os.environ | radar.environment
    subprocess.run([BIN, "backup", radar.folder, saved], check=True, capture_output=True, timeout=120, env=environment)
    said = {"telephone": CANARY, "courriel": "zoe@example.org"}
    worker(radar).call("POST", "/api/v1/objections", json=said)
    soon(lambda: shown(orpan) == {"La Grange": None})
    radar.stop()
    if alone:
        orpan.stop()
    restore = [BIN, "restore", saved, radar.folder, "--yes"]
    subprocess.run(restore, check=True, capture_output=True, timeout=120, env=environment)
    radar.start()
    soon(lambda: shown(radar) == {"La Grange": None}, 90)
    publish(radar, "Encore")
    soon(lambda: shown(radar) == {"La Grange": None, "Encore": None}, 90)
    soon(lambda: not left_of(radar), 90)
    if alone:
        orpan.start()
    soon(lambda: shown(orpan) == {"La Grange": None, "Encore": None}, 90)
    assert len(as_permanent(radar, "objections")["objections"]) == 2
