"""The readers' arrays as a file, so that a reader of a million records opens in a second instead of half a minute.

    python -m gateway.index.snapshot GENERATION

It is a copy of what any reader can work out from the index, valid for ever from its stamp on: a reader takes it up
and then reads what was stamped since. The projector has it made, in a process of its own whose memory goes with it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gateway import schema

FILE = "columns.npz"
FROM_ROWS = 50_000
"""Smaller indexes open quickly enough without."""

_ROOT = Path(__file__).resolve().parents[2]

State = dict[str, np.ndarray[Any, Any]]


def save(path: Path, stamp: int, states: dict[str, State]) -> None:
    """Write the arrays of each kind, as of `stamp` (the next one to be given out)."""
    about = {"format": schema.FORMAT, "stamp": stamp}
    arrays = {f"{kind}/{name}": array for kind, state in states.items() for name, array in state.items()}
    fresh = path / f"{FILE}.next"
    with fresh.open("wb") as file:
        np.savez(file, allow_pickle=False, about=np.frombuffer(orjson.dumps(about), dtype=np.uint8), **arrays)
    fresh.replace(path / FILE)


def load(path: Path) -> tuple[int, dict[str, State]] | None:
    """The stamp and the arrays of each kind; None when there is no snapshot of this format."""
    try:
        with np.load(path / FILE) as arrays:
            about = orjson.loads(arrays["about"].tobytes())
            if about["format"] != schema.FORMAT:
                return None
            states: dict[str, State] = {kind: {} for kind in schema.KINDS}
            for name in arrays.files:
                kind, slash, column = name.partition("/")
                if slash:
                    states[kind][column] = arrays[name]
            return about["stamp"], states
    except FileNotFoundError:
        return None


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
            found = load(path)
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
    return subprocess.Popen([sys.executable, "-m", "gateway.index.snapshot", str(path.resolve())], cwd=_ROOT)


def main() -> None:
    """Open a generation as a reader does, and write down what it holds."""
    from gateway.index.view import View

    view = View(Path(sys.argv[1]))
    save(view.path, view.position.stamp, {kind: records.state() for kind, records in view.records.items()})


if __name__ == "__main__":
    main()
