"""Nodes that lie: what they say is not kept, they are blamed and nobody else, the truth goes on in its place."""

from __future__ import annotations

import gzip
import shutil
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil
import pytest

from deploy.processes import free_ports
from services.federation import cards
from services.kernel.errors import ValidationError
from tests.faults.conftest import Three
from tests.faults.liar import Forger, Shuffled, Twist, left_out, lies, stripped, through
from tests.faults.sites import Site, Watch, until
from tests.federation.homes import Home
from tests.running import RunningNode

TEST = "tests/faults/test_liars.py"
MB = 1_000_000
HOSTILE = [
    "http://169.254.169.254", "https://[::ffff:169.254.169.254]", "https://169.254.1.1", "https://0.0.0.0",
    "https://224.0.0.1", "http://example.org", "file:///etc/passwd", "https://a:b@example.org",
]  # fmt: skip


def hub_lies(three: Three, name: str) -> tuple[int, str, Twist]:
    """The fault's number, its name in the table, and the lie of the hub."""
    return {
        "forged": (13, "a hub forges the home's next 100 events", Forger(three.radar, three.orpan, 100)),
        "far": (13, "a hub forges sequence 2^62", Forger(three.radar, three.orpan, 1, far=2**62)),
        "stripped": (15, "a hub strips data", stripped),
        "left out": (15, "a hub leaves out an event", left_out),
    }[name]


def blames(watch: Watch, who: Site, home: Site, hub: Site) -> bool:
    """Whether a node says what is wrong with what the hub tells of a home, and blames the hub; it may soon heal."""
    stream = who.stream(home)
    watch.blamed |= {stream["blamed"]: None} if stream["blamed"] else {}
    return stream["blamed"] == hub.name and bool(stream["trouble"])


