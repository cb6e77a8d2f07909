"""Which records are open at a moment: their weekly hours as a column, asked once for each distinct text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np

from gateway.index.arrays import Mask
from services.directory.formats import hours


def opening_word(hours_text: str | None) -> str | None:
    """What the column holds for a record's hours: themselves, when they can be read."""
    return hours_text if hours_text and hours.week_bits(hours_text) is not None else None


@lru_cache(maxsize=65_536)
def _open_at(hours_text: str, at: datetime) -> bool:
    return bool(hours.is_open(hours_text, at))


def open_codes(values: Sequence[tuple[str, ...]], at: datetime) -> Mask:
    """For each set of the column: known to be open at `at` (aware)?"""
    return np.array([bool(value) and _open_at(value[0], at) for value in values], dtype=np.bool_)
