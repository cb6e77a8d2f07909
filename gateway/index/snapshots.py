"""When the readers' arrays are written down, and the process that does it.

    python -m gateway.index.snapshots GENERATION

The projector has a snapshot made in a process of its own, whose memory goes with it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gateway.index import snapshot
from gateway.index.view import View

FROM_ROWS = 50_000
"""Smaller indexes open quickly enough without."""

_ROOT = Path(__file__).resolve().parents[2]


class Snapshots:
    """When to have a snapshot made, and the process that makes it. For the projector."""

    def __init__(self) -> None:
        self._making: subprocess.Popen[bytes] | None = None
        self._stamp_of: dict[Path, int] = {}

    def keep_up(self, path: Path, stamp: int, rows: int) -> None:
        """Begin a snapshot of a generation when a quarter of it was written since the last, without waiting."""
        if rows < FROM_ROWS or (self._making and self._making.poll() is None):
            return
        last = self._stamp_of.get(path)
        if last is None:
            found = snapshot.load(path)
            last = self._stamp_of[path] = found[0] if found else 0
        if stamp - last > max(FROM_ROWS, rows // 4):
            self._stamp_of[path] = stamp
            self._making = make(path)

    def close(self) -> None:
        """Stop a snapshot under way; the last whole one stays."""
        if self._making and self._making.poll() is None:
            self._making.kill()
            self._making.wait()


def make(path: Path) -> subprocess.Popen[bytes]:
    """A process that writes the snapshot of a generation as it is now."""
    return subprocess.Popen([sys.executable, "-m", "gateway.index.snapshots", str(path.resolve())], cwd=_ROOT)


def main() -> None:
    """Open a generation as a reader does, and write down what it holds."""
    view = View(Path(sys.argv[1]))
    snapshot.save(view.path, view.position.stamp, {kind: records.state() for kind, records in view.records.items()})


if __name__ == "__main__":
    main()
