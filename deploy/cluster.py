"""A whole node with a broker, in the foreground: one process per room, a projector, the gateway, and this one.

This process only starts the others, starts them again when they die (with growing delay), stops them together, and
holds the command line's socket. Under systemd each of them is a unit of its own instead (`maillage run`).
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import structlog

from deploy.children import end_with_parent
from deploy.control import ControlServer
from deploy.folder import Busy, FolderLock, must_be_free, prepare_folder
from deploy.logs import configure
from deploy.node import ROOMS, runtime
from deploy.words import say
from services.kernel.errors import MaillageError, Unavailable
from services.kernel.runtime import Runtime
from services.kernel.settings import Settings, load

STOP_WITHIN_S = 10
ANSWERED_WITHIN_S = 2
STEADY_S = 30
LATE_S = 10
_log = structlog.get_logger(__name__)


class Child:
    """One process of the node, kept running."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        self._command = [sys.executable, "-m", *arguments]
        self._delay_s = 0.5
        self._started_at = 0.0
        self._again_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False

    def keep(self) -> None:
        """Start it where it does not run and its delay is over."""
        if self._paused:
            return
        if self._process is not None and self._process.poll() is not None:
            steady = time.monotonic() - self._started_at > STEADY_S
            self._delay_s = 0.5 if steady else min(self._delay_s * 2, 30)
            self._again_at = time.monotonic() + self._delay_s
            _log.warning("process ended, starting again", name=self.name, code=self._process.returncode)
            self._process = None
        if self._process is None and time.monotonic() >= self._again_at:
            self._started_at = time.monotonic()
            self._process = subprocess.Popen(self._command, process_group=0, preexec_fn=end_with_parent)

    def tell(self) -> None:
        """Ask it to stop."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def instead(self, *arguments: str) -> str:
        """Stop it, run its command once with more arguments, let it be started again; what that run printed.

        Raises `Unavailable` where the run failed.
        """
        self._paused = True
        try:
            self.tell()
            self.wait(STOP_WITHIN_S)
            done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        finally:
            self._process, self._paused = None, False
        if done.returncode:
            raise Unavailable(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "Sans explication.")
        return done.stdout

    def wait(self, within_s: float) -> None:
        """Wait for its end; kill it where it takes longer."""
        if self._process is None:
            return
        try:
            self._process.wait(max(within_s, 0.1))
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # a web server's workers do not end with it
            self._process.wait()


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. 0 after a clean stop, 1 with one sentence where it cannot run."""
    parser = argparse.ArgumentParser(prog="maillage")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--say-address", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.port:
        os.environ["MAILLAGE_HTTP_PORT"] = str(asked.port)  # for the children too: where people reach this node
    try:
        settings = load(asked.folder)
        address = f"http://{settings.http.host}:{asked.port or settings.http.port}"
        with FolderLock(asked.folder, address):
            return _run(asked, settings, address)
    except (Busy, MaillageError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(asked: argparse.Namespace, settings: Settings, address: str) -> int:
    configure(settings.log)
    prepare_folder(asked.folder)
    port = asked.port or settings.http.port
    must_be_free(settings.http.host, port)
    children = [Child(room, "deploy.serve", str(asked.folder), "--only", room) for room in ROOMS]
    projector = Child("projector", "deploy.projector", str(asked.folder))
    gateway = Child("gateway", "deploy.web", str(asked.folder), str(port))
    children += [projector, gateway]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    given, ready = runtime(asked.folder, settings), threading.Event()
    own = {"status": lambda _: _status(given), "rebuild": lambda _: {"records": int(projector.instead("--rebuild"))}}
    control = ControlServer(given, own, ready)
    control.start()

    def tell_when_ready() -> None:
        late_at = time.monotonic() + LATE_S
        while not stop.is_set() and not _answers(given, settings.http.host, port):
            if time.monotonic() > late_at:
                late_at = float("inf")
                doctor = f"maillage doctor {asked.folder}"
                say(
                    f"Pas encore prêt, j’essaie toujours. Pourquoi : {doctor}",
                    f"Not ready yet, still trying. Why: {doctor}",
                )
            stop.wait(0.2)
        ready.set()
        if asked.say_address and not stop.is_set():
            say(f"Prêt : {address} (Ctrl-C pour arrêter)", f"Ready: {address} (Ctrl-C to stop)")

    threading.Thread(target=tell_when_ready, daemon=True).start()
    while not stop.wait(0.25):
        for child in children:
            child.keep()
    control.stop()
    _stop(gateway, children[:-1])
    return 0


def _answers(given: Runtime, host: str, port: int) -> bool:
    """Whether every room answers, and the gateway takes connections."""
    try:
        for room in ROOMS:
            given.ask(room, "status", {})
        socket.create_connection((host, port), 1).close()
    except (MaillageError, OSError):
        return False
    return True


def _stop(gateway: Child, others: list[Child]) -> None:
    """The gateway first: it holds questions of other nodes open, and would keep the rooms at work."""
    for children, within_s in (([gateway], ANSWERED_WITHIN_S), (others, STOP_WITHIN_S)):
        ends_at = time.monotonic() + within_s
        for child in children:
            child.tell()
        for child in children:
            child.wait(ends_at - time.monotonic())


def _status(given: Any) -> dict[str, Any]:
    return {"node": given.identity.name, "rooms": {name: given.ask(name, "status", {}) for name in ROOMS}}


if __name__ == "__main__":
    sys.exit(main())
