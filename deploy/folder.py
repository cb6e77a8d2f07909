"""A node's folder: who holds it, what lies in it. Nothing here needs the messaging framework."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from services.directory.formats import territory
from services.directory.formats.territory_points import load_points

POINTS = "points.csv"
"""In the node's folder: a better table of points, loaded by `maillage territory points`."""


class Busy(Exception):
    """Another process holds the node's folder."""


def use_points(folder: Path) -> None:
    """Take the operator's own points of communes, where there are any. Raises `ValidationError`."""
    path = folder / POINTS
    if path.exists():
        territory.use_points(load_points(path))


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
