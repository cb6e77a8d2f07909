"""One connection to the broker that can ask one question at a time, in nameko's RPC wire.

The wire, as nameko 2.14 speaks it: a JSON body `{"args": [], "kwargs": {}}` goes to the topic exchange `nameko-rpc`
with the routing key `service.method`, a `reply_to` (the routing key of a queue of the asker on the same exchange) and a
`correlation_id`; headers `nameko.…` carry the context. The answer is `{"result": …, "error": …}`.

Works over any kombu transport. Nothing here imports eventlet or nameko.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any
from uuid import uuid4

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import KombuError
from kombu.messaging import Consumer, Producer

EXCHANGE = Exchange("nameko-rpc", type="topic", durable=True)
REPLY_QUEUE_EXPIRES_MS = 300_000


class Absent(Exception):
    """No service listens under this name: the broker gave the question back, nobody has seen it."""


class NotSent(Exception):
    """The question did not leave: nobody has seen it, it may be asked again."""


class Lost(Exception):
    """The connection broke after the question left: somebody may have done what it asks."""


class Late(Exception):
    """No answer in time: somebody may have done, or may yet do, what it asks."""


LOOK_EVERY_S = 0.5
"""How often who waits for an answer looks whether it is still wanted."""


class Link:
    """A connection, its channel and its reply queue; for one thread at a time.

    Args:
        connection: not yet connected; the link owns and closes it.
        connect_within_s: seconds to reach the broker. Raises `NotSent` when that fails.
    """

    def __init__(self, connection: Connection, connect_within_s: float) -> None:
        self._connection = connection
        self._errors = _what_breaks(connection)
        self._answer: dict[str, Any] | None = None
        self._asked = ""
        self._came_back = False
        self.beat_every_s: float = 0.0
        """Seconds between two heartbeats that this connection needs; 0 where its transport has none."""
        self.used_at = monotonic()
        connection.connect_timeout = connect_within_s  # type: ignore[assignment]  # kombu says int, and waits a float
        try:
            self._open()
        except self._errors as exc:
            self.close()
            raise NotSent(str(exc)) from exc

    def _open(self) -> None:
        # one try at each host of the URL and no pause between them: patience is the caller's, who knows the deadline
        hosts = max(len(self._connection.alt), 1)
        self._connection.ensure_connection(max_retries=hosts - 1, interval_start=0, interval_step=0, interval_max=0)
        if self._connection.supports_heartbeats:
            self.beat_every_s = float(self._connection.heartbeat or 0) / 2
        channel = self._connection.channel()
        self._reply_to = str(uuid4())
        replies = Queue(
            f"rpc.reply-gateway-{self._reply_to}", exchange=EXCHANGE, routing_key=self._reply_to,
            durable=False, exclusive=True, auto_delete=True, queue_arguments={"x-expires": REPLY_QUEUE_EXPIRES_MS},
        )  # fmt: skip
        self._producer = Producer(channel, EXCHANGE, serializer="json", on_return=self._on_return)
        self._consumer = Consumer(channel, [replies], callbacks=[self._on_reply], no_ack=True, accept=["json"])
        self._consumer.consume()

    def ask(
        self, routing_key: str, request: dict[str, Any], headers: dict[str, Any], deadline: float,
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:  # fmt: skip
        """Ask `service.method` with one argument and wait for `{"result", "error"}`.

        `deadline` is on the monotonic clock, in seconds; who asks may give up before, as `Late`.
        Raises `NotSent`, `Absent`, `Lost` or `Late`.
        """
        self._asked, self._answer, self._came_back = str(uuid4()), None, False
        try:
            self._publish(routing_key, request, headers, deadline)
        except self._errors as exc:
            raise NotSent(str(exc)) from exc
        try:
            return self._wait(routing_key, deadline, is_given_up)
        except self._errors as exc:
            raise Lost(str(exc)) from exc
        finally:
            self._asked = ""
            self.used_at = monotonic()

    def _publish(self, routing_key: str, request: dict[str, Any], headers: dict[str, Any], deadline: float) -> None:
        # a question that waits in a queue longer than its asker must not be carried out by surprise: it expires
        self._producer.publish(
            {"args": [request], "kwargs": {}}, routing_key=routing_key, headers=headers, mandatory=True, retry=False,
            reply_to=self._reply_to, correlation_id=self._asked, expiration=max(deadline - monotonic(), 0.001),
        )  # fmt: skip

    def _wait(self, routing_key: str, deadline: float, is_given_up: Callable[[], bool]) -> dict[str, Any]:
        while self._answer is None:
            if self._came_back:
                raise Absent(routing_key)
            left = deadline - monotonic()
            if left <= 0 or is_given_up():
                raise Late(routing_key)
            self._drain(min(left, self.beat_every_s or left, LOOK_EVERY_S))
        return self._answer

    def _drain(self, timeout_s: float) -> None:
        """Take what the broker sends for at most `timeout_s`, and keep the heart beating."""
        with suppress(TimeoutError):  # which socket.timeout is
            self._connection.drain_events(timeout=timeout_s)
        if self.beat_every_s:
            self._connection.heartbeat_check()

    def is_alive(self) -> bool:
        """Read what waits on an idle connection and beat once; false when the broker has gone."""
        try:
            self._drain(0.001)
        except self._errors:
            return False
        return bool(self._connection.connected)

    def close(self) -> None:
        """Close the connection; the broker drops the reply queue. Never raises: the broker may be gone already."""
        try:
            self._connection.release()
        except self._errors:
            self._connection.collect()

    def _on_reply(self, body: Any, message: Any) -> None:
        # an answer to an earlier question, given up on, is dropped here
        if self._asked and message.properties.get("correlation_id") == self._asked:
            self._answer = body

    def _on_return(self, *_: Any) -> None:
        self._came_back = True


def _what_breaks(connection: Connection) -> tuple[type[BaseException], ...]:
    """Errors of a lost connection. py-amqp also raises AttributeError when its transport has vanished under it."""
    own = (KombuError,)  # what kombu makes of them on the way, when it retries
    found: tuple[type[BaseException], ...] = (*connection.connection_errors, *connection.channel_errors, *own)
    return (*found, socket.error, AttributeError)
