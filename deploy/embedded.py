"""A whole node in one process: rooms, projector, gateway and the socket of the command line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import eventlet
import eventlet.wsgi
import structlog

from deploy.control import ControlServer
from deploy.folder import cannot_listen
from deploy.node import ROOMS, containers, stop
from services.kernel import local
from services.kernel.giving import answering
from services.kernel.runtime import Runtime
from services.kernel.settings import erased_mark
from services.kernel.wakeup import follow

POLL_S = 5.0
"""How often the projector looks without being woken: messages of the embedded broker do not get lost."""
_log = structlog.get_logger(__name__)


class Embedded:
    """Started and stopped as one. Raises `OSError` where the port is taken."""

    def __init__(self, given: Runtime, port: int | None = None, with_gateway: bool = True) -> None:
        self._given = given
        self._port = port or given.settings.http.port
        self.rooms = containers(given, list(ROOMS))
        self._stop = threading.Event()
        self._control = ControlServer(given, {"status": self._status, "rebuild": self._rebuild})
        self._listener = self._listen() if with_gateway else None
        self._projector: Any = None
        self._threads: list[Any] = []

    def start(self) -> None:
        """Rooms first, then what reads them, then the doors to the outside."""
        for room in self.rooms:
            room.start()
        if self._listener is not None:
            self._start_gateway()
        self._control.start()

    def stop(self) -> None:
        """No new work, running work ended."""
        self._stop.set()
        local.close()
        self._control.stop()
        if self._listener is not None:
            self._listener.close()
        if self._projector is not None:
            self._projector.wake()
            for thread in self._threads:
                thread.join(5)
            self._projector.close()
        stop(self._given, self.rooms)

    def leave(self) -> None:
        """End once the command that this node was opened for, and those that came by meanwhile, have their answers."""
        self._control.stop()
        self._control.wait()

    def _listen(self) -> Any:
        try:
            return eventlet.listen((self._given.settings.http.host, self._port), reuse_port=False)
        except OSError as error:
            raise cannot_listen(self._given.settings.http.host, self._port, error) from None

    def _start_gateway(self) -> None:
        from deploy.bulk import Keeper
        from gateway.app import create_app
        from gateway.bulk.shelf import Shelf
        from gateway.projection import FEED, Projector
        from gateway.search import Reader

        index = self._given.folder / "index"
        self._projector = Projector(
            index, self._fetch, poll_s=POLL_S, execute=self._given.executor, erased=erased_mark(self._given.folder)
        )
        self._spawn(self._projector.run, self._stop)
        self._spawn(follow, self._given.connect, FEED, self._projector.wake, self._stop)
        bulk = self._given.settings.bulk
        if bulk.enabled:
            self._spawn(Keeper(self._given.folder, bulk).run, self._stop)
        app = create_app(self._given.settings, Reader(index), self._given.ask, shelf=Shelf.of(self._given.folder))
        eventlet.spawn(eventlet.wsgi.server, self._listener, people_first(app), log_output=False, socket_timeout=60)

    def _spawn(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _fetch(self, after: int, limit: int) -> dict[str, Any]:
        page: dict[str, Any] = self._given.ask("directory", "changes", {"after": after, "limit": limit})
        return page

    def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        rooms = {name: self._given.ask(name, "status", {}) for name in ROOMS}
        return {"node": self._given.identity.name, "rooms": rooms}

    def _rebuild(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._projector is not None:
            return {"records": self._projector.rebuild()}
        from gateway.projection import Projector

        projector = Projector(self._given.folder / "index", self._fetch)
        try:
            return {"records": projector.rebuild()}
        finally:
            projector.close()


def people_first(app: Any) -> Any:
    """The application, what people read there before what goes on behind it.

    Other nodes' questions are held open, and what is written waits for what is being written: both take their turn.
    """

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or environ["PATH_INFO"].startswith("/federation/"):
            return app(environ, start_response)
        with answering():
            return app(environ, start_response)

    return answer
