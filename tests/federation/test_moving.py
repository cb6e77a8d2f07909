"""A record moves home between nodes that run: offered, accepted, shown everywhere under its new home, changed there."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from services.kernel import identity
from services.kernel.errors import NotHome, WrongState
from tests.federation.test_messages import GRANGE, MARIE, as_permanent, follow, publish, soon
from tests.flows.conftest import Program
from tests.running import BIN, RunningNode, running_node

Three = tuple[RunningNode, RunningNode, RunningNode, str]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    """RADAR with a public structure, ORPAN and ANIMATION; all follow each other and show it."""
    folder = tmp_path_factory.mktemp("moving")
    with ExitStack() as opened:
        three = [
            opened.enter_context(running_node(folder / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper()))
            for name in ("radar", "orpan", "animation")
        ]
        record = publish(three[0])
        for node in three:
            for other in three:
                if other is not node:
                    follow(node, other)
        for node in three[1:]:
            soon(lambda node=node: said_at(node, record))
        yield three[0], three[1], three[2], record


def said_at(node: RunningNode, record: str) -> dict[str, Any]:
    """What the public of a node last heard of a record."""
    for item in node.ask("directory", "changes", after=0, limit=100)["items"]:
        if item["id"] == record:
            data: dict[str, Any] = item["event"]["data"]
            return data
    return {}


def page(node: RunningNode, path: str) -> str:
    with urllib.request.urlopen(f"{node.url}{path}", timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def read(node: RunningNode, path: str) -> dict[str, Any]:
    """A record by the API; its home may still be none but the node itself."""
    found: dict[str, Any] = {"home_node": {"name": ""}} | json.loads(page(node, path))
    return found


def command(node: RunningNode, name: str, *said: str) -> str:
    node.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
    done = subprocess.run([BIN, "peer", name, str(node.folder), *said, "--as", MARIE], capture_output=True, text=True,
                          check=False, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def worker(node: RunningNode) -> Program:
    return Program(node.url).enter(node.ask("accounts", "link_make", email=MARIE)["url"])


def offers(node: RunningNode, state: str) -> list[dict[str, Any]]:
    return [each for each in as_permanent(node, "offers")["offers"] if each["state"] == state]


def test_an_offer_is_refused_with_a_word_and_another_taken_back_and_nothing_moved(nodes: Three) -> None:
    radar, orpan, _, record = nodes
    own = identity.load(radar.folder).name
    to = identity.load(orpan.folder).name
    first = as_permanent(radar, "hand_over", to=to, ids=[record], note="Vous êtes plus près.")
    [came] = soon(lambda: offers(orpan, "offered"))
    assert (came["node"], came["structures"], came["note"]) == (own, 1, "Vous êtes plus près.")
    [named] = as_permanent(orpan, "offered", id=came["id"])["records"]
    assert named["native"]["fields"]["nom"] == "La Grange"
    as_permanent(orpan, "offer_decide", id=came["id"], decision="refuse", answer="Pas cette année.")
    [back] = soon(lambda: offers(radar, "refused"))
    assert (back["id"], back["answer"]) == (first["id"], "Pas cette année.")
    assert "native" not in as_permanent(orpan, "offered", id=came["id"])["records"][0]
    at_radar, at_orpan = worker(radar), worker(orpan)
    assert at_orpan.call("GET", "/api/v1/worklist")["offers"] == 0
    second = at_radar.call("POST", "/api/v1/handovers", json={"to": to, "source": "liste"})
    soon(lambda: at_orpan.call("GET", "/api/v1/worklist")["offers"] == 1)
    [waits, _] = at_orpan.call("GET", "/api/v1/handovers")["offers"]
    assert at_orpan.call("GET", f"/api/v1/handovers/{waits['id']}")["records"][0]["name"] == "La Grange"
    at_radar.call("POST", f"/api/v1/handovers/{second['id']}/decision", json={"decision": "take_back"})
    [gone] = soon(lambda: offers(orpan, "taken back"))
    assert worker(orpan).call("GET", "/api/v1/worklist")["offers"] == 0
    with pytest.raises(WrongState):
        as_permanent(orpan, "offer_decide", id=gone["id"], decision="accept")
    assert as_permanent(radar, "get", id=record)["home"] == own


def test_accepted_it_is_the_others_everywhere_and_changed_there_alone(nodes: Three) -> None:
    radar, orpan, animation, record = nodes
    to = identity.load(orpan.folder).name
    assert "Structures : 1" in command(radar, "hand-over", "orpan", "--all", "--dry-run")
    assert not offers(radar, "offered")
    command(radar, "hand-over", "orpan", "--all", "--yes")
    [came] = soon(lambda: offers(orpan, "offered"))
    command(orpan, "take", came["id"][:8])
    for node in nodes[:3]:
        soon(lambda node=node: said_at(node, record).get("home") == to)
    said = said_at(animation, record)
    assert (said["origin"], said["term"], len(said["proof"])) == (identity.load(radar.folder).name, 1, 1)
    assert (said["source"], said["source_id"]) == ("liste", "g1")
    version = as_permanent(orpan, "get", id=record)["version"]
    as_permanent(orpan, "edit", id=record, version=version, fields={"telephone": "02 40 00 00 09"})
    for node in nodes[:3]:
        soon(lambda node=node: said_at(node, record)["fields"]["telephone"] == "+33240000009")
    for node in (radar, animation):
        soon(lambda node=node: read(node, f"/api/v1/records/{record}")["home_node"]["name"] == "ORPAN")
        assert "tenue par <a" in page(node, "/structures/liste--g1")
    with pytest.raises(NotHome, match=orpan.url):
        as_permanent(radar, "edit", id=record, version=version, fields={"telephone": "02 40 00 00 10"})
    draft = {"kind": "structure", "source": "liste", "source_id": "g1", "fields": GRANGE}
    refused = worker(radar).call("POST", "/api/v1/records", status=403, json=draft)
    assert refused["home_node"] == {
        "home": to, "name": "ORPAN", "url": orpan.url, "page": f"{orpan.url}/structures/{record}"
    }  # fmt: skip
    [done] = offers(radar, "accepted")
    assert done["done"] == 1
    for node in (radar, animation):
        assert [peer["streams"][0]["trouble"] for peer in node.ask("federation", "peers")["peers"]] == ["", ""]
