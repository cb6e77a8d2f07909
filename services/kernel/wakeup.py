"""Be woken by a service's events without following them: an exclusive queue that vanishes with its reader.

For what pulls a feed by a cursor of its own (the projector): a message says "look now" and nothing else, so that a
lost one costs at most the next poll.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from kombu.connection import Connection
from kombu.entity import Queue

from services.kernel.broker import BROKER_ERRORS, dial, events_exchange, hang_up

WAITING_AT_MOST = 16
"""Messages kept for a reader that is busy: one would do, the rest says the same."""


def follow(connect: Callable[[], Connection], service: str, wake: Callable[[], None], stop: threading.Event) -> None:
    """Call `wake` at every event of `service` until `stop` is set; reconnects by itself."""
    while not stop.is_set():
        try:
            connection = dial(connect)
            try:
                _listen(connection, service, wake, stop)
            finally:
                hang_up(connection)
        except BROKER_ERRORS:
            stop.wait(1.0)


def _listen(connection: Connection, service: str, wake: Callable[[], None], stop: threading.Event) -> None:
    queue = Queue(
        "", exchange=events_exchange(service), routing_key="#", exclusive=True, auto_delete=True, durable=False,
        queue_arguments={"x-max-length": WAITING_AT_MOST},
    )  # fmt: skip
    connection.Consumer([queue(connection.channel())], on_message=lambda _: wake(), no_ack=True).consume()
    wake()
    while not stop.is_set():
        try:
            connection.drain_events(timeout=1.0)
        except TimeoutError:
            connection.heartbeat_check()
