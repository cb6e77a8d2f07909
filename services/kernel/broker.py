"""What sender and receiver know of a broker: its exchanges, its errors, and how to leave one that says nothing more."""

from __future__ import annotations

from collections.abc import Callable

from amqp.exceptions import AMQPError
from kombu.connection import Connection
from kombu.entity import Exchange
from kombu.exceptions import KombuError

BROKER_ERRORS = (AMQPError, KombuError, OSError)
"""What a broker that is away, refuses or is slow raises; the caller waits and tries again."""
AT_ONCE_S = 0.000_1
"""kombu takes a timeout of 0 for "for ever"."""
ANSWER_WITHIN_S = 5.0
GOODBYE_WITHIN_S = 1.0


def events_exchange(service: str) -> Exchange:
    """nameko's exchange for a service's events, with nameko's flags: others would be refused with 406."""
    return Exchange(f"{service}.events", type="topic", durable=True, auto_delete=False)


def in_vhost(connect: Callable[[], Connection], name: str) -> Callable[[], Connection]:
    """Connections as those of `connect`, to another virtual host of the same broker."""
    return lambda: connect().clone(virtual_host=name)


def dial(connect: Callable[[], Connection]) -> Connection:
    """A connection that is made, and whose every question is answered within 5 s or fails. Raises `BROKER_ERRORS`.

    Each address is tried once: kombu's `connect` sleeps two seconds and tries again, and who calls this waits by
    itself. amqp waits for ever for the answer of a broker that is frozen.
    """
    connection = connect()
    connection.ensure_connection(max_retries=max(len(connection.alt) - 1, 0))
    _expect_answers_within(connection, ANSWER_WITHIN_S)
    return connection


def hang_up(connection: Connection) -> None:
    """Close a connection, whatever state it is in; the broker's goodbye is waited for a second and no more."""
    if connection.connected:
        _expect_answers_within(connection, GOODBYE_WITHIN_S)
    try:
        connection.close()
    except BROKER_ERRORS:
        connection.collect()


def _expect_answers_within(connection: Connection, seconds: float) -> None:
    """amqp reads with the socket's own timeout where it is given none; the in-process broker has no socket."""
    transport = getattr(connection.connection, "transport", None)
    if transport is not None:
        transport.sock.settimeout(seconds)
