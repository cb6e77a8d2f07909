"""The composition of one node: which rooms run in this process, and what they are given. The only wiring there is.

Embedded: all rooms, the gateway and the projector are green threads of one process, the broker is in it, commits run
in an executor. Node: one process per room (`maillage run`), RabbitMQ and PostgreSQL beside them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kombu.connection import Connection
from nameko.containers import ServiceContainer

from gateway.rpc import RpcClient, connector
from services.accounts.service import AccountsService
from services.directory.formats import territory
from services.directory.formats.territory_points import load_points
from services.directory.service import DirectoryService
from services.kernel import identity, local, wire  # noqa: F401 (wire: JSON on the broker)
from services.kernel.database import Executor, inline
from services.kernel.runtime import RUNTIME, Runtime
from services.kernel.settings import Settings, load

ROOMS: dict[str, type[Any]] = {room.name: room for room in (DirectoryService, AccountsService)}
HEARTBEAT_S = 10
POINTS = "points.csv"
"""In the node's folder: a better table of points, loaded by `maillage territory points`."""
MAX_WORKERS = 20


class Busy(Exception):
    """Another process holds the node's folder."""


def runtime(folder: Path, settings: Settings | None = None, executor: Executor = inline) -> Runtime:
    """What the rooms of the node in `folder` are given. Raises `FileNotFoundError`, `ValidationError`."""
    settings = settings or load(folder)
    use_points(folder)
    url = settings.broker.url or local.URL
    calls = RpcClient(connector(url))
    return Runtime(
        folder=folder,
        settings=settings,
        identity=identity.load(folder),
        executor=executor,
        connect=partial(_connect, url),
        ask=calls.call,
    )


def use_points(folder: Path) -> None:
    """Take the operator's own points of communes, where there are any. Raises `ValidationError`."""
    path = folder / POINTS
    if path.exists():
        territory.use_points(load_points(path))


def _connect(url: str) -> Connection:
    options = {"write_timeout": HEARTBEAT_S, "read_timeout": None} if url.startswith(("amqp", "pyamqp")) else {}
    return Connection(url, heartbeat=HEARTBEAT_S, connect_timeout=5, transport_options=options)


def containers(given: Runtime, names: Sequence[str]) -> list[ServiceContainer]:
    """nameko containers of these rooms, not yet started."""
    config = {
        "AMQP_URI": given.settings.broker.url or local.URL,
        "HEARTBEAT": HEARTBEAT_S,
        "max_workers": MAX_WORKERS,
        RUNTIME: given,
    }
    return [ServiceContainer(ROOMS[name], config) for name in names]


class FolderLock:
    """Held by the process that runs a node; the kernel lets go of it when that process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "node.lock"
        self._file: Any = None

    def __enter__(self) -> FolderLock:
        self._file = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "?"
            self._file.close()
            raise Busy(f"Ce nœud tourne déjà (processus {holder}).") from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def prepare_folder(folder: Path) -> None:
    """The node's folders; secrets are the owner's alone."""
    for name in ("data", "index", "witness"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
