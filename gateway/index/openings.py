"""Which records are open at a moment: weekly hours as bits, read once for each distinct text of the column.

Hours that a week of quarters does not say (dates, seasons, holidays) are asked one by one, and kept for the minute.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gateway.index.sets import SetColumn, Wanted
from services.directory.formats import hours
from services.directory.formats.hours_rules import is_valid

LONGEST_HOURS = 400


@lru_cache(maxsize=4096)
def opening_word(hours_text: str) -> str:
    """What the column holds for a record's hours: themselves when they are OpenStreetMap's notation, else nothing."""
    return hours_text if len(hours_text) <= LONGEST_HOURS and is_valid(hours_text) else ""


@lru_cache(maxsize=16_384)
def _open_then(hours_text: str, minute: datetime) -> bool:
    return hours.is_open(hours_text, minute) is True


class Openings:
    """Answers for one column of hours; reads the texts that are new since it was last asked."""

    def __init__(self, column: SetColumn) -> None:
        self._column = column
        self._read_anew()

    def open_codes(self, at: datetime) -> Wanted:
        """For each set of the column: known to be open at `at` (aware)? Nothing known is not open."""
        values = self._column.values
        if self._times_forgotten != self._column.times_forgotten:
            self._read_anew()
        self._read(values[self._known :])
        byte, bit, holiday = hours.week_slot(at)
        opened = ((self._weeks[:, byte] >> bit) & 1).astype(np.bool_)
        if holiday:
            opened &= self._weeks[:, hours.WEEK_BYTES - 1] == 0
        minute = at.replace(second=0, microsecond=0)
        for code in self._irregular:
            opened[code] = _open_then(values[code][0], minute)
        return Wanted.of(opened)

    def _read_anew(self) -> None:
        self._times_forgotten = self._column.times_forgotten
        self._known = 0
        self._weeks: npt.NDArray[np.uint8] = np.zeros((0, hours.WEEK_BYTES), dtype=np.uint8)
        self._irregular: list[int] = []

    def _read(self, fresh: list[tuple[str, ...]]) -> None:
        if not fresh:
            return
        weeks = np.zeros((len(fresh), hours.WEEK_BYTES), dtype=np.uint8)
        for place, value in enumerate(fresh):
            bits = hours.week_bits(value[0]) if value else None
            if bits is not None:
                weeks[place] = np.frombuffer(bits, dtype=np.uint8)
            elif value:
                self._irregular.append(self._known + place)
        self._weeks = np.concatenate((self._weeks, weeks))
        self._known += len(fresh)
