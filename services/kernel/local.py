"""The broker of an embedded node: kombu's in-memory transport, made fit to carry nameko and woken without polling.

kombu's `memory://` leaves `content_type` and `content_encoding` out of a message's properties, where nameko's RPC
reads them, and looks for messages at an interval: at 1 ms it idles at a tenth of a core, at 1 s a call takes 0.4 s.
Here a drainer sleeps on a condition that every put notifies. Nothing is durable: the event log repairs what a restart
forgets, as it does for any broker.

`local://` is registered as a kombu transport by importing this module.
"""

from __future__ import annotations

import threading
from queue import Empty
from time import monotonic
from typing import Any, cast

from kombu.transport import TRANSPORT_ALIASES, memory, virtual
from kombu.utils.scheduling import FairCycle

URL = "local://localhost//"


class _Bell:
    """Rung at each put. A waiter that saw the count before it looked cannot miss a ring."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.Lock())
        self.count = 0
        self.closing = False

    def ring(self) -> None:
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def wait_after(self, seen: int, timeout_s: float | None) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self.count != seen, timeout_s)


CLOSING_WAIT_S = 0.01
"""How long a drainer sleeps once the broker closes: each looks soon whether it is to stop."""
_bell: _Bell | None = None


def _the_bell() -> _Bell:
    """Made at first use: under eventlet its lock must be a green one, made after the patching."""
    global _bell
    if _bell is None:
        _bell = _Bell()
    return _bell


def close() -> None:
    """Let no drainer of this process sleep long any more: the node ends, and each would wait its second in turn."""
    _the_bell().closing = True
    _the_bell().ring()


class QoS(virtual.QoS):
    """Whoever waited because too many messages were in hand is woken when one is settled."""

    def ack(self, delivery_tag: str) -> None:
        """Settle a message."""
        super().ack(delivery_tag)
        _the_bell().ring()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Settle a message by refusing it."""
        super().reject(delivery_tag, requeue)
        _the_bell().ring()


class Channel(memory.Channel):
    """A channel of the in-process broker."""

    QoS = QoS
    do_restore = True

    def prepare_message(
        self,
        body: Any,
        priority: int | None = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
        headers: dict[str, Any] | None = None,
        properties: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """kombu's message, with its content type also where nameko looks for it."""
        properties = {"content_type": content_type, "content_encoding": content_encoding} | (properties or {})
        message: dict[str, Any] = super().prepare_message(
            body, priority, content_type, content_encoding, headers, properties
        )
        return message

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Settle a message; with `multiple` all that were delivered before it too, which kombu leaves out."""
        if multiple:
            for earlier in list(self.qos._delivered):
                if earlier == delivery_tag:
                    break
                self.qos.ack(earlier)
        self.qos.ack(delivery_tag)

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        _the_bell().ring()

    def close(self) -> None:
        """Give unacknowledged messages back; kombu's own `close` would also drop every queue of the process."""
        virtual.Channel.close(self)
        _the_bell().ring()


class Transport(memory.Transport):
    """The in-process broker; all connections of a process share its state."""

    Channel = Channel
    driver_type = "local"
    driver_name = "local"

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Deliver one message, waiting for it at most `timeout` seconds; raises `socket.timeout` without one."""
        bell = _the_bell()
        ends_at = None if timeout is None else monotonic() + timeout
        while True:
            seen = bell.count
            try:
                cast("FairCycle", self.cycle).get(self._deliver, timeout=timeout)
                return
            except Empty:
                left = None if ends_at is None else ends_at - monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError from None
                if bell.closing:
                    bell.wait_after(seen, CLOSING_WAIT_S)
                    raise TimeoutError from None
                bell.wait_after(seen, left)


TRANSPORT_ALIASES["local"] = f"{__name__}:Transport"
