"""The node's own socket: how the command line speaks to a running node.

A Unix socket in the node's folder, mode 0600: whoever can open it is the operator of this node, and acts as its
administrator unless the request carries another's proof. One JSON line in, one JSON line out:
`{"service", "method", "request", "actor"?}` → `{"result"}` or `{"error": {"type", "message", "details"}}`.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from services.kernel.access import Actor, seal
from services.kernel.errors import MaillageError

if TYPE_CHECKING:  # the command line imports this module, and does without the database
    from services.kernel.runtime import Runtime

OPERATOR = Actor("operator", ("administrator",))
SOCKET = "node.sock"
READY_WITHIN_S = 30
Answer = Callable[[dict[str, Any]], Any]


class ControlServer:
    """Listens on the node's socket; each connection is a thread of its own (green on a running node)."""

    def __init__(
        self, given: Runtime, extra: dict[str, Answer] | None = None, ready: threading.Event | None = None
    ) -> None:
        """`extra`: methods of the node itself (service `node`), such as `rebuild` and `status`.

        `ready` is set when the rooms answer; who asks before that waits for them.
        """
        self._given = given
        self._ready = ready
        self._extra = extra or {}
        self._path = given.folder / SOCKET
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._commands: list[threading.Thread] = []

    def start(self) -> None:
        """Bind and accept. A socket left by a killed node is replaced: the folder's lock is already held."""
        self._path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            self._socket.bind(str(self._path))
        finally:
            os.umask(previous)
        self._socket.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Close, and take the socket away."""
        self._path.unlink(missing_ok=True)
        self._socket.close()

    def wait(self) -> None:
        """Wait, after `stop`, for the commands that are still here."""
        for thread in self._commands:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed by `stop`
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._commands = [*(each for each in self._commands if each.is_alive()), thread]
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                answer = orjson.dumps(self._answer(line)) + b"\n"
                try:
                    connection.sendall(answer)
                except OSError:  # the command was killed: what it asked for is done, and nobody waits for the answer
                    return

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = orjson.loads(line)
            if self._ready is not None:
                self._ready.wait(READY_WITHIN_S)
            if asked["service"] == "node":
                return {"result": self._extra[asked["method"]](asked["request"])}
            actor = asked.get("actor") or seal(OPERATOR, self._given.identity)
            return {"result": self._given.ask(asked["service"], asked["method"], asked["request"], actor=actor)}
        except MaillageError as error:
            return {"error": {"type": type(error).__name__, "message": error.message, "details": error.details}}
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            return {"error": {"type": "ValidationError", "message": f"demande illisible : {error}", "details": None}}
