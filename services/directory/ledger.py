"""A file outside the database that remembers by digest who objected, so that a database that is put back knows again.

It lies beside the witness (`services/kernel/witness.py`), which a restore leaves alone too. What it says of anybody is
the digest that the database has: only this node can tell whether a value is one of those.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

FILE = "witness/directory.objected"


@dataclass(frozen=True)
class Entry:
    """One objection, as the database has it."""

    digest: str
    id: str
    field: str
    at: str
    by: str


class Ledger:
    """The objections of a node's folder, one to a line; only added to."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def entries(self) -> list[Entry]:
        """All of them, oldest first; a line that a power cut left unfinished is passed over."""
        if not self._path.exists():
            return []
        return [entry for line in self._path.read_bytes().splitlines() if (entry := _read(line)) is not None]

    def add(self, entries: Iterable[Entry]) -> None:
        """Remember these, through a power cut. Raises `OSError` (disk full): nothing may then be forgotten."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            known = {entry.digest for entry in self.entries()}
            lines = [orjson.dumps(asdict(each)) for each in entries if each.digest not in known]
            file.write(b"".join(b"\n" + line for line in lines))
            file.flush()
            os.fsync(file.fileno())


def _read(line: bytes) -> Entry | None:
    try:
        return Entry(**orjson.loads(line))
    except (ValueError, TypeError):
        return None
