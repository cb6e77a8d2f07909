"""Nodes that run, each with a RabbitMQ of its own, and lanes between them. The brokers serve the whole session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.servers import FEDERATED, PrivateBroker
from deploy.tenants import drop_vhost
from tests.running import RunningNode, running_node

WITHIN_S = 60


@dataclass
class Member:
    """A node and its broker."""

    node: RunningNode
    broker: PrivateBroker

    def publish(self, count: int, first: int = 0, name: str = "Association") -> None:
        """Import public structures."""
        call = self.node.ask
        opened = call("directory", "import_begin", source="liste", name="m", policy="publish")
        for start in range(first, first + count, 100):
            rows = [structure(number, name) for number in range(start, min(start + 100, first + count))]
            call("directory", "import_rows", **{"import": opened["import"], "rows": rows})
        call("directory", "import_finish", **{"import": opened["import"]})

    def head(self) -> int:
        """The last number of its public stream."""
        heads = self.node.ask("directory", "heads")["heads"]
        return next((each["seq"] for each in heads if each["stream"].endswith("/shared")), 0)

    def held(self, label: str) -> dict[str, Any]:
        """What it holds of a peer's stream."""
        peers = self.node.ask("federation", "peers")["peers"]
        [peer] = [each for each in peers if each["id"] == label]
        found: dict[str, Any] = peer["streams"][0] if peer["streams"] else {"held": 0, "equal": None, "trouble": ""}
        return found

    def lane(self, label: str) -> dict[str, Any]:
        """What it says of the lane with a peer."""
        found: dict[str, Any] = next(
            (each for each in self.node.ask("federation", "lanes")["lanes"] if each["id"] == label), {}
        )
        return found

    def records(self) -> dict[str, int]:
        """Every public record of its feed, by version."""
        found: dict[str, int] = {}
        after = 0
        while items := self.node.ask("directory", "changes", after=after, limit=500)["items"]:
            for item in items:
                assert item["id"] not in found, "a record stands in the feed once"
                if item["op"] == "put":
                    found[item["id"]] = item["event"]["recordversion"]
            after = items[-1]["position"]
        return found


def structure(number: int, name: str) -> dict[str, Any]:
    """A draft that becomes public by its source's policy."""
    fields = {"nom": f"{name} {number}", "date_maj": "2026-01-31", "commune": "Blain", "code_insee": "44015"}
    return {"kind": "structure", "source": "liste", "source_id": f"s{number}", "fields": fields}


def until(done: Callable[[], object], what: str, within_s: float = WITHIN_S) -> float:
    """Wait until it is so; how long that took, in seconds."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < within_s, what
        time.sleep(0.05)
    return time.monotonic() - began


def open_lane(one: Member, other: Member) -> None:
    """Both sides, by their doors, as the two operators do it; waits until events may flow both ways."""
    documents = [
        each.node.ask("federation", "lane_open", peer=peer.node.environment["MAILLAGE_NODE_ID"])["document"]
        for each, peer in ((one, other), (other, one))
    ]
    other.node.ask("federation", "lane_take", document=documents[0])
    one.node.ask("federation", "lane_take", document=documents[1])
    for each, peer in ((one, other), (other, one)):
        label = peer.node.environment["MAILLAGE_NODE_ID"]
        until(lambda each=each, label=label: each.lane(label)["state"] == "running", f"no lane from {label}")


@pytest.fixture(scope="session")
def brokers() -> Iterator[list[PrivateBroker]]:
    """Three brokers that can have lanes."""
    with ExitStack() as opened:
        yield [opened.enter_context(PrivateBroker(FEDERATED)) for _ in range(3)]


Make = Callable[..., Member]


@pytest.fixture
def member(tmp_path: Path, brokers: list[PrivateBroker]) -> Iterator[Make]:
    """Makes a node of a name on the broker of a number, with a virtual host of its own."""
    with ExitStack() as opened:

        def make(label: str, number: int, **environment: str) -> Member:
            broker = brokers[number]
            broker.start()
            url = broker.fresh_vhost()
            node = opened.enter_context(running_node(tmp_path / label, **_settings(label, broker, url) | environment))
            opened.callback(drop_vhost, broker.api_url, url)
            opened.callback(node.stop)
            node.ask("directory", "source_set", name="liste", policy="publish")
            return Member(node, broker)

        yield make


def _settings(label: str, broker: PrivateBroker, url: str) -> dict[str, str]:
    return {
        "MAILLAGE_NODE_ID": label, "MAILLAGE_BROKER_URL": url, "MAILLAGE_HTTP_WORKERS": "1",
        "MAILLAGE_LANE_MANAGEMENT": f"http://127.0.0.1:{broker.api_port}", "MAILLAGE_LANE_TLS": "false",
        "MAILLAGE_LANE_HOST": "127.0.0.1", "MAILLAGE_LANE_PORT": str(broker.port),
        "MAILLAGE_FEDERATION_ASK_EVERY_S": "3600", "MAILLAGE_LOG_LEVEL": "WARNING",
    }  # fmt: skip


@pytest.fixture
def two(member: Make) -> tuple[Member, Member]:
    """Two that follow each other, the sure lane's polling very slow, and an open lane both ways."""
    radar, orpan = member("radar", 0), member("orpan", 1)
    for one, other in ((radar, orpan), (orpan, radar)):
        one.node.ask("federation", "peer_add", card=other.node.ask("federation", "card")["card"])
    orpan.publish(3, name="Avant")
    radar.publish(3, name="Avant")
    for one, other, label in ((radar, orpan, "orpan"), (orpan, radar, "radar")):
        until(lambda one=one, other=other, label=label: one.held(label)["held"] >= other.head() > 0, f"no {label}")
    open_lane(radar, orpan)
    return radar, orpan
