"""The readers' arrays as a file, so that a reader of a million records opens in a second instead of half a minute.

It is a copy of what any reader can work out from the index, valid for ever from its stamp on: a reader takes it up
and then reads what was stamped since.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gateway import schema

FILE = "columns.npz"
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
