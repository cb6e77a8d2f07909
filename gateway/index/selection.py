"""From a question to the rows it keeps: propose rows by the narrowest means, then apply every filter to them.

The means are the words asked for, the place, the box, or the rarest of the filters' values; small tables are looked
at whole. Nothing here knows of order or pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from gateway.index import geography
from gateway.index.arrays import Floats, Mask, Rows
from gateway.index.asked import Asked, Scores
from gateway.index.openings import Openings
from gateway.index.postings import Postings
from gateway.index.table import Table
from gateway.index.words import Posting

LISTS_WORTH_IT = 3
"""Looking at all rows is quicker than taking one in so many out of a list."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the question is asked from: WGS 84 degrees, how far is near, and the codes of its zones.

    `zones` (the commune, its EPCI, its department, the country) is None when eligibility is not asked about.
    """

    lat: float
    lon: float
    radius_m: float
    zones: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What must hold of a record. `sets` names columns of `table.SETS` with the words asked for, one is enough."""

    sets: tuple[tuple[str, frozenset[str]], ...] = ()
    score_min: float | None = None
    box: geography.Box | None = None
    open_at: datetime | None = None
    audience: tuple[Posting, ...] = ()
    place: Place | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows kept, ascending by nothing; `metres` from the place (NaN: not received on site near it), and scores."""

    rows: Rows
    metres: Floats | None
    scores: Scores | None


class Selector:
    """Applies filters to one table."""

    def __init__(self, table: Table, postings: Postings, *, everywhere: bool) -> None:
        """`everywhere`: records without modes of reception (structures) count as received on site."""
        self._table = table
        self._postings = postings
        self._everywhere = everywhere
        self._openings = Openings(table.sets["opening"])

    def select(self, filters: Filters) -> Selection:
        """The rows that pass all filters, with their distances and scores."""
        masks = self._masks(filters)
        rows = self._matching(self._proposed(filters, masks), masks)
        rows = self._by_numbers(rows, filters)
        for posting in filters.audience:
            rows = rows[posting.of(rows) > 0]
        scores = None
        if filters.asked:
            answers, scores = filters.asked.scores(rows)
            rows, scores = rows[answers], scores[answers]
        if filters.place is None:
            return Selection(rows, None, scores)
        kept, metres = self._near(rows, filters.place)
        return Selection(rows[kept], metres[kept], None if scores is None else scores[kept])

    def _matching(self, proposed: Rows | None, masks: list[tuple[str, Mask]]) -> Rows:
        """Those of the proposed rows (all, when None) whose sets are wanted."""
        columns = self._table.sets
        if proposed is None:
            if not masks:
                return self._postings.all_rows()
            kept = self._table.alive[: self._table.size].copy()
            for column, wanted in masks:
                kept &= wanted[columns[column].codes[: self._table.size]]
            return np.flatnonzero(kept)
        for column, wanted in masks:
            proposed = proposed[wanted[columns[column].codes[proposed]]]
        return proposed

    def _masks(self, filters: Filters) -> list[tuple[str, Mask]]:
        columns = self._table.sets
        masks = [(name, columns[name].with_any(words)) for name, words in filters.sets]
        if filters.place and filters.place.zones is not None:
            masks.append(("zone", columns["zone"].with_any(filters.place.zones, or_empty=True)))
        if filters.open_at:
            masks.append(("opening", self._openings.open_codes(filters.open_at)))
        return masks

    def _proposed(self, filters: Filters, masks: list[tuple[str, Mask]]) -> Rows | None:
        """Rows worth looking at; None for all."""
        if self._postings.small and not filters.asked:
            return None
        best, count = None, self._table.size // LISTS_WORTH_IT
        for column, wanted in masks:
            proposed = self._postings.count_with(column, wanted)
            if proposed < count:
                best, count = (column, wanted), proposed
        near = self._near_box(filters)
        nearby = self._count_near(*near) if near else count
        if filters.asked and filters.asked.count() <= 4 * min(count, nearby):
            return filters.asked.rows()
        if near and nearby < count:
            return self._rows_near(*near)
        return self._postings.rows_with(*best) if best else None

    @staticmethod
    def _near_box(filters: Filters) -> tuple[geography.Box, bool] | None:
        """The box to look in, and whether rows reached from afar count too."""
        if filters.box:
            return filters.box, False
        if filters.place:
            place = filters.place
            return geography.around(place.lat, place.lon, place.radius_m), True
        return None

    def _remote(self) -> Mask:
        return self._table.sets["modes_accueil"].with_any(("a-distance",))

    def _count_near(self, box: geography.Box, and_remote: bool) -> int:
        remote = self._postings.count_with("modes_accueil", self._remote()) if and_remote else 0
        return self._postings.count_near(box) + remote

    def _rows_near(self, box: geography.Box, and_remote: bool) -> Rows:
        rows = self._postings.rows_near(box)
        if not and_remote:
            return rows
        remote = self._postings.rows_with("modes_accueil", self._remote())
        return np.concatenate((rows, remote[~self._postings.near_mask(remote, box)]))

    def _by_numbers(self, rows: Rows, filters: Filters) -> Rows:
        table = self._table
        if filters.score_min is not None:
            rows = rows[table.score[rows] >= filters.score_min]
        if filters.box:
            box, lat, lon = filters.box, table.lat[rows], table.lon[rows]
            rows = rows[(lat >= box.south) & (lat <= box.north) & (lon >= box.west) & (lon <= box.east)]
        return rows

    def _near(self, rows: Rows, place: Place) -> tuple[Mask, Floats]:
        """Which rows are near or reached from afar, and metres for those received on site near the place."""
        table = self._table
        x, y, z = table.x[rows], table.y[rows], table.z[rows]
        metres = geography.metres_within(x, y, z, place.lat, place.lon, place.radius_m)
        kept = ~np.isnan(metres)
        if not self._everywhere:
            kept |= table.remote[rows]
            metres[~table.on_site[rows]] = np.nan
        return kept, metres
