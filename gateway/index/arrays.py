"""Arrays that grow, and the few operations on rows that numpy lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NO_ROWS: Rows = np.empty(0, dtype=np.intp)


def grown(array: npt.NDArray[Any], rows: int, fill: Any) -> npt.NDArray[Any]:
    """The array itself when it holds `rows`, else a copy an eighth larger at least, the new places set to `fill`."""
    if rows <= len(array):
        return array
    larger = np.full(max(rows, len(array) + len(array) // 8, 64), fill, dtype=array.dtype)
    larger[: len(array)] = array
    return larger


def slices(values: npt.NDArray[Any], starts: npt.NDArray[Any], ends: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`values[start:end]` for each pair, one after the other, without a Python loop."""
    lengths = np.maximum(ends - starts, 0)
    total = int(lengths.sum())
    if not total:
        return values[:0]
    steps = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return values[steps + np.arange(total)]


def smallest(first: npt.NDArray[Any] | None, tie: Keys, count: int) -> Rows:
    """Places of the `count` smallest pairs (first, tie), in order; O(n), however many are equal in `first`.

    `tie` alone counts when there is no `first`.
    """
    if first is None:
        places = np.argpartition(tie, count - 1)[:count] if count < len(tie) else np.arange(len(tie))
        return places[np.argsort(tie[places])]
    if count < len(first):
        limit = np.partition(first, count - 1)[count - 1]
        sure = np.flatnonzero(first < limit)
        equal = np.flatnonzero(first == limit)
        wanted = count - len(sure)
        if wanted < len(equal):
            equal = equal[np.argpartition(tie[equal], wanted - 1)[:wanted]]
        places = np.concatenate((sure, equal))
    else:
        places = np.arange(len(first))
    return places[np.lexsort((tie[places], first[places]))]
