"""Be woken without following: an exclusive queue that vanishes with its reader, and a bell for what has no event.

For what pulls by a cursor of its own (the projector, a follower of streams that federation holds): a message says
"look now" and nothing else, so that a lost one costs at most the next poll.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import orjson
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message

from services.kernel.broker import BROKER_ERRORS, dial, events_exchange, hang_up

WAITING_AT_MOST = 16
"""Messages kept for a reader that is busy: one would do, the rest says the same."""


class Bell:
    """Rung by one process, heard by all that follow its name. Never raises: who did not hear looks by the clock."""

    def __init__(self, connect: Callable[[], Connection], name: str) -> None:
        self._connect = connect
        self._exchange = events_exchange(name)
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def ring(self, what: str = "") -> None:
        """Wake who follows; over the connection of the last time, or a new one where that is no more.

        `what`: the stream of which there is more, where it is one and goes on.
        """
        with self._lock:
            for connection in (self._connection, None):
                try:
                    self._connection = connection or dial(self._connect)
                    producer = self._connection.Producer(exchange=self._exchange, routing_key="wake")
                    producer.publish(
                        {"stream": what} if what else {}, serializer="json", declare=[self._exchange], delivery_mode=1
                    )
                except BROKER_ERRORS:
                    self._hang_up()
                else:
                    return

    def close(self) -> None:
        """Drop the connection."""
        with self._lock:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            hang_up(self._connection)
            self._connection = None


def follow(
    connect: Callable[[], Connection], names: Sequence[str], wake: Callable[[], None], stop: threading.Event,
    heard: Callable[[str], None] | None = None,
) -> None:  # fmt: skip
    """Call `wake` at every event of these services, and at every ring of these bells, until `stop` is set.

    `heard` is called instead where a bell says of which stream there is more.
    """

    def told(message: Message) -> None:
        stream = _stream_of(message) if heard is not None else ""
        if stream and heard is not None:
            heard(stream)
        else:
            wake()

    while not stop.is_set():
        try:
            connection = dial(connect)
            try:
                _listen(connection, names, wake, told, stop)
            finally:
                hang_up(connection)
        except BROKER_ERRORS:
            stop.wait(1.0)


def _stream_of(message: Message) -> str:
    try:
        return str(orjson.loads(message.body)["stream"])
    except (ValueError, TypeError, KeyError):
        return ""


def _listen(
    connection: Connection, names: Sequence[str], wake: Callable[[], None], told: Callable[[Message], None],
    stop: threading.Event,
) -> None:  # fmt: skip
    channel = connection.channel()
    queues = [
        Queue("", exchange=events_exchange(name), routing_key="#", exclusive=True, auto_delete=True, durable=False,
              queue_arguments={"x-max-length": WAITING_AT_MOST})(channel)
        for name in names
    ]  # fmt: skip
    for queue in queues:
        queue.declare()  # gives each the name by which the consumer knows it from the others
    consumer = connection.Consumer(queues, channel=channel, auto_declare=False, on_message=told, no_ack=True)
    consumer.consume()
    wake()
    while not stop.is_set():
        try:
            connection.drain_events(timeout=1.0)
        except TimeoutError:
            connection.heartbeat_check()