@pytest.mark.parametrize("lie", ["forged", "far", "stripped", "left out"])
def test_a_hub_that_lies_is_blamed_and_who_reads_it_becomes_equal(three: Three, events_per_run: int, lie: str) -> None:
    home, hub, other = three.orpan, three.radar, three.rural
    fault, what, twist = hub_lies(three, lie)
    with Watch(other, [home]) as watch, through(other, home, hub):
        with lies(hub, twist):
            home.publish(events_per_run // 10, name=f"Avant {lie}", source="hub")
            until(lambda: blames(watch, other, home, hub), say=lambda: str(other.stream(home)))
        home.publish(10, name=f"Après {lie}", source="hub")
        result = watch.settled(fault, what, TEST)
    assert (result.lost, result.doubled) == (0, 0)
    assert list(watch.blamed) == [hub.name], "nobody else is blamed"
    assert not hub.stream(home)["trouble"]


def test_what_comes_twice_and_in_disorder_is_put_in_order(three: Three, events_per_run: int) -> None:
    home, other, shuffled = three.orpan, three.rural, Shuffled()
    with Watch(other, [home]) as watch:
        with lies(home, shuffled):
            home.publish(events_per_run // 2, source="disorder")
            result = watch.settled(10, "deliveries doubled and out of order", TEST)
        assert shuffled.moved
    assert (result.lost, result.doubled) == (0, 0)


def test_a_home_that_tells_two_histories_is_found_at_the_next_question(three: Three, tmp_path: Path) -> None:
    home, one, other = three.orpan, three.radar, three.rural
    home.publish(3, source="double")
    for each in (one, other):
        until(lambda: each.stream(home)["held"] >= home.head()[1])  # noqa: B023
        each.ask("federation", "peer_pause", peer=home.label)
    home.wire.hang_up()
    with ExitStack() as opened:
        twin = opened.enter_context(_twin(home, tmp_path))
        for site, name in ((home, "Une histoire"), (twin, "Une autre")):
            site.publish(10, name=name, source="double")
            site.sign()
        home.wire.lead_to(twin.port)
        one.ask("federation", "peer_resume", peer=home.label)
        until(lambda: one.stream(home)["held"] >= twin.head()[1])
        one.ask("federation", "peer_pause", peer=home.label)
        home.wire.lead_to(home.port)
        with Watch(other, [home]) as watch:
            other.ask("federation", "peer_resume", peer=home.label)
            until(lambda: other.stream(home)["held"] >= home.head()[1])
            until(lambda: other.peer(home)["state"] == "quarantined", say=lambda: str(other.peer(home)))
        assert "deux histoires" in other.peer(home)["trouble"]
    with Watch(other, [home]) as watch:
        other.ask("federation", "peer_resume", peer=home.label)
        one.ask("federation", "peer_remove", peer=home.label, dry_run=False)
        one.follow(home)
        home.publish(5, name="La vérité", source="double")
        result = watch.settled(14, "an origin tells two histories: quarantined, then resumed by hand", TEST)
    assert result.lost == 0


class _twin(ExitStack):
    """The same node a second time, with a history of its own from here on."""

    def __init__(self, home: Site, folder: Path) -> None:
        super().__init__()
        home.node.stop()
        shutil.copytree(home.node.folder, folder / "twin", ignore=shutil.ignore_patterns("node.sock", "node.lock"))
        [port] = free_ports(1)
        node = RunningNode(folder / "twin", f"http://127.0.0.1:{port}", dict(home.node.environment))
        home.node.start()
        node.start()
        self.callback(node.stop)
        self._twin = replace(home, node=node)

    def __enter__(self) -> Site:  # type: ignore[override]
        for peer in self._twin.ask("federation", "peers")["peers"]:
            self._twin.ask("federation", "peer_pause", peer=peer["node"])
        return self._twin


def hostile(three: Three, name: str) -> tuple[dict[str, str], bytes, str]:
    """Headers and a piece of an answer that no node gives, and the reason for which it is refused and no other."""
    return {
        "redirect": ({"Location": f"{three.orpan.node.url}/federation/v1/streams"}, b"", "répond 302"),
        "bomb": ({"Content-Encoding": "gzip"}, gzip.compress(b"0" * 50 * MB), "est comprimée"),
        "endless": ({}, b"x" * MB, "répond plus de 16000000 octets"),
        "nested": ({}, b"[" * MB, "n’est pas celle d’un nœud"),
    }[name]


@pytest.mark.parametrize("name", ["redirect", "bomb", "endless", "nested"])
def test_a_hostile_answer_costs_little_and_is_told(three: Three, name: str) -> None:
    bad, other = three.radar, three.rural
    headers, piece, reason = hostile(three, name)
    assert other.node.process is not None
    memory = psutil.Process(other.node.process.pid).memory_info

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302 if name == "redirect" else 200)
        for header, value in headers.items():
            handler.send_header(header, value)
        handler.end_headers()
        for _ in range(40 if name == "endless" else 1):
            handler.wfile.write(piece)

    with Watch(other, [bad]) as watch:
        before = memory().rss
        with lies(bad, answer=answer):
            until(lambda: reason in other.peer(bad)["trouble"], say=lambda: str(other.peer(bad)["trouble"]))
            bad.publish(3, name=f"Derrière {name}", source="hostile")
            grown = memory().rss - before
        result = watch.settled(20, f"a hostile answer: {name}", TEST)
    assert (result.lost, result.doubled) == (0, 0)
    assert grown < 100 * MB


def test_a_card_with_a_hostile_address_is_refused(three: Three) -> None:
    stranger = Home.of("stranger")
    refused = []
    for url in HOSTILE:
        card = cards.written(replace(stranger.card(), url=url), stranger.identity).decode()
        try:
            three.rural.ask("federation", "peer_add", card=card)
        except ValidationError:
            refused.append(url)
    assert refused == HOSTILE
    assert stranger.identity.name not in {each["node"] for each in three.rural.ask("federation", "peers")["peers"]}
