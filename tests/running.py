"""A whole node that runs, for tests that meet it as people and programs do."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from deploy.client import connected
from deploy.folder import ROOMS, prepare_folder
from deploy.processes import free_ports
from services.kernel import identity, settings
from tests.templates import migrated_file

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
    """What `maillage init` writes, and databases of this release: migrating them takes 0.35 s of a processor.

    A node that is given a PostgreSQL never opens these, and one that has them is no fresh one: what tests the first
    start asks for it by `maillage init`.
    """
    settings.write(folder, settings.Node(id=id, name=name))
    identity.create(folder)
    prepare_folder(folder)
    for room in ROOMS:
        migrated_file(_kept(), room, folder / "data" / f"{room}.sqlite3")


@cache
def _kept() -> Path:
    kept = tempfile.TemporaryDirectory(prefix="maillage-migrated-")
    atexit.register(kept.cleanup)
    return Path(kept.name)


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
