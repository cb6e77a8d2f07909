"""The read model on disk: generations of the index beside each other, and which one is current.

index/projector.lock      held by the one projector
index/current             symbolic link to a generation, swapped by one rename
index/gen-000001/         a tantivy index
index/freshness.json      when the directory last answered the projector
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path

import orjson

from services.kernel import clock
from services.kernel.errors import Conflict

_GENERATION = "gen-"
BORN = "born"
"""In a generation: its time is that of its beginning."""


class Folder:
    """Names and moves within one read model folder. Reading needs no lock; writing needs `lock`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: TextIOWrapper | None = None

    def lock(self) -> None:
        """Become the one writer, until `unlock` or the end of this process. Raises `Conflict` when there is one."""
        self.root.mkdir(parents=True, exist_ok=True)
        file = (self.root / "projector.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "inconnu"
            file.close()
            raise Conflict(f"Une projection écrit déjà dans {self.root} (processus {holder}).") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._lock = file

    def unlock(self) -> None:
        """Let another projector write."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def current(self) -> Path | None:
        """The generation that readers read, if any."""
        with contextlib.suppress(FileNotFoundError):
            return self.root / (self.root / "current").readlink()
        return None

    def new_generation(self) -> Path:
        """An empty folder beside the current one, of the next number."""
        numbers = [int(path.name.removeprefix(_GENERATION)) for path in self._generations()]
        path = self.root / f"{_GENERATION}{max(numbers, default=0) + 1:06d}"
        path.mkdir(parents=True)
        (path / BORN).touch()
        return path

    def is_older(self, mark: Path) -> bool:
        """Whether the current generation was begun before a file was last touched."""
        current = self.current()
        if current is None or not mark.exists():
            return False
        born = current / BORN
        return not born.exists() or born.stat().st_mtime_ns <= mark.stat().st_mtime_ns

    def switch(self, generation: Path) -> None:
        """Make a generation the current one, at once for every reader that opens or looks."""
        link = self.root / "current.next"
        link.unlink(missing_ok=True)
        link.symlink_to(generation.name)
        link.replace(self.root / "current")
        directory = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def drop_others(self) -> None:
        """Remove every generation but the current one; readers that have one open go on reading it."""
        current = self.current()
        for path in self._generations():
            if path != current:
                self.drop(path)

    def drop(self, generation: Path) -> None:
        """Remove a generation that is not current."""
        shutil.rmtree(generation)

    def heard(self, at: datetime) -> None:
        """Note that the directory answered at `at`."""
        fresh = self.root / "freshness.json.next"
        fresh.write_bytes(orjson.dumps({"as_of": clock.to_text(at)}))
        fresh.replace(self.root / "freshness.json")

    def as_of(self) -> datetime | None:
        """When the directory last answered; `None` when it never did."""
        with contextlib.suppress(FileNotFoundError):
            return clock.from_text(orjson.loads((self.root / "freshness.json").read_bytes())["as_of"])
        return None

    def _generations(self) -> list[Path]:
        return sorted(path for path in self.root.glob(f"{_GENERATION}*") if path.is_dir())
