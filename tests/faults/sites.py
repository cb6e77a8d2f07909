"""Embedded nodes that follow each other, each behind a wire, and what a program that follows one of them saw."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from deploy.client import Client, try_socket
from deploy.processes import free_ports
from services.kernel import identity
from services.kernel.errors import MaillageError, Unavailable
from tests.faults.report import Result, tell
from tests.faults.wire import Wire
from tests.running import RunningNode, new_node

EQUAL_WITHIN_S = 240
LOOK_EVERY_S = 0.2
PORT = re.compile(r"127\.0\.0\.1:\d+")
NOT_YET = {"head": 0, "held": 0, "lag": 0, "records": 0, "equal": None, "equal_at": None, "trouble": "", "blamed": ""}


@dataclass
class Site:
    """A node, and the wire by which the others reach it."""

    node: RunningNode
    wire: Wire
    label: str
    name: str = ""

    @property
    def port(self) -> int:
        """Where the node itself listens."""
        return int(self.node.url.rpartition(":")[2])

    def ask(self, room: str, door: str, **asked: Any) -> Any:
        """A door of the node, as its operator. Raises `Unavailable` where it does not run."""
        connection = try_socket(self.node.folder)
        if connection is None:
            raise Unavailable(f"{self.label} does not run")
        client = Client(connection)
        try:
            return client.call(room, door, asked)
        finally:
            client.close()

    def publish(self, count: int, first: int = 0, name: str = "Association", source: str = "liste") -> None:
        """Import public structures, some hundred at a time, and finish."""
        self.ask("directory", "source_set", name=source, policy="publish")
        opened = self.ask("directory", "import_begin", source=source, name="m", policy="publish")
        for start in range(first, first + count, 100):
            rows = [structure(number, name, source) for number in range(start, min(start + 100, first + count))]
            self.ask("directory", "import_rows", **{"import": opened["import"], "rows": rows})
        self.ask("directory", "import_finish", **{"import": opened["import"]})

    def head(self) -> tuple[int, int]:
        """How far its public stream goes."""
        heads = self.ask("directory", "heads")["heads"]
        [shared] = [each for each in heads if each["stream"].endswith("/shared")]
        return shared["epoch"], shared["seq"]

    def sign(self) -> None:
        """A checkpoint where the stream stands: others can tell that they are equal."""
        self.ask("directory", "prune", days=10_000)

    def forget_the_log(self) -> None:
        """Keep of the log the last event of each record only, as after `log_days`; what was not told yet stays."""
        until(lambda: self.ask("directory", "prune", days=0)["gone"])

    def peer(self, home: Site) -> dict[str, Any]:
        """What is said here of another."""
        [found] = [each for each in self.ask("federation", "peers")["peers"] if each["node"] == home.name]
        return dict(found)

    def stream(self, home: Site) -> dict[str, Any]:
        """What is held here of another."""
        found = self.peer(home)["streams"]
        return dict(found[0]) if found else dict(NOT_YET)

    def follow(self, home: Site, via: str = "") -> None:
        """Make another a peer of this one."""
        self.ask("federation", "peer_add", card=home.ask("federation", "card")["card"], via=via)

    def shown(self, home: Site) -> dict[str, str]:
        """The records of a home that this node shows, each with the event that says it."""
        return {item["id"]: item["event"]["id"] for item in self.feed() if is_of(item, home) and item["op"] == "put"}

    def feed(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """The feed of public changes, from a place to its end."""
        while items := self.ask("directory", "changes", after=after, limit=500)["items"]:
            yield from items
            after = items[-1]["position"]

    def parked(self) -> int:
        """How many events wait here for somebody."""
        rooms = self.ask("node", "status")["rooms"]
        return sum(sum(room["parked"].values()) for room in rooms.values())


def is_of(item: dict[str, Any], home: Site) -> bool:
    """Whether a change of the feed is of this home."""
    return bool(item["event"]["source"] == f"urn:maillage:{home.name}")


def structure(number: int, name: str, source: str = "liste", **more: str) -> dict[str, Any]:
    """A row of an import."""
    fields = {"nom": f"{name} {number}", "date_maj": "2026-01-31", "commune": "Blain", "code_insee": "44015"} | more
    return {"kind": "structure", "source": source, "source_id": f"s{number}", "fields": fields}


@contextmanager
def site(folder: Path, label: str, **environment: str) -> Iterator[Site]:
    """A new node that answers behind a wire; it is stopped in the end."""
    [port] = free_ports(1)
    with Wire(port) as wire:
        said = {
            "MAILLAGE_NODE_ID": label, "MAILLAGE_NODE_NAME": label.upper(), "MAILLAGE_FEDERATION_ASK_EVERY_S": "1",
            "MAILLAGE_NODE_URL": f"http://127.0.0.1:{wire.port}", "MAILLAGE_LOG_LEVEL": "ERROR",
        }  # fmt: skip
        node = RunningNode(folder, f"http://127.0.0.1:{port}", said | environment)
        new_node(folder, label, label.upper())
        node.start()
        try:
            yield Site(node, wire, label, identity.load(folder).name)
        finally:
            node.stop()


@dataclass
class Watch:
    """A program that follows the feed of a node through whatever happens, and what it saw: each change, each trouble.

    With `home` only what that one says is counted.
    """

    site: Site
    homes: Sequence[Site]
    seen: list[str] = field(default_factory=list)
    troubles: dict[str, None] = field(default_factory=dict)
    blamed: dict[str, None] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._ended = threading.Event()
        self._after = self.site.ask("directory", "changes", after=0, limit=1)["head"]
        self._began = {home.name: home.head()[1] for home in self.homes}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            with suppress(OSError, MaillageError, ValueError, EOFError):
                self._look()

    def _look(self) -> None:
        for item in self.site.feed(self._after):
            self.seen += [item["event"]["id"]] if any(is_of(item, home) for home in self.homes) else []
            self._after = item["position"]
        for home in self.homes:
            peer = self.site.peer(home)
            for trouble in (peer["trouble"], *(each["trouble"] for each in peer["streams"])):
                if trouble:
                    self.troubles[PORT.sub("ce pair", trouble)] = None
            self.blamed |= {each["blamed"]: None for each in peer["streams"] if each["blamed"]}

    def settled(self, fault: int, what: str, test: str, *, others: Sequence[Site] = ()) -> Result:
        """Wait until every home is equal here (and at `others`); what was counted, and told."""
        began = time.monotonic()
        events = lost = 0
        for home in self.homes:
            home.sign()
            events += max(home.head()[1] - self._began[home.name], 0)  # less where its database was put back
            lost += sum(equal(home, each, began + EQUAL_WITHIN_S) for each in (self.site, *others))
        seconds = round(time.monotonic() - began, 1)
        self._ended.set()
        self._thread.join(60)
        with suppress(OSError, MaillageError):
            self._look()
        doubled = len(self.seen) - len(set(self.seen))
        result = Result(fault, what, max(events, len(self.seen)), lost, doubled, seconds, self.status(), test)
        tell(result)
        return result

    def status(self) -> str:
        """What the node said while it lasted, and says now."""
        streams = [self.site.stream(home) for home in self.homes]
        lag = sum(each["lag"] for each in streams)
        now = f"lag {lag}, {'equal' if all(each['equal'] for each in streams) else 'not equal'}"
        parked = self.site.parked()
        now += f", {parked} parked" if parked else ""
        now += "".join(f", « {each['trouble']} »" for each in streams if each["trouble"])
        return "; then ".join([*(f"« {each[:90]} »" for each in list(self.troubles)[:1]), now])


def equal(home: Site, other: Site, ends_at: float) -> int:
    """Wait until another shows what a home shows, and says that it is equal; how many records it does not."""
    head = home.head()[1]
    while True:
        with suppress(OSError, MaillageError):
            stream = other.stream(home)
            if stream["held"] >= head and stream["equal"] and not stream["lag"]:
                wrong = differences(home.shown(home), other.shown(home))
                if not wrong or time.monotonic() > ends_at:
                    return wrong
        assert time.monotonic() < ends_at, f"{other.label} does not become equal to {home.label}: {other.peer(home)}"
        time.sleep(0.1)


def differences(here: dict[str, str], there: dict[str, str]) -> int:
    """How many records are missing, older or too many in the second."""
    return sum(here.get(each) != there.get(each) for each in here.keys() | there.keys())


def until(holds: Any, within_s: float = 60, say: Any = "") -> None:
    """Wait until something holds."""
    ends_at = time.monotonic() + within_s
    while True:
        with suppress(OSError, MaillageError):
            if holds():
                return
        assert time.monotonic() < ends_at, say() if callable(say) else say
        time.sleep(0.1)


def all_of(sites: Iterable[Site]) -> list[tuple[Site, Site]]:
    """Every (home, other) of them."""
    listed = list(sites)
    return [(home, other) for home in listed for other in listed if home is not other]
