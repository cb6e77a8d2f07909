"""A whole node that runs, for tests that meet it as people and programs do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.client import connected
from deploy.processes import free_ports
from services.kernel import identity, settings

BIN = Path(sys.executable).parent / "maillage"


@dataclass
class RunningNode:
    """A node that answers at `url`, in a process of its own. `environment` names settings.

    `program` is what runs it, before the folder and `--port`; it says a line once the node answers.
    """

    folder: Path
    url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    program: tuple[str | Path, ...] = (BIN, "up")

    def start(self) -> None:
        """Run it, and wait until it answers."""
        port = self.url.rpartition(":")[2]
        self.process = subprocess.Popen([*self.program, str(self.folder), "--port", port],
                                        stdout=subprocess.PIPE, env=os.environ | self.environment)  # fmt: skip
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End its process, by its number."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.communicate(timeout=20)
            self.process = None

    def ask(self, room: str, door: str, **asked: Any) -> Any:
        """A door of the node, as its operator."""
        with connected(self.folder) as client:
            return client.call(room, door, asked)


def new_node(folder: Path, id: str, name: str) -> None:
    """What `maillage init` writes."""
    settings.write(folder, settings.Node(id=id, name=name))
    identity.create(folder)


@contextmanager
def running_node(folder: Path, **environment: str) -> Iterator[RunningNode]:
    """An empty embedded node in a new folder; it is stopped in the end. `environment` names settings."""
    [port] = free_ports(1)
    made = RunningNode(folder, f"http://127.0.0.1:{port}", {"MAILLAGE_FEDERATION_ASK_EVERY_S": "1"} | environment)
    new_node(folder, "essai", "Essai")
    made.start()
    try:
        yield made
    finally:
        made.stop()
