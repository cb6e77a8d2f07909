"""Publishing: in order, confirmed, again after every failure, by one relay at a time, never on a dead connection."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import orjson
import pytest
from kombu.connection import Connection
from kombu.entity import Queue

from deploy.servers import PrivateBroker
from deploy.tenants import call_broker_api
from services.kernel.broker import BROKER_ERRORS, events_exchange
from services.kernel.follow import follower_queue
from services.kernel.relay import NotConfirmed, Publisher, Relay
from services.kernel.rows import RelayRow
from tests.conftest import Backend, Fresh
from tests.kernel.nodes import WRITER, Writer


def connector(url: str, heartbeat_s: int = 10) -> Callable[[], Connection]:
    return partial(Connection, url, heartbeat=heartbeat_s, connect_timeout=5)


class Reader:
    """A queue bound to the writer's events, and what came into it."""

    def __init__(self, url: str, queue: Queue | None = None) -> None:
        self._connection = connector(url)()
        self._queue = (queue or follower_queue(f"reader{time.monotonic_ns()}", WRITER))(self._connection.channel())
        self._queue.declare()

    def sequences(self) -> list[int]:
        """Numbers of the messages in the queue, in order; they are taken out."""
        found = []
        while (message := self._queue.get(no_ack=True)) is not None:
            found.append(orjson.loads(message.body)["sequence"])
        return found

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def reader(backend: Backend) -> Iterator[Reader]:
    opened = Reader(backend.broker_url)
    yield opened
    opened.close()


@pytest.fixture
def relay(backend: Backend, writer: Writer) -> Iterator[Relay]:
    opened = Relay(writer.database, WRITER, connector(backend.broker_url))
    yield opened
    opened.close()


def cursor(writer: Writer) -> int:
    with writer.database.read() as session:
        row = session.get(RelayRow, ("local", "shared"))
        return row.seq if row else 0


def numbered(writer: Writer, count: int) -> None:
    writer.write(*(f"s{number}" for number in range(count)))
    writer.number()


def test_every_event_is_published_in_order_and_the_cursor_follows(writer: Writer, relay: Relay, reader: Reader) -> None:
    numbered(writer, 25)
    assert [relay.run_once(10) for _ in range(4)] == [10, 10, 5, 0]
    assert reader.sequences() == list(range(1, 26))
    assert cursor(writer) == 25


def test_messages_are_plain_cloudevents_that_any_nameko_service_reads(
    writer: Writer, relay: Relay, backend: Backend
) -> None:
    reader = Reader(backend.broker_url)
    numbered(writer, 1)
    relay.run_once()
    message = reader._queue.get(no_ack=True)
    assert message.content_type == "application/json"
    assert message.content_encoding == "utf-8"
    assert message.delivery_info["routing_key"] == "writer.thing.changed.v1"
    assert message.properties["delivery_mode"] == 2
    assert message.payload["specversion"] == "1.0"
    assert message.payload["data"] == {"subject": "s0"}
    reader.close()


def test_both_reaches_are_published_each_with_its_own_numbers(writer: Writer, relay: Relay, reader: Reader) -> None:
    writer.write("a", "b")
    writer.write("c", reach="home")
    writer.number()
    relay.run_once()
    assert sorted(reader.sequences()) == [1, 1, 2]


def test_what_is_refused_is_published_again_and_the_cursor_waits(
    writer: Writer, fresh_vhost: Fresh, broker: str
) -> None:
    url = fresh_vhost()
    full = follower_queue("full", WRITER)
    full.queue_arguments = {"x-max-length": 3, "x-overflow": "reject-publish"}
    reader = Reader(url, full)
    relay = Relay(writer.database, WRITER, connector(url))
    numbered(writer, 5)
    with pytest.raises(NotConfirmed):
        relay.run_once()
    assert cursor(writer) == 0
    assert reader.sequences() == [1, 2, 3]
    assert relay.run_once(3) == 3
    assert reader.sequences() == [1, 2, 3]
    assert relay.run_once(3) == 2
    assert reader.sequences() == [4, 5]
    relay.close()
    reader.close()


