"""A peer that uses its credentials by hand: what it may do, and that it delays nobody."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import psutil
import pytest
from amqp.basic_message import Message
from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from kombu.connection import Connection
from nacl.public import PrivateKey

from deploy.tenants import call_broker_api
from services.federation.cards import Card, written
from services.federation.lane import documents, names
from services.federation.lane.documents import Offer
from services.kernel.identity import Identity
from tests.faults.report import IS_SOAK, Result, tell
from tests.federation.lane.conftest import Member, until

TEST = "tests/federation/lane/test_hostile.py"
EVENTS = 2_000 if IS_SOAK else 50
THIEF = Identity.from_seed(b"thief" + b"-" * 27)
KEY = PrivateKey(b"k" * 32)
CLUSTER = "rabbit@thief"
REFUSED = (AccessRefused, NotAllowed)


@dataclass
class Raw:
    """A plain AMQP client with the credentials that a node made for a peer."""

    home: str
    url: str
    mine: str

    def __call__(self, method: str, *arguments: Any, **named: Any) -> Any:
        """One method on a channel of its own: an error closes the channel."""
        with Connection(self.url, connect_timeout=5) as connection:
            return getattr(connection.channel(), method)(*arguments, **named)

    def may(self, method: str, *arguments: Any, **named: Any) -> bool:
        """Whether the broker lets it."""
        try:
            self(method, *arguments, **named)
        except REFUSED:
            return False
        return True

    def publishes(self, exchange: str, key: str) -> bool:
        """Whether the broker takes a message from it."""
        with Connection(self.url, connect_timeout=5) as connection:
            channel = connection.channel()
            channel.confirm_select()
            try:
                channel.basic_publish_confirm(Message("{}"), exchange, key)
            except REFUSED:
                return False
        return True


@pytest.fixture
def raw(lane: tuple[Member, Member]) -> Iterator[Raw]:
    """The credentials of a third peer at ORPAN, which RADAR reads meanwhile."""
    _, orpan = lane
    card = Card(THIEF.name, "voleur", "Voleur", "44", "http://127.0.0.1:1", THIEF.public_key, bytes(KEY.public_key), 1)
    orpan.node.ask("federation", "peer_add", card=written(card, THIEF).decode())
    sealed = orpan.node.ask("federation", "lane_open", peer="voleur", renew=True)["document"]
    own = written_by(orpan)
    _, offer = documents.take(sealed, KEY, THIEF.name, {own.node: own}.get)
    back = Offer("", 0, False, "", CLUSTER, "", time.time_ns() // 1000)
    orpan.node.ask("federation", "lane_take", document=documents.make(THIEF, own, back))
    user, vhost = names.user_of(own.node, THIEF.name), names.vhost_of(own.node)
    url = f"amqp://{user}:{offer.password}@{offer.host}:{offer.port}/{vhost}"
    yield Raw(own.node, url, names.link_of(own.node, THIEF.name, CLUSTER))
    orpan.node.ask("federation", "lane_close", peer="voleur")


def written_by(member: Member) -> Card:
    """A node's card."""
    from services.federation.cards import read

    return read(member.node.ask("federation", "card")["card"].encode())


def test_a_peer_reads_what_is_public_by_its_own_queue_and_nothing_else(raw: Raw, lane: tuple[Member, Member]) -> None:
    radar, orpan = lane
    assert raw.may("queue_declare", raw.mine, durable=True, auto_delete=False)
    assert raw.may("queue_bind", raw.mine, names.OUT, "#")
    radar.publish(1, first=300)
    orpan.publish(2, first=301)
    time.sleep(1)
    streams = set()
    with Connection(raw.url) as connection:
        channel = connection.channel()
        while (message := channel.basic_get(raw.mine, no_ack=True)) is not None:
            streams.add(orjson.loads(message.body)["stream"])
    assert streams == {f"{raw.home}/directory/shared"}, "only what its home publishes"


def test_a_peer_touches_no_other_name(raw: Raw, lane: tuple[Member, Member]) -> None:
    radar = written_by(lane[0]).node
    others = names.link_of(raw.home, radar, "maillage@vm")
    raw("queue_declare", raw.mine, durable=True, auto_delete=False)
    for name in (names.incoming(radar), others, "free", f"{raw.mine} C", f"x{raw.mine}"):
        assert not raw.may("queue_declare", name, durable=True, auto_delete=False)
        assert not raw.may("exchange_declare", name, "topic", durable=True, auto_delete=False)
        assert not raw.publishes("", name)
    for name in (names.incoming(radar), others):
        assert not _reads(raw, name)
    assert not raw.may("queue_bind", raw.mine, names.incoming(radar), "#")
    assert not raw.may("queue_declare", raw.mine + " A", durable=True, auto_delete=False,
                       arguments={"x-dead-letter-exchange": names.incoming(radar)})  # fmt: skip
    assert not raw.may("queue_delete", others)
    assert not raw.may("exchange_delete", names.OUT)


def test_a_peer_cannot_speak_in_the_name_of_its_host(raw: Raw) -> None:
    assert not raw.publishes(names.OUT, "directory.structure.published.v1")
    for vhost in ("", "/"):
        with pytest.raises(AMQPError):
            Connection(raw.url.rpartition("/")[0] + f"/{vhost}").connect()


