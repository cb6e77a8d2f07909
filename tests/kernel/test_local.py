"""The broker of an embedded node: woken at once, at rest when there is nothing, and nothing unsettled is forgotten."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.message import Message

from services.kernel import local


@pytest.fixture
def queue() -> Queue:
    """A queue of this test alone; the process's connections share one broker."""
    name = uuid4().hex
    return Queue(name, Exchange(name, type="topic"), routing_key="#")


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A connection to the broker of this process."""
    with Connection(local.URL) as opened:
        yield opened


def publish(queue: Queue, *bodies: str) -> None:
    """From a connection of its own, as another room would."""
    with Connection(local.URL) as connection:
        producer = connection.Producer(exchange=queue.exchange, routing_key="a.b")
        for body in bodies:
            producer.publish(body, content_type="text/plain", content_encoding="utf-8", declare=[queue])


def bodies(messages: list[Message]) -> list[str]:
    """As text."""
    return [bytes(message.body).decode() for message in messages]


def consume(connection: Connection, queue: Queue, prefetch: int = 0) -> list[Message]:
    """Begin to consume; messages are appended to the list that comes back."""
    arrived: list[Message] = []
    channel = connection.channel()
    channel.basic_qos(0, prefetch, False)
    connection.Consumer([queue(channel)], on_message=arrived.append, no_ack=False, channel=channel).consume()
    return arrived


def drain(connection: Connection, timeout_s: float = 0.05) -> None:
    """Take what is there."""
    try:
        while True:
            connection.drain_events(timeout=timeout_s)
    except TimeoutError:
        return


@pytest.mark.alone
def test_a_drainer_is_woken_by_a_put_and_not_by_a_clock(connection: Connection, queue: Queue) -> None:
    arrived = consume(connection, queue)
    delays_s = []
    for number in range(30):
        at: list[float] = []
        thread = threading.Timer(
            0.01, lambda at=at, number=number: (at.append(time.monotonic()), publish(queue, str(number)))
        )
        thread.start()
        connection.drain_events(timeout=5)
        delays_s.append(time.monotonic() - at[0])
        thread.join()
    assert bodies(arrived) == [str(number) for number in range(30)]
    assert sorted(delays_s)[15] < 0.02


def test_a_drainer_gives_up_after_its_timeout(connection: Connection, queue: Queue) -> None:
    consume(connection, queue)
    at = time.monotonic()
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.2)
    assert 0.2 <= time.monotonic() - at < 1


def test_what_was_not_settled_is_given_back_when_its_reader_closes(connection: Connection, queue: Queue) -> None:
    reader = Connection(local.URL)
    arrived = consume(reader, queue)
    publish(queue, "a", "b", "c")
    drain(reader)
    arrived[0].ack()
    reader.close()
    again = consume(connection, queue)
    drain(connection)
    assert sorted(bodies(again)) == ["b", "c"]
    assert all(message.delivery_info is not None for message in again)


def test_one_acknowledgement_settles_a_batch(connection: Connection, queue: Queue) -> None:
    """kombu's virtual transports settle the last message alone, until the reader is given no more."""
    arrived = consume(connection, queue, prefetch=3)
    for _ in range(4):
        publish(queue, "a", "b", "c")
        drain(connection)
        arrived[-1].ack(multiple=True)
    assert len(arrived) == 12


def test_a_reader_with_its_hands_full_is_woken_when_one_message_is_settled(
    connection: Connection, queue: Queue
) -> None:
    arrived = consume(connection, queue, prefetch=1)
    publish(queue, "a", "b")
    connection.drain_events(timeout=1)
    threading.Timer(0.05, arrived[0].ack).start()
    at = time.monotonic()
    connection.drain_events(timeout=5)
    assert bodies(arrived) == ["a", "b"]
    assert time.monotonic() - at < 1


def test_a_room_that_closes_leaves_the_queues_of_the_others(connection: Connection, queue: Queue) -> None:
    arrived = consume(connection, queue)
    Connection(local.URL).connect()
    with Connection(local.URL) as other:
        other.channel()
    publish(queue, "a")
    drain(connection)
    assert bodies(arrived) == ["a"]


IDLE = """
import os, warnings
warnings.filterwarnings("ignore")
import eventlet
eventlet.monkey_patch()
import resource, time
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from services.kernel import local
def read(name):
    connection = Connection(local.URL)
    connection.Consumer([Queue(name, Exchange(name), routing_key="#")], on_message=print).consume()
    while True:
        try:
            connection.drain_events(timeout=0.5)
        except TimeoutError:
            pass
for number in range(8):
    eventlet.spawn(read, f"q{number}")
eventlet.sleep(0.5)
before = resource.getrusage(resource.RUSAGE_SELF)
eventlet.sleep(3)
after = resource.getrusage(resource.RUSAGE_SELF)
print((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 3)
os._exit(0)
"""


@pytest.mark.alone
def test_eight_idle_readers_cost_next_to_nothing() -> None:
    """kombu's own in-memory transport takes a tenth of a core for the same, at the same latency."""
    told = subprocess.run([sys.executable, "-c", IDLE], capture_output=True, text=True, timeout=60, check=True)
    share_of_a_core = float(told.stdout)
    assert share_of_a_core < 0.02


def test_a_broker_that_closes_lets_no_reader_sleep_out_its_time_and_loses_nothing(
    connection: Connection, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_bell", None)  # the closing is of this test's bell alone
    arrived = consume(connection, queue)
    threading.Timer(0.2, local.close).start()
    began_at = time.monotonic()
    drain(connection, timeout_s=10)
    assert time.monotonic() - began_at < 2
    publish(queue, "last")
    drain(connection, timeout_s=10)
    assert bodies(arrived) == ["last"]
