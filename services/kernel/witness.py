"""A file outside the database that remembers how far each own stream went.

A database copied back to an older state would hand out numbers that others have already seen under other events. The
witness, fsynced after every numbered batch and before anything of it is published, is how a node notices: it then
opens a new epoch (`sequencer.py`) instead of telling two histories.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import NamedTuple

import orjson


class Mark(NamedTuple):
    """The last event of one stream: its epoch, number and header hash."""

    epoch: int
    seq: int
    hash: str


class Witness:
    """The marks of one room's streams, in one small file replaced as a whole.

    Several processes of one room may share it: a lock beside it makes their turns, and a mark never goes back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marks = self._load()

    def mark(self, reach: str) -> Mark | None:
        """The furthest event of this stream ever numbered here."""
        return self._marks.get(reach)

    def reaches(self) -> set[str]:
        """The streams that ever had an event."""
        return set(self._marks)

    def record(self, marks: dict[str, Mark]) -> None:
        """Remember, through a power cut. Raises `OSError` (disk full): nothing may then be published."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            known = self._load()
            merged = known | {reach: max(mark, known.get(reach, mark)) for reach, mark in marks.items()}
            self._replace(merged)
        self._marks = merged

    def _replace(self, marks: dict[str, Mark]) -> None:
        partial = self._path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(orjson.dumps({reach: list(mark) for reach, mark in marks.items()}))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._path)

    def _load(self) -> dict[str, Mark]:
        if not self._path.exists():
            return {}
        return {reach: Mark(*mark) for reach, mark in orjson.loads(self._path.read_bytes()).items()}