def test_no_password_lies_about_in_a_log_a_table_or_a_command_line(raw: Raw, lane: tuple[Member, Member]) -> None:
    password = raw.url.partition("://")[2].partition("@")[0].partition(":")[2].encode()
    assert len(password) > 30
    _, orpan = lane
    places = [*orpan.node.folder.rglob("*"), *orpan.broker.folder.glob("log/*"), orpan.broker.log]
    read = [path for path in places if path.is_file()]
    assert any(path.suffix == ".sqlite3" for path in read)
    assert [path.name for path in read if password in path.read_bytes()] == []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            assert password.decode() not in " ".join(process.cmdline())


def test_a_lane_is_made_anew_on_a_broker_that_forgot_it_without_a_word_to_the_peer(
    raw: Raw, lane: tuple[Member, Member]
) -> None:
    radar, _ = lane
    vhost = names.vhost_of(written_by(radar).node)
    before = radar.node.ask("federation", "lane_open", peer="orpan")
    assert before["made"] == [], "all was there"
    call_broker_api(radar.broker.api_url, "DELETE", f"/vhosts/{vhost}")
    again = radar.node.ask("federation", "lane_open", peer="orpan")
    assert f"vhost {vhost}" in again["made"]
    assert again["document"] == before["document"], "the peer has it already"
    until(lambda: radar.lane("orpan")["state"] == "running", "the link does not come back")
    assert raw.home


def test_its_queues_are_bounded_whatever_it_asks(raw: Raw, lane: tuple[Member, Member]) -> None:
    _, orpan = lane
    asked = {"x-max-length-bytes": 10**12, "x-expires": 10**10, "x-message-ttl": 10**10}
    raw("queue_declare", raw.mine + " B", durable=True, auto_delete=False, arguments=asked)
    vhost, name = names.vhost_of(raw.home), (raw.mine + " B").replace(" ", "%20").replace(">", "%3E")

    def bounds() -> dict[str, int]:
        found: Any = call_broker_api(orpan.broker.api_url, "GET", f"/queues/{vhost}/{name}")
        return dict(found.get("effective_policy_definition") or {})

    until(lambda: bounds().get("max-length-bytes") == names.BYTES_AT_MOST, "no operator policy")
    assert (bounds()["expires"], bounds()["message-ttl"]) == (names.FORGOTTEN_MS, names.KEPT_MS)
    with Connection(raw.url) as first, Connection(raw.url) as second, Connection(raw.url) as third:
        held = [each.channel() for each in (first, second, third)]
        assert len(held) == 3
        with Connection(raw.url) as fourth, Connection(raw.url) as fifth:
            fourth.connect()
            with pytest.raises(AMQPError):
                fifth.connect()


@pytest.mark.parametrize("overflow", ["reject-publish", "drop-head"])
def test_a_hostile_queue_delays_nobody(raw: Raw, lane: tuple[Member, Member], overflow: str) -> None:
    radar, orpan = lane
    raw("queue_delete", raw.mine)
    raw("queue_declare", raw.mine, durable=True, auto_delete=False,
        arguments={"x-max-length": 1, "x-overflow": overflow})  # fmt: skip
    raw("queue_bind", raw.mine, names.OUT, "#")
    before = radar.came("orpan"), _outward(orpan)
    orpan.publish(EVENTS, first=5_000, name=f"Malgré {overflow}")
    took_s = until(lambda: radar.held("orpan")["held"] >= orpan.head(), "the others wait")
    assert took_s < 5
    until(lambda: radar.came("orpan") >= before[0] + EVENTS, "not by the lane")
    refused = _outward(orpan)["refused"] - before[1]["refused"]
    assert refused > 0 or overflow != "reject-publish", "and it is counted"
    here, there = orpan.records(), radar.records()
    lost = sum(there.get(record) != version for record, version in here.items())
    said = f"lag {radar.held('orpan')['lag']}; {refused} refused to the peer's own queue"
    what = f"a peer's queue that keeps one message ({overflow}), by its own credentials"
    tell(Result(18, what, EVENTS, lost, 0, round(took_s, 1), said, TEST))  # `records` finds what comes twice
    assert lost == 0


def _outward(member: Member) -> dict[str, int]:
    found: dict[str, int] = member.node.ask("directory", "status")["outward"]
    return found


def _reads(raw: Raw, queue: str) -> bool:
    try:
        raw("basic_get", queue)
    except REFUSED:
        return False
    return True


def test_names_are_anchored_and_hold_no_pattern_of_the_peers() -> None:
    may = names.may("a" * 32, "b" * 32, "rabbit@host.example")
    mine = names.link_of("a" * 32, "b" * 32, "rabbit@host.example")
    pattern = re.compile(may["configure"].replace("\\z", "\\Z"))
    assert pattern.search(mine) and pattern.search(mine + " A")
    assert not pattern.search("x" + mine) and not pattern.search(mine + "x")
    assert not pattern.search(mine.replace("host.example", "hostxexample"))
    assert names.may("a" * 32, "b" * 32, "") == names.NOTHING
