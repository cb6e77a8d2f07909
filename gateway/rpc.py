"""Ask a room something: a small client of nameko's RPC wire for threads, with a pool, timeouts and a heartbeat.

Why not nameko's own: its standalone proxy hangs on a broker that went away and does not survive a reconnect, and it
brings eventlet into the web worker. What this one promises: `call` always comes back, within its timeout and a moment,
with the room's result or with one of `services.kernel.errors`. After a broker's restart the next call works.

What it does not promise: that a call which raised `Unanswered` did nothing. Writes therefore carry a request's id,
under which the room remembers what it did; with it the same call may be made again, and here is, once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from kombu.connection import Connection

from gateway.rpc_errors import Unanswered, raise_error_of
from gateway.rpc_link import Absent, Late, Link, Lost, NotSent
from services.kernel.errors import Unavailable

IDLE_CHECK_AFTER_S = 1.0
RETRY_PAUSE_S = 0.1


def connector(url: str, heartbeat_s: float = 10.0) -> Callable[[], Connection]:
    """A factory of connections to the broker at `url` (any kombu URL), as `RpcClient` takes it."""

    def connect() -> Connection:
        options = {"write_timeout": heartbeat_s} if url.startswith(("amqp", "pyamqp")) else {}
        return Connection(url, heartbeat=heartbeat_s, transport_options=options)

    return connect


class RpcClient:
    """Calls of any thread, each over a connection of its own for as long as it lasts; idle ones are kept.

    Args:
        connect: gives a fresh, unconnected kombu connection; see `connector`.
        timeout_s: how long a call may take, unless it says otherwise.
        connect_within_s: how long to try to reach the broker before the call fails as `Unavailable`.
        size: how many calls may be under way at once; more wait for a place, within their timeout.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        timeout_s: float = 10.0,
        connect_within_s: float = 2.0,
        size: int = 8,
    ) -> None:
        self._connect, self._size = connect, size
        self._timeout_s, self._connect_within_s = timeout_s, connect_within_s
        self._places = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Link] = []
        self._keeper: threading.Thread | None = None
        self._closed = threading.Event()

    def call(
        self, service: str, method: str, request: dict[str, Any], *,
        actor: str | None = None, call_id: str = "gateway", timeout_s: float | None = None, repeatable: bool = False,
    ) -> Any:  # fmt: skip
        """Call `service.method(request)` and return what it returns.

        Args:
            actor: the signed actor that the room verifies (`services.kernel.access`).
            call_id: what the room's logs show as the origin of this call: the id of the HTTP request.
            repeatable: asking twice does no more than asking once, so that a lost connection may be tried again.
        Raises:
            Unavailable: nobody has seen the request: the broker or the room is away.
            Unanswered: the room may have seen it, and no answer came.
            MaillageError: any of `services.kernel.errors` that the room raised.
        """
        deadline = monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        headers: dict[str, Any] = {"nameko.call_id_stack": [call_id]}
        if actor is not None:
            headers["nameko.actor"] = actor
        answer = self._ask(f"{service}.{method}", request, headers, deadline, repeatable)
        if answer.get("error"):
            raise_error_of(f"{service}.{method}", answer["error"])
        return answer.get("result")

    def _ask(
        self, routing_key: str, request: dict[str, Any], headers: dict[str, Any], deadline: float, repeatable: bool
    ) -> dict[str, Any]:
        again = True
        while True:
            try:
                with self._link(deadline) as link:
                    return link.ask(routing_key, request, headers, deadline, self._closed.is_set)
            except Absent:
                raise Unavailable("Le service qui répond à cette demande n’est pas en marche.") from None
            except Late:
                raise Unanswered() from None
            except Lost as exc:
                if not (repeatable and again):
                    raise Unanswered() from exc
            except NotSent as exc:
                if not again:
                    raise Unavailable("Le courtier de messages ne répond pas ; rien n’a été changé.") from exc
            again = False

    @contextmanager
    def _link(self, deadline: float) -> Iterator[Link]:
        """A link for one call. When its connection broke, the idle ones go too: they share its broker."""
        if not self._places.acquire(timeout=max(deadline - monotonic(), 0)):
            raise Unavailable("Trop de demandes en cours ; rien n’a été changé.")
        try:
            link = self._idle_link() or self._new_link(deadline)
            try:
                yield link
            except BaseException as exc:
                link.close()
                if isinstance(exc, Lost | NotSent):
                    self._drop_idle()
                raise
            self._keep(link)
        finally:
            self._places.release()

    def _idle_link(self) -> Link | None:
        while True:
            with self._lock:
                link = self._idle.pop() if self._idle else None
            if link is None or monotonic() - link.used_at < IDLE_CHECK_AFTER_S or link.is_alive():
                return link
            link.close()

    def _new_link(self, deadline: float) -> Link:
        give_up_at = min(deadline, monotonic() + self._connect_within_s)
        while True:
            try:
                return Link(self._connect(), max(give_up_at - monotonic(), 0.05))
            except NotSent:
                if monotonic() + RETRY_PAUSE_S >= give_up_at:
                    raise
                sleep(RETRY_PAUSE_S)

    def _keep(self, link: Link) -> None:
        with self._lock:
            keep = not self._closed.is_set() and len(self._idle) < self._size
            if keep:
                self._idle.append(link)
            if keep and link.beat_every_s and self._keeper is None:
                self._keeper = threading.Thread(target=self._beat, args=(link.beat_every_s,), daemon=True)
                self._keeper.start()
        if not keep:
            link.close()

    def _beat(self, every_s: float) -> None:
        """Keep idle connections alive, or the broker closes them after two heartbeats; drop the dead."""
        while not self._closed.wait(every_s):
            with self._lock:
                waiting, self._idle = self._idle, []
            for link in waiting:
                if link.is_alive():
                    self._keep(link)
                else:
                    link.close()

    def _drop_idle(self) -> None:
        with self._lock:
            dead, self._idle = self._idle, []
        for link in dead:
            link.close()

    def close(self) -> None:
        """Close every idle connection; calls under way end within a second, as `Unanswered`."""
        self._closed.set()
        self._drop_idle()
