"""In what order: two keys a row, the second unique, so that any page can be cut and any cursor taken up.

| order | first key | second key |
|---|---|---|
| contract, with a place | whole kilometres, absent ones last | id |
| contract, without | none | id |
| relevance | score blended with distance, highest first | id |
| distance | metres, absent ones last | id |
| name | none | folded name, then id |
| updated | day of the last update, latest first | id |

Proximity in relevance (F10): with a place, a record's score of words is multiplied by 10 km / (10 km + its distance):
whole on the spot, half at 10 km, a sixth at 50 km. A record that is not received on site there (reached `a-distance`)
counts half, as if it were 10 km away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gateway.index.arrays import Floats, Rows, smallest
from gateway.index.geography import kilometres
from gateway.index.selection import Selection
from gateway.index.strings import OrderedStrings
from gateway.index.table import Table

Order = Literal["contract", "relevance", "distance", "name", "updated"]

HALF_SCORE_AT_M = 10_000.0
REMOTE_FACTOR = 0.5
LAST = 1e18
"""First key of rows without a distance: after any distance, and a number that JSON can carry."""


@dataclass(frozen=True, slots=True)
class After:
    """Where the last page ended: the last row's keys."""

    first: float
    string: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """One page: places within the selection, in order; `after` is set when more rows follow."""

    places: Rows
    after: After | None


def blended(scores: Floats, metres: Floats | None) -> Floats:
    """Scores of words, nearer records raised (or farther ones lowered) when there is a place."""
    if metres is None:
        return scores
    factor = HALF_SCORE_AT_M / (HALF_SCORE_AT_M + metres)
    return scores * np.where(np.isnan(metres), REMOTE_FACTOR, factor)


def cut(order: Order, table: Table, chosen: Selection, after: After | None, skip: int, size: int) -> Cut:
    """The page of `size` rows after `after`, or after the first `skip` rows."""
    if order == "contract" and chosen.in_order and after is None:
        return _cut_in_order(table, chosen, skip, size)
    first = _first_keys(order, table, chosen)
    strings = table.names if order == "name" else table.ids
    tie = strings.keys()[chosen.rows]
    places = np.arange(len(chosen.rows))
    if after:
        bound = strings.bound(after.string)
        beyond = tie > bound
        if first is not None:
            beyond = (first > after.first) | ((first == after.first) & beyond)
        places = np.flatnonzero(beyond)
    ranked = places[smallest(None if first is None else first[places], tie[places], skip + size)[skip:]]
    if skip + size >= len(places) or not len(ranked):
        return Cut(ranked, None)
    return Cut(ranked, _end(strings, chosen, first, int(ranked[-1])))


def _cut_in_order(table: Table, chosen: Selection, skip: int, size: int) -> Cut:
    places = np.arange(min(skip, len(chosen.rows)), min(skip + size, len(chosen.rows)))
    if skip + size >= len(chosen.rows) or chosen.metres is None:
        return Cut(places, None)
    last = int(places[-1])
    first = float(_last_without(kilometres(chosen.metres[last : last + 1]))[0])
    return Cut(places, After(first, table.ids[int(chosen.rows[last])]))


def _end(strings: OrderedStrings, chosen: Selection, first: Floats | None, place: int) -> After:
    return After(0.0 if first is None else float(first[place]), strings[int(chosen.rows[place])])


def _first_keys(order: Order, table: Table, chosen: Selection) -> Floats | None:
    if order == "relevance" and chosen.scores is not None:
        return -blended(chosen.scores.astype(np.float64), chosen.metres)
    if order == "updated":
        return -table.updated[chosen.rows].astype(np.float64)
    if order in ("contract", "distance") and chosen.metres is not None:
        metres = chosen.metres if order == "distance" else kilometres(chosen.metres)
        return _last_without(metres)
    return None


def _last_without(distances: Floats) -> Floats:
    return np.where(np.isnan(distances), LAST, distances)
