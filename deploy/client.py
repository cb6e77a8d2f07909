"""How commands reach a node: its socket while it runs, its broker when rooms run as separate services, and
otherwise a quiet node of their own for as long as the command lasts.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from deploy.children import end_with_parent
from deploy.control import SOCKET
from deploy.folder import HELD
from services.kernel import errors

START_TIMEOUT_S = 30
HELD_PAUSE_S = 0.5


class Client:
    """Asks rooms of one node, one request at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")

    def call(self, service: str, method: str, request: dict[str, Any] | None = None, actor: str | None = None) -> Any:
        """The room's answer. Raises `services.kernel.errors`; `Unavailable` where the node went away."""
        asked = {"service": service, "method": method, "request": request or {}, "actor": actor}
        try:
            self._connection.sendall(orjson.dumps(asked) + b"\n")
            line = self._lines.readline()
        except OSError:
            line = b""
        if not line:
            raise errors.Unavailable("Le nœud s’est arrêté pendant la demande : ce qui était fait l’est, recommencez.")
        answer = orjson.loads(line)
        if "error" in answer:
            error = answer["error"]
            raise getattr(errors, error["type"], errors.MaillageError)(error["message"], error["details"])
        return answer["result"]

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._connection.close()


@contextmanager
def connected(folder: Path) -> Iterator[Client]:
    """A client of the node in `folder`, started quietly for the time of the command where it does not run."""
    if not (folder / "maillage.toml").exists():
        raise errors.NotFound(f"{folder} n’est pas le dossier d’un nœud : maillage init {folder} --id … --name …")
    connection = try_socket(folder)
    process = None
    if connection is None:
        process, connection = _open_quietly(folder)
    client = Client(connection)
    try:
        yield client
    finally:
        client.close()
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait()  # another command may be using it; without anyone it ends at once


def try_socket(folder: Path) -> socket.socket | None:
    """A connection to the socket of a running node, or `None`."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(folder / SOCKET))
    except OSError:
        connection.close()
        return None
    return connection


def _open_quietly(folder: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A node of this command's own. It says its troubles to a file: a pipe could fill, or lose its reader."""
    command = [sys.executable, "-m", "deploy.serve", str(folder), "--quiet"]
    ends_at = time.monotonic() + START_TIMEOUT_S
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, preexec_fn=end_with_parent)
        while time.monotonic() < ends_at:
            connection = try_socket(folder)
            if connection is not None:
                return process, connection
            if process.poll() == HELD:  # by another command, or by a node that is starting: it will be there soon
                time.sleep(HELD_PAUSE_S)
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, preexec_fn=end_with_parent)
            elif process.poll() is not None:
                said.seek(0)
                last = said.read().decode(errors="replace").strip().splitlines()[-1:] or ["?"]
                raise errors.Unavailable(f"Le nœud n’a pas pu être ouvert : {last[0]}")
            time.sleep(0.05)
    process.kill()
    raise errors.Unavailable(f"Le nœud n’a pas répondu en {START_TIMEOUT_S} s.")
