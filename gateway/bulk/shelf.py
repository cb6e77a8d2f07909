"""Where bulk files lie: one folder for each time they were made, and which is current.

bulk/bulk.lock            held by whoever makes them
bulk/current              symbolic link to a set, swapped by one rename
bulk/set-000001/          files, and manifest.json, which never change again
bulk/state.json           when they were last found current, and with what read model

A set that was not finished is never linked to: killed in the middle, the last whole one stays. The set before the
current one stays until the next look, for those who are reading it. A set that was begun before somebody was erased
from the node is none: nobody is shown it any more, and it goes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from services.kernel import clock
from services.kernel.errors import Conflict
from services.kernel.settings import erased_mark

MANIFEST = "manifest.json"
BORN = "born"
"""In a set: its time is that of its beginning."""
_SET = "set-"
Manifest = dict[str, Any]


class Shelf:
    """The `bulk/` folder of a node. Reading needs no lock; making needs `lock`.

    Args:
        erased: a file that is touched when something was erased for good.
    """

    def __init__(self, root: Path, erased: Path) -> None:
        self.root = root
        self._erased = erased
        self._read: tuple[Path, Manifest] | None = None

    @classmethod
    def of(cls, node: Path) -> Shelf:
        """The shelf of the node in this folder."""
        return cls(node / "bulk", erased_mark(node))

    @contextlib.contextmanager
    def lock(self, *, wait: bool) -> Iterator[None]:
        """Be the one who makes them. Raises `Conflict` where somebody else does and `wait` is not said."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "bulk.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise Conflict("Ces fichiers sont déjà en train d’être faits.") from None
            yield

    def current(self) -> Path | None:
        """The folder of the current set, if any."""
        with contextlib.suppress(FileNotFoundError):
            return self.root / (self.root / "current").readlink()
        return None

    def manifest(self) -> tuple[Path, Manifest] | None:
        """The folder of the current set and what is in it; None while there is none."""
        current = self.current()
        if current is None or self.is_tainted():
            return None
        if self._read is None or self._read[0] != current:
            try:
                self._read = current, orjson.loads((current / MANIFEST).read_bytes())
            except FileNotFoundError:  # swapped twice since `current` was read
                return self.manifest()
        return self._read

    def is_tainted(self) -> bool:
        """Whether the current set was begun before the last erasure, and may hold what was erased."""
        current = self.current()
        if current is None or not self._erased.exists():
            return False
        born = current / BORN
        return not born.exists() or born.stat().st_mtime_ns <= self._erased.stat().st_mtime_ns

    def drop_all(self) -> None:
        """Remove every set, the current one too, as if none had ever been made."""
        (self.root / "current").unlink(missing_ok=True)
        (self.root / "state.json").unlink(missing_ok=True)
        self.drop_others()

    def begin(self) -> Path:
        """An empty folder for a new set; the others but the current one go."""
        number = max((int(path.name.removeprefix(_SET)) for path in self._sets()), default=0) + 1
        self.drop_others()
        fresh = self.root / f"{_SET}{number:06d}"
        fresh.mkdir()
        (fresh / BORN).touch()
        return fresh

    def drop_others(self) -> None:
        """Remove every set but the current one: what was withdrawn since is in none that stays."""
        current = self.current()
        for path in self._sets():
            if path != current:
                shutil.rmtree(path)

    def finish(self, made: Path, manifest: Manifest) -> None:
        """Write the manifest of a set and make the set current, at once for every reader."""
        (made / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        for path in made.iterdir():
            _sync(path)
        link = self.root / "current.next"
        link.unlink(missing_ok=True)
        link.symlink_to(made.name)
        link.replace(self.root / "current")
        _sync(self.root)

    def checked(self, seen: str, at: datetime) -> None:
        """Note that the current set says what the read model `seen` did at that time."""
        fresh = self.root / "state.json.next"
        fresh.write_bytes(orjson.dumps({"checked_at": clock.to_text(at), "seen": seen}))
        fresh.replace(self.root / "state.json")

    def state(self) -> tuple[datetime, str] | None:
        """When the current set was last found current, and with what read model; None when it never was."""
        with contextlib.suppress(FileNotFoundError):
            state = orjson.loads((self.root / "state.json").read_bytes())
            return clock.from_text(state["checked_at"]), state["seen"]
        return None

    def _sets(self) -> list[Path]:
        return [path for path in self.root.glob(f"{_SET}*") if path.is_dir()]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
