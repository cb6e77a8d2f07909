"""Nodes that run, each with a RabbitMQ of its own, and lanes between them. The brokers serve all tests here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.servers import FEDERATED, PrivateBroker
from services.kernel.errors import MaillageError
from tests.faults.report import handed_over
from tests.running import RunningNode, running_node

__all__ = ["handed_over"]
WITHIN_S = 90


@dataclass
class Member:
    """A node and its broker."""

    node: RunningNode
    broker: PrivateBroker

    @property
    def label(self) -> str:
        """How others call it."""
        return self.node.environment["MAILLAGE_NODE_ID"]

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

    def came(self, label: str) -> int:
        """How many events the lane has brought; some of them a question over HTTPS, still open, may have first."""
        lane = self.lane(label)
        return int(lane["events"] + lane["doubled"])

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
        each.node.ask("federation", "lane_open", peer=peer.label)["document"]
        for each, peer in ((one, other), (other, one))
    ]
    other.node.ask("federation", "lane_take", document=documents[0])
    one.node.ask("federation", "lane_take", document=documents[1])
    for each, peer in ((one, other), (other, one)):
        until(lambda each=each, peer=peer: each.lane(peer.label)["state"] == "running", f"no lane from {peer.label}")


@pytest.fixture(scope="package")
def brokers() -> Iterator[list[PrivateBroker]]:
    """Two brokers that can have lanes."""
    made = [PrivateBroker(FEDERATED) for _ in range(2)]
    with ExitStack() as opened, ThreadPoolExecutor() as threads:
        list(threads.map(opened.enter_context, made))
        yield made


@pytest.fixture(scope="package")
def two(brokers: list[PrivateBroker], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Member, Member]]:
    """RADAR and ORPAN, who follow each other, the sure lane's polling very slow, a lane both ways. For all tests."""
    folder = tmp_path_factory.mktemp("lane")
    with ExitStack() as opened:

        def start(label: str, broker: PrivateBroker) -> Member:
            url = broker.fresh_vhost()
            return Member(opened.enter_context(running_node(folder / label, **_settings(label, broker, url))), broker)

        with ThreadPoolExecutor() as threads:
            radar, orpan = threads.map(start, ("radar", "orpan"), brokers)
        introduce(radar, orpan)
        open_lane(radar, orpan)
        yield radar, orpan


@pytest.fixture
def lane(two: tuple[Member, Member]) -> tuple[Member, Member]:
    """The same two, once each brings the other what is new by the lane."""
    for one, other, label in ((two[0], two[1], "orpan"), (two[1], two[0], "radar")):
        one.broker.start()
        until(lambda one=one: answers(one), one.label)
        before = one.came(label)
        until(lambda one=one, other=other, label=label, before=before: _brings(other, one, label) > before, label)
    return two


def answers(member: Member) -> bool:
    """Whether its rooms are there."""
    try:
        member.node.ask("directory", "sources")
        member.node.ask("federation", "lanes")
    except MaillageError:
        return False
    return True


def introduce(one: Member, other: Member) -> None:
    """Each follows the other and holds what it publishes."""
    for each in (one, other):
        until(lambda each=each: answers(each), f"{each.label} does not answer")
        each.node.ask("directory", "source_set", name="liste", policy="publish")
        each.publish(3, name="Avant")
    for each, peer in ((one, other), (other, one)):
        each.node.ask("federation", "peer_add", card=peer.node.ask("federation", "card")["card"])
    for each, peer in ((one, other), (other, one)):
        until(lambda each=each, peer=peer: each.held(peer.label)["held"] >= peer.head() > 0, "not followed")


_NUMBERS = iter(range(100_000, 200_000))


def _brings(home: Member, other: Member, label: str) -> int:
    """Publish one thing more; how much the lane has brought."""
    home.publish(1, first=next(_NUMBERS), name="Encore")
    return other.came(label)


def _settings(label: str, broker: PrivateBroker, url: str) -> dict[str, str]:
    return {
        "MAILLAGE_NODE_ID": label, "MAILLAGE_BROKER_URL": url, "MAILLAGE_HTTP_WORKERS": "1",
        "MAILLAGE_LANE_MANAGEMENT": f"http://127.0.0.1:{broker.api_port}", "MAILLAGE_LANE_TLS": "false",
        "MAILLAGE_LANE_HOST": "127.0.0.1", "MAILLAGE_LANE_PORT": str(broker.port),
        "MAILLAGE_FEDERATION_ASK_EVERY_S": "3600", "MAILLAGE_LOG_LEVEL": "ERROR",
    }  # fmt: skip
