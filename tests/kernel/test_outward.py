"""Publishing for other nodes: beside the local relay, by its own cursor; what is refused is counted and passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import orjson
import pytest
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

from services.kernel import outward
from services.kernel.broker import BROKER_ERRORS
from services.kernel.outward import EXCHANGE, READERS_AT_MOST, Outward
from services.kernel.relay import Relay
from tests.conftest import Backend
from tests.kernel.nodes import WRITER, Writer


class Hears:
    """A peer's queue."""

    def __init__(self, url: str, name: str, **arguments: Any) -> None:
        self._connection = Connection(url)
        exchange = Exchange(EXCHANGE, type="topic", durable=True)
        self._queue = Queue(name, exchange, routing_key="#", queue_arguments=arguments or None)(
            self._connection.channel()
        )
        self._queue.declare()

    def sequences(self) -> list[int]:
        """Numbers of what came, taken out."""
        found = []
        while (message := self._queue.get(no_ack=True)) is not None:
            found.append(orjson.loads(message.body)["sequence"])
        return found

    def close(self) -> None:
        """Leave the broker; the queue stays."""
        self._connection.release()


@pytest.fixture
def hears(backend: Backend) -> Iterator[Callable[..., Hears]]:
    """Makes queues of peers, by name and arguments."""
    with ExitStack() as opened:
        yield lambda name, **arguments: opened.enter_context(closing(Hears(backend.broker_url, name, **arguments)))


@pytest.fixture
def connect(backend: Backend) -> Callable[[], Connection]:
    """Connections to the broker."""
    return partial(Connection, backend.broker_url)


@pytest.fixture
def lane(writer: Writer, connect: Callable[[], Connection]) -> Iterator[Outward]:
    """The relay for others, opened after three events."""
    opened = Outward(writer.database, connect)
    write(writer, 3)
    assert opened.run_for(1) == 0, "of what was before it was opened nothing is sent"
    yield opened
    opened.close()


def write(writer: Writer, count: int) -> None:
    """So many events, numbered."""
    writer.write(*(f"s{number}" for number in range(count)))
    writer.number()


def test_what_is_new_is_sent_in_order_by_a_cursor_of_its_own(
    writer: Writer, lane: Outward, backend: Backend, hears: Callable[..., Hears]
) -> None:
    peer = hears("peer")
    write(writer, 5)
    assert (lane.run_for(1), lane.run_for(1)) == (5, 0)
    assert peer.sequences() == [4, 5, 6, 7, 8]
    assert lane.sent == 5
    local = Relay(writer.database, WRITER, partial(Connection, backend.broker_url))
    assert local.run_once() == 8, "the local one stands where it stood"
    local.close()


def test_what_was_offered_is_sent_without_reading_the_log(
    writer: Writer, lane: Outward, hears: Callable[..., Hears]
) -> None:
    peer = hears("peer")
    for _ in range(3):
        write(writer, 2)
        lane.offer(writer.sequencer.numbered)
        assert lane.run_for(1) == 2
    assert peer.sequences() == [4, 5, 6, 7, 8, 9]


def test_above_what_a_lane_is_good_for_only_the_last_checkpoint_goes_out(
    writer: Writer, lane: Outward, hears: Callable[..., Hears], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = hears("peer")
    monkeypatch.setattr(outward, "WAITING_AT_MOST", 10)
    write(writer, 12)
    writer.sequencer.checkpoint_now = True
    writer.number()
    write(writer, 1)
    assert lane.run_for(1) == 0
    [checkpoint] = peer.sequences()
    assert checkpoint == 16
    assert lane.passed_over == 14
    write(writer, 2)
    assert lane.run_for(1) == 2
    assert peer.sequences() == [18, 19], "and then it goes on"
    write(writer, 2)
    assert lane.run_for(READERS_AT_MOST + 1) == 0
    assert peer.sequences() == [], "for too many peers no single event"


def test_a_queue_that_refuses_is_counted_and_delays_nobody(
    writer: Writer, lane: Outward, backend: Backend, hears: Callable[..., Hears]
) -> None:
    if backend.name == "embedded":
        pytest.skip("the broker in the process refuses nothing, and has no lane")
    hears("hostile", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    peer = hears("peer")
    write(writer, 10)
    assert lane.run_for(2) == 10
    assert peer.sequences() == list(range(4, 14))
    assert lane.refused >= 8
    lane.close()
    assert lane.refused >= 8, "and stays counted"


def test_a_broker_that_is_away_keeps_the_place(writer: Writer, lane: Outward, hears: Callable[..., Hears]) -> None:
    peer = hears("peer")
    write(writer, 2)
    there, lane._connect = lane._connect, lambda: Connection("amqp://127.0.0.1:1//", connect_timeout=1)
    with pytest.raises(BROKER_ERRORS):
        lane.run_for(1)
    lane._connect = there
    assert lane.run_for(1) == 2
    assert peer.sequences() == [4, 5]
