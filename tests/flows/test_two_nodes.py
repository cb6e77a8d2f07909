"""Two nodes of two members: each shows what both publish, and only the home of a record changes it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import forgetting
from tests.conftest import Fresh
from tests.flows.conftest import MARIE, Program
from tests.running import BIN, RunningNode, running_node

ECLUSE = {"nom": "L’Écluse des Outils", "date_maj": "2026-01-31", "commune": "Blain", "code_insee": "44015",
          "adresse": "3 rue Haute", "telephone": "+33240000000", "id": "orpan--1", "source": "orpan"}  # fmt: skip


@pytest.fixture
def orpan(tmp_path: Path) -> Iterator[RunningNode]:
    """The node of ORPAN, with a permanent."""
    with running_node(tmp_path / "orpan", MAILLAGE_NODE_ID="orpan", MAILLAGE_NODE_NAME="ORPAN") as made:
        made.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        yield made


@pytest.fixture
def radar(tmp_path: Path) -> Iterator[RunningNode]:
    """The node of RADAR, with a permanent."""
    with running_node(tmp_path / "radar", MAILLAGE_NODE_ID="radar", MAILLAGE_NODE_NAME="RADAR") as made:
        made.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        yield made


def command(*arguments: object, code: int = 0) -> str:
    """What `maillage` prints."""
    done = subprocess.run([BIN, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def publish(node: RunningNode, *items: dict[str, Any]) -> None:
    """Structures of a node, public from their import on."""
    source = items[0]["source"]
    rows = [
        {"kind": "structure", "source": source, "source_id": item["id"],
         "fields": {name: value for name, value in item.items() if name not in ("id", "source")}}
        for item in items
    ]  # fmt: skip
    node.ask("directory", "source_set", name=source, policy="publish")
    opened = node.ask("directory", "import_begin", source=source, name="m", policy="publish")
    node.ask("directory", "import_rows", **{"import": opened["import"], "rows": rows})
    node.ask("directory", "import_finish", **{"import": opened["import"]})


def follow(one: RunningNode, other: RunningNode, via: str = "") -> None:
    """The first follows the second, by its card; how operators do it is tried where one is re-served."""
    one.ask("federation", "peer_add", card=other.ask("federation", "card")["card"], via=via)


def worker(node: RunningNode) -> Program:
    """A program that works on a node as its permanent."""
    secret = node.ask("accounts", "link_make", email=MARIE)["url"].rpartition("/")[2]
    return Program(node.url).enter(secret)


def names(answer: dict[str, Any]) -> set[str]:
    """What a search of structures found."""
    return {each["nom"] for each in answer["items"]}


def test_what_one_publishes_is_found_at_the_other_changed_hidden_and_withdrawn_with_its_home(
    orpan: RunningNode, radar: RunningNode
) -> None:
    publish(orpan, ECLUSE)
    follow(radar, orpan)
    at_radar, at_orpan = Program(radar.url), worker(orpan)
    structures = "/api/v1/structures"
    at_radar.until(structures, lambda found: names(found) == {ECLUSE["nom"]})
    [change] = at_radar.call("GET", "/api/v1/changes")["items"]
    native = at_radar.call("GET", f"/api/v1/records/{change['id']}")
    assert (native["home"], native["home_node"]["name"]) == (orpan.ask("federation", "card")["node"], "ORPAN")

    refused = worker(radar).call("PATCH", f"/api/v1/records/{native['id']}", status=403, version=native["version"],
                                 json={"fields": {"nom": "Pris"}})  # fmt: skip
    assert orpan.url in refused["detail"]

    changed = at_orpan.call("PATCH", f"/api/v1/records/{native['id']}", version=native["version"],
                            json={"fields": {"nom": "L’Écluse et le Pont"}})  # fmt: skip
    at_orpan.call("POST", "/api/v1/qualifications", json={"ids": [changed["id"]], "how": "visit"})
    at_radar.until(structures, lambda found: names(found) == {"L’Écluse et le Pont"})

    command("peer", "block", radar.folder, "orpan")
    at_radar.until(structures, lambda found: not found["items"])
    command("peer", "resume", radar.folder, "orpan")
    at_radar.until(structures, lambda found: names(found) == {"L’Écluse et le Pont"})

    hiding = f"/api/v1/records/{native['id']}/hiding"
    worker(radar).call("POST", hiding, json={"reason": "plus d’accueil ici"})
    at_radar.until(structures, lambda found: not found["items"])
    assert names(Program(orpan.url).call("GET", structures)) == {"L’Écluse et le Pont"}
    [listed] = worker(radar).call("GET", "/api/v1/hidings")["hidings"]
    assert (listed["reason"], listed["by"]) == ("plus d’accueil ici", MARIE)
    worker(radar).call("DELETE", hiding)
    at_radar.until(structures, lambda found: names(found) == {"L’Écluse et le Pont"})

    now = at_orpan.call("GET", f"/api/v1/records/{native['id']}/state")
    at_orpan.call("DELETE", f"/api/v1/records/{native['id']}", version=now["version"], params={"reason": "fermée"})
    at_radar.until(structures, lambda found: not found["items"])
    [peer] = json.loads(command("peer", "list", radar.folder, "--json"))
    assert (peer["id"], peer["trouble"], peer["streams"][0]["lag"]) == ("orpan", "", 0)


def test_each_shows_what_both_publish_and_goes_on_when_the_other_is_away(
    orpan: RunningNode, radar: RunningNode, tmp_path: Path
) -> None:
    publish(radar, ECLUSE | {"id": "radar--1", "source": "radar", "nom": "Le Relais"})
    with running_node(tmp_path / "rural") as rural:
        rural.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        publish(rural, ECLUSE | {"id": "rural--1", "source": "rural", "nom": "La Grange"})
        for one, other in ((radar, rural), (rural, radar), (orpan, radar), (orpan, rural)):
            follow(one, other)
        for node in (radar, rural, orpan):
            Program(node.url).until("/api/v1/structures", lambda found: names(found) == {"Le Relais", "La Grange"})
    assert names(Program(orpan.url).call("GET", "/api/v1/structures")) == {"Le Relais", "La Grange"}
    command("peer", "remove", orpan.folder, "essai", "--yes")
    Program(orpan.url).until("/api/v1/structures", lambda found: names(found) == {"Le Relais"})
    assert orpan.ask("federation", "peers")["peers"][0]["id"] == "radar"


def test_a_node_that_cannot_be_reached_is_read_from_one_that_re_serves_it(
    orpan: RunningNode, radar: RunningNode, tmp_path: Path
) -> None:
    publish(orpan, ECLUSE)
    follow(radar, orpan)
    Program(radar.url).until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
    orpan.ask("directory", "prune", days=10_000)  # signs where the stream stands
    ends_at = time.monotonic() + 30
    while not radar.ask("federation", "peers")["peers"][0]["streams"][0]["equal"]:
        assert time.monotonic() < ends_at
        time.sleep(0.1)
    with running_node(tmp_path / "rural") as rural:
        orpan_card, radar_card = tmp_path / "orpan.card", tmp_path / "radar.card"
        command("peer", "card", orpan.folder, "--out", orpan_card)
        command("peer", "card", radar.folder, "--out", radar_card)
        assert "Aucun pair" in command("peer", "add", rural.folder, orpan_card, "--via", "radar", "--yes", code=1)
        command("peer", "add", rural.folder, radar_card, "--yes")
        orpan.stop()
        command("peer", "add", rural.folder, orpan_card, "--via", "radar", "--yes")
        at_rural = Program(rural.url)
        at_rural.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
        assert ": égal jusqu’à" in command("peer", "compare", rural.folder, "orpan"), "it asks who re-serves it"
        orpan.start()
        publish(orpan, ECLUSE | {"nom": "Après"})
        at_rural.until("/api/v1/structures", lambda found: names(found) == {"Après"})
        peers = {each["id"]: each for each in json.loads(command("peer", "list", rural.folder, "--json"))}
        assert (peers["orpan"]["trouble"], peers["orpan"]["via"]) == ("", peers["radar"]["node"])
        [change] = at_rural.call("GET", "/api/v1/changes")["items"]
        assert change["home"]["name"] == "ORPAN"


def test_a_node_with_rabbitmq_and_postgresql_follows_an_embedded_one(
    orpan: RunningNode, tmp_path: Path, fresh_database: Fresh, fresh_vhost: Fresh
) -> None:
    publish(orpan, ECLUSE)
    servers = {"MAILLAGE_BROKER_URL": fresh_vhost(), "MAILLAGE_DATABASE_URL": fresh_database()}
    with running_node(tmp_path / "large", **servers) as large:
        follow(large, orpan)
        at_large, at_orpan = Program(large.url), worker(orpan)
        at_large.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
        [change] = at_large.call("GET", "/api/v1/changes")["items"]
        at_orpan.call("PATCH", f"/api/v1/records/{change['id']}", version=change["event"]["recordversion"],
                      json={"fields": {"nom": "Le Pont"}})  # fmt: skip
        at_large.until("/api/v1/structures", lambda found: names(found) == {"Le Pont"})
        [peer] = json.loads(command("peer", "list", large.folder, "--json"))
        assert (peer["id"], peer["trouble"]) == ("orpan", "")


def test_who_joins_after_years_of_changes_reads_what_is_and_follows_from_there(
    orpan: RunningNode, radar: RunningNode
) -> None:
    publish(orpan, ECLUSE, ECLUSE | {"id": "orpan--2", "nom": "Le Relais"})
    at_orpan, at_radar = worker(orpan), Program(radar.url)
    [first, second] = at_orpan.until("/api/v1/changes", lambda found: len(found["items"]) == 2)["items"]
    for number in range(5):
        now = at_orpan.call("GET", f"/api/v1/records/{first['id']}/state")
        at_orpan.call("PATCH", f"/api/v1/records/{first['id']}", version=now["version"],
                      json={"fields": {"nom": f"Écluse {number}"}})  # fmt: skip
    now = at_orpan.call("GET", f"/api/v1/records/{second['id']}/state")
    at_orpan.call("DELETE", f"/api/v1/records/{second['id']}", version=now["version"], params={"reason": "fermée"})
    told = command("prune", orpan.folder, "--days", "0")
    assert "Événements ôtés du journal : 6" in told

    follow(radar, orpan)
    at_radar.until("/api/v1/structures", lambda found: names(found) == {"Écluse 4"})
    [peer] = json.loads(command("peer", "list", radar.folder, "--json"))
    [stream] = peer["streams"]
    assert (stream["records"], stream["equal"], stream["trouble"]) == (1, True, "")
    assert ": égal jusqu’à" in command("peer", "compare", radar.folder, "orpan")
    with sqlite3.connect(radar.folder / "data" / "federation.sqlite3") as held:
        held.execute("UPDATE stream_record SET hash = ? WHERE live", ("0" * 64,))
    assert "une autre version" in command("peer", "compare", radar.folder, "orpan", code=1)

    now = at_orpan.call("GET", f"/api/v1/records/{first['id']}/state")
    at_orpan.call("PATCH", f"/api/v1/records/{first['id']}", version=now["version"], json={"fields": {"nom": "Fin"}})
    at_radar.until("/api/v1/structures", lambda found: names(found) == {"Fin"})
    assert "Tout se tient" in command("verify", orpan.folder)


def test_a_home_whose_database_was_put_back_says_so_and_the_others_say_what_it_says(
    orpan: RunningNode, radar: RunningNode
) -> None:
    publish(orpan, ECLUSE)
    follow(radar, orpan)
    at_radar = Program(radar.url)
    at_radar.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
    orpan.stop()
    shutil.copytree(orpan.folder / "data", orpan.folder.parent / "copy")
    orpan.start()
    publish(orpan, ECLUSE | {"nom": "Perdu"}, ECLUSE | {"id": "orpan--9", "nom": "Perdue aussi"})
    at_radar.until("/api/v1/structures", lambda found: names(found) == {"Perdu", "Perdue aussi"})
    orpan.stop()
    shutil.rmtree(orpan.folder / "data")
    shutil.move(orpan.folder.parent / "copy", orpan.folder / "data")
    orpan.start()
    at_radar.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]}, within_s=60)
    publish(orpan, ECLUSE | {"nom": "Après"})
    at_radar.until("/api/v1/structures", lambda found: names(found) == {"Après"})
    [peer] = json.loads(command("peer", "list", radar.folder, "--json"))
    assert (peer["trouble"], peer["streams"][0]["trouble"], peer["streams"][0]["lag"]) == ("", "", 0)


def test_a_home_that_changes_its_key_and_its_name_is_followed_on_without_anybodys_hand(
    orpan: RunningNode, radar: RunningNode
) -> None:
    publish(orpan, ECLUSE)
    follow(radar, orpan)
    at_radar = Program(radar.url)
    at_radar.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
    assert "Redémarrez" in command("identity", "rotate", orpan.folder, "--yes")
    orpan.stop()
    orpan.environment["MAILLAGE_NODE_NAME"] = "ORPAN 44"
    orpan.start()
    publish(orpan, ECLUSE | {"nom": "Après"})
    at_radar.until("/api/v1/structures", lambda found: names(found) == {"Après"}, within_s=45)
    [peer] = json.loads(command("peer", "list", radar.folder, "--json"))
    assert (peer["name"], peer["trouble"], peer["streams"][0]["trouble"]) == ("ORPAN 44", "", "")
    assert "Tout se tient" in command("verify", orpan.folder)

    command("identity", "revoke", orpan.folder, "--yes")
    orpan.stop()
    orpan.start()
    ends_at = time.monotonic() + 45
    while "révoqué" not in peer["trouble"]:
        assert time.monotonic() < ends_at, peer
        time.sleep(0.5)
        [peer] = json.loads(command("peer", "list", radar.folder, "--json"))
    follow(radar, orpan)
    publish(orpan, ECLUSE | {"nom": "Enfin"})
    at_radar.until("/api/v1/structures", lambda found: names(found) == {"Enfin"}, within_s=45)


def test_who_objects_at_home_is_gone_from_every_file_of_the_others_too(orpan: RunningNode, radar: RunningNode) -> None:
    zoe = "zoe.canari@example.org"
    publish(orpan, ECLUSE | {"courriel": zoe})
    follow(radar, orpan)
    at_radar = Program(radar.url)
    at_radar.until("/api/v1/structures", lambda found: [each["courriel"] for each in found["items"]] == [zoe])
    forgetting.forget(lambda door, asked: orpan.ask("directory", door, **asked), {"courriel": zoe})
    at_radar.until("/api/v1/structures", lambda found: [each["courriel"] for each in found["items"]] == [None])
    ends_at = time.monotonic() + 30
    while radar.ask("federation", "peers")["peers"][0]["streams"][0]["lag"]:
        assert time.monotonic() < ends_at
        time.sleep(0.2)
    command("rebuild", radar.folder)
    while any(zoe.encode() in file.read_bytes() for file in (orpan.folder / "index").rglob("*") if file.is_file()):
        assert time.monotonic() < ends_at, "the index is built anew by itself"
        time.sleep(0.2)
    for node in (orpan, radar):
        node.stop()
        files = [file for file in node.folder.rglob("*") if file.is_file()]
        named = [file for file in files if zoe.encode() in file.read_bytes()]
        # files for everybody are made anew behind each change, a quarter of an hour later at most
        assert [file for file in named if (node.folder / "bulk") not in file.parents] == []
