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
from services.kernel import identity, settings
from tests.servers import free_ports

BIN = Path(sys.executable).parent / "maillage"


@dataclass(frozen=True)
class RunningNode:
    """A node that answers at `url`."""

    folder: Path
    url: str

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
    made = RunningNode(folder, f"http://127.0.0.1:{port}")
    new_node(folder, "essai", "Essai")
    process = subprocess.Popen([BIN, "up", str(made.folder), "--port", str(port)],
                               stdout=subprocess.PIPE, env=os.environ | environment)  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
