"""A node's folder: who holds it, what lies in it. Nothing here needs the messaging framework."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import Any

from deploy.words import in_words
from services.directory.formats import territory
from services.directory.formats.territory_points import load_points
from services.kernel.errors import Unavailable, ValidationError

POINTS = "points.csv"
"""In the node's folder: a better table of points, loaded by `maillage territory points`."""


ROOMS = ("directory", "federation", "accounts")
"""The rooms of a node, for who does without the messaging framework: who follows before who is followed."""
OWNERS = ("data", "index", "witness", "secrets")
"""Folders that nobody else may look into."""
LOCK = "node.lock"
HELD = 75
"""Exit code of a quiet node that found the folder held: whoever asked may try again (`EX_TEMPFAIL`)."""


class Busy(Exception):
    """Another process holds the node's folder."""


def use_points(folder: Path) -> None:
    """Take the operator's own points of communes, where there are any. Raises `ValidationError`."""
    path = folder / POINTS
    if path.exists():
        territory.use_points(load_points(path))


class FolderLock:
    """Held by the process that runs a node; the kernel lets go of it when that process dies, however it dies.

    Args:
        address: where the node answers people, for whoever finds the folder held; empty where it does not.
    """

    def __init__(self, folder: Path, address: str = "") -> None:
        self._path = folder / LOCK
        self._address = address
        self._file: Any = None

    def __enter__(self) -> FolderLock:
        self._file = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            self._file.close()
            raise already_runs(self._path.parent) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()} {self._address}")
        self._file.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def already_runs(folder: Path) -> Busy:
    """Says who holds the node's folder, and where it answers."""
    holder, _, address = (folder / LOCK).read_text("utf-8").strip().partition(" ")
    fr, en = (f" : ouvrez {address}", f": open {address}") if address else ("", "")
    return Busy(in_words(
        f"Ce nœud tourne déjà{fr} (processus {holder} ; Ctrl-C là où il tourne, ou kill {holder}, l’arrête).",
        f"This node runs already{en} (process {holder}; Ctrl-C where it runs, or kill {holder}, stops it).",
    ))  # fmt: skip


def must_be_port(port: int) -> None:
    """Raises `ValidationError` where a port said on the command line cannot be one."""
    if port not in range(1, 65_536):
        raise ValidationError(in_words(
            f"Le port {port} ne convient pas : choisissez-en un de 1 à 65535, 8081 par exemple.",
            f"{port} cannot be a port: choose one from 1 to 65535, such as 8081.",
        ))  # fmt: skip


def cannot_listen(host: str, port: int, error: OSError) -> Unavailable:
    """Why the gateway cannot listen there, with what to do."""
    if error.errno == errno.EADDRINUSE:
        return Unavailable(in_words(
            f"Le port {port} est pris : choisissez-en un autre (PORT=… ou --port …), ou arrêtez ce qui l’occupe.",
            f"Port {port} is taken: choose another (PORT=… or --port …), or stop what holds it.",
        ))  # fmt: skip
    return Unavailable(in_words(
        f"On ne peut pas écouter sur {host}:{port} ({error.strerror}) : corrigez [http] host et port.",
        f"Cannot listen on {host}:{port} ({error.strerror}): mend [http] host and port.",
    ))  # fmt: skip


def must_be_free(host: str, port: int) -> None:
    """Raises `Unavailable` where another program listens there already: web servers would share a port unasked."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise cannot_listen(host, port, error) from None


def prepare_folder(folder: Path) -> None:
    """The node's folders; what they hold is the owner's alone, also where an earlier release made them."""
    for name in OWNERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(0o700)