def test_two_relays_at_once_publish_one_sequence(writer: Writer, backend: Backend, reader: Reader) -> None:
    numbered(writer, 200)
    relays = [Relay(writer.database, WRITER, connector(backend.broker_url)) for _ in range(3)]

    def run(relay: Relay) -> None:
        ends_at = time.monotonic() + 20
        while cursor(writer) < 200 and time.monotonic() < ends_at:
            relay.run_once(20)
        relay.close()

    threads = [threading.Thread(target=run, args=(relay,)) for relay in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    published = reader.sequences()
    if backend.name == "node":
        assert published == list(range(1, 201))
    assert sorted(set(published)) == list(range(1, 201))  # one file by mistake twice: doubles, which consumers drop
    assert cursor(writer) == 200


def test_a_connection_that_died_while_idle_costs_no_delay(writer: Writer, fresh_vhost: Fresh, broker: str) -> None:
    """Nobody beats here, as in a process that was suspended: the broker hangs up after two heartbeats."""
    url = fresh_vhost()
    reader = Reader(url)
    relay = Relay(writer.database, WRITER, connector(url, heartbeat_s=1))
    numbered(writer, 1)
    relay.run_once()
    time.sleep(4)
    numbered(writer, 1)
    at = time.monotonic()
    assert relay.run_once() == 1
    assert time.monotonic() - at < 1
    assert set(reader.sequences()) == {1, 2}
    relay.close()
    reader.close()


def test_a_connection_that_beats_lives_as_long_as_it_is_needed(writer: Writer, fresh_vhost: Fresh, broker: str) -> None:
    relay = Relay(writer.database, WRITER, connector(fresh_vhost(), heartbeat_s=1))
    numbered(writer, 1)
    relay.run_once()
    publisher = relay._publisher
    for _ in range(16):
        time.sleep(0.25)
        relay.beat()
    numbered(writer, 1)
    assert relay.run_once() == 1
    assert relay._publisher is publisher is not None
    relay.close()


def test_a_connection_closed_from_the_brokers_side_is_replaced(writer: Writer, killable_broker: PrivateBroker) -> None:
    relay = Relay(writer.database, WRITER, connector(killable_broker.url))
    numbered(writer, 1)
    relay.run_once()
    killable_broker.kill()
    numbered(writer, 1)
    with pytest.raises(BROKER_ERRORS):
        relay.run_once()
    relay.beat()
    assert cursor(writer) == 1
    killable_broker.start()
    assert relay.run_once() == 1
    assert cursor(writer) == 2
    relay.close()


def test_a_frozen_broker_is_left_within_the_time_that_a_process_has_to_end(
    writer: Writer, killable_broker: PrivateBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay(writer.database, WRITER, connector(killable_broker.url))
    numbered(writer, 1)
    relay.run_once()
    killable_broker.freeze()
    try:
        numbered(writer, 1)
        at = time.monotonic()
        with pytest.raises(BROKER_ERRORS):
            relay.run_once()
        relay.close()
        took_s = time.monotonic() - at
    finally:
        killable_broker.thaw()
    assert took_s < 8
    assert cursor(writer) == 1
    assert relay.run_once() == 1
    relay.close()


def test_confirms_in_any_order_are_counted_once(fresh_vhost: Fresh, broker: str) -> None:
    publisher = Publisher(connector(fresh_vhost())(), events_exchange("any"))
    publisher._sent = 7
    for tag, multiple in [(2, False), (1, False), (5, True), (4, False), (7, False), (6, False)]:
        publisher._on_ack(tag, multiple)
    assert publisher._confirmed == 7
    assert publisher._early == set()
    publisher.close()


def test_a_room_with_another_idea_of_the_exchange_is_refused_and_said(
    writer: Writer, fresh_vhost: Fresh, _broker: object
) -> None:
    url = fresh_vhost()
    api_url = _broker.api_url  # type: ignore[attr-defined]
    vhost = url.rsplit("/", 1)[1]
    call_broker_api(api_url, "PUT", f"/exchanges/{vhost}/{WRITER}.events", {"type": "fanout", "durable": False})
    relay = Relay(writer.database, WRITER, connector(url))
    numbered(writer, 1)
    with pytest.raises(BROKER_ERRORS, match="PRECONDITION_FAILED"):
        relay.run_once()
    relay.close()
