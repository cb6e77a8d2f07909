"""What lies around the places that are asked about: rows in reach, their distances, and data·inclusion's order of them.

Most questions of a website are about the same few towns, and change only in what is looked for there. So the rows
around a place are worked out once and kept until a record changes; from the second question on they are kept in
order, and a page without words is a cut. Sorting half of all services costs milliseconds: not for a place asked about
once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gateway.index.arrays import Keys
from gateway.index.geography import kilometres
from gateway.index.selection import Place, Selection

KEPT_BYTES = 16_000_000
PLACES_REMEMBERED = 256


class Nearby:
    """The places asked about lately, as long as nothing changes."""

    def __init__(self, look: Callable[[Place], Selection], ids: Callable[[], Keys]) -> None:
        """`look` works a place out, with metres; `ids` gives the order of ids by row."""
        self._look = look
        self._ids = ids
        self._places: OrderedDict[Place, Selection] = OrderedDict()
        self._asked: OrderedDict[Place, None] = OrderedDict()
        self.nbytes = 0

    def count(self, place: Place) -> int | None:
        """How many rows are in reach, where that is known."""
        known = self._places.get(place)
        return None if known is None else len(known.rows)

    def is_asked_again(self, place: Place) -> bool:
        """Whether a place was asked about lately, whatever was looked for there; it is from now on."""
        again = place in self._asked
        self._asked[place] = None
        self._asked.move_to_end(place)
        if len(self._asked) > PLACES_REMEMBERED:
            self._asked.popitem(last=False)
        return again

    def of(self, place: Place) -> Selection:
        """The rows in reach of a place and eligible there."""
        known = self._places.pop(place, None)
        if known is None:
            found = self._look(place)
        else:
            self.nbytes -= known.nbytes
            found = known if known.in_order else self._ordered(known)
        self._places[place] = found
        self.nbytes += found.nbytes
        while self.nbytes > KEPT_BYTES and len(self._places) > 1:
            _, dropped = self._places.popitem(last=False)
            self.nbytes -= dropped.nbytes
        return found

    def forget(self) -> None:
        """A record changed: nothing that was worked out is to be believed."""
        self._places.clear()
        self.nbytes = 0

    def _ordered(self, found: Selection) -> Selection:
        if found.metres is None:
            return found
        order = np.lexsort((self._ids()[found.rows], kilometres(found.metres)))  # NaN sorts last
        return replace(found.at(order), in_order=True)
