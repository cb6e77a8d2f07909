"""From a question to the rows it keeps: propose rows by the narrowest means, then apply every filter to them.

The means are the words asked for, the place, the box, or the rarest of the filters' values; small tables are looked
at whole. Nothing here knows of order or pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gateway.index import geography
from gateway.index.arrays import Rows
from gateway.index.nearby import Nearby
from gateway.index.openings import Openings
from gateway.index.postings import Postings
from gateway.index.selection import Filters, Place, Selection
from gateway.index.sets import Wanted
from gateway.index.table import Table

LISTS_WORTH_IT = 3
"""Looking at all rows is quicker than taking one in so many out of a list."""
WORDS_WORTH_IT = 4
"""Rows that hold the words are had at once: so many of them are worth one row out of a list."""
DISTANCES_COST = 16
"""A row whose distance has to be worked out is worth so many of which it is known."""
Sets = Sequence[tuple[str, Wanted]]


class Selector:
    """Applies filters to one table."""

    def __init__(self, table: Table, postings: Postings, *, everywhere: bool) -> None:
        """`everywhere`: records without modes of reception (structures) count as received on site."""
        self._table = table
        self._postings = postings
        self._everywhere = everywhere
        self._openings = Openings(table.sets["opening"])
        self._nearby = Nearby(self._look_around, table.ids.keys)

    def touched(self) -> None:
        """Rows changed: what was worked out about places is forgotten."""
        self._nearby.forget()

    @property
    def nbytes(self) -> int:
        """Bytes held of what was worked out."""
        return self._nearby.nbytes

    def select(self, filters: Filters) -> Selection:
        """The rows that pass all filters, with their distances and scores."""
        sets = self._sets(filters)
        place = filters.place
        if place is None:
            proposed = self._proposed(filters, sets, self._table.size // LISTS_WORTH_IT)
            return self._filtered(proposed or self._whole(sets), filters, sets)
        proposed = self._proposed(filters, sets, self._cost_around(place))
        if proposed is None:
            return self._filtered(self._nearby.of(place), filters, sets)
        return self._within(self._filtered(proposed, filters, [*sets, *self._eligible(place)]), place)

    def _sets(self, filters: Filters) -> list[tuple[str, Wanted]]:
        columns = self._table.sets
        sets = [(name, columns[name].wanted(words)) for name, words in filters.sets]
        if filters.open_at:
            sets.append(("opening", self._openings.open_codes(filters.open_at)))
        return sets

    def _eligible(self, place: Place) -> list[tuple[str, Wanted]]:
        if place.zones is None:
            return []
        return [("zone", self._table.sets["zone"].wanted(place.zones, or_empty=True))]

    def _proposed(self, filters: Filters, sets: Sets, others: int) -> Selection | None:
        """Rows worth looking at; None when the `others` (about so many) are."""
        if filters.only is not None:
            return Selection(filters.only)
        best, count = None, others
        if not self._postings.small:
            for column, wanted in sets:
                listed = self._postings.count_with(column, wanted)
                if listed < count:
                    best, count = (column, wanted), listed
        if filters.asked and filters.asked.count() <= WORDS_WORTH_IT * count:
            rows, scores = filters.asked.found
            return Selection(rows, None, scores)
        if filters.box and not self._postings.small and self._postings.count_near(filters.box) < count:
            return Selection(self._postings.rows_near(filters.box))
        return Selection(self._postings.rows_with(*best)) if best else None

    def _whole(self, sets: Sets) -> Selection:
        """All rows, those first left out that the sets refuse: in one go, faster than row by row."""
        if not sets:
            return Selection(self._postings.all_rows())
        size = self._table.size
        kept = self._table.alive[:size].copy()
        for column, wanted in sets:
            kept &= wanted.mask[self._table.sets[column].codes[:size]]
        return Selection(np.flatnonzero(kept))

    def _filtered(self, found: Selection, filters: Filters, sets: Sets) -> Selection:
        table = self._table
        for column, wanted in sets:
            found = found.where(wanted.mask[table.sets[column].codes[found.rows]])
        if filters.score_min is not None:
            found = found.where(table.score[found.rows] >= filters.score_min)
        if filters.box:
            box, lat, lon = filters.box, table.lat[found.rows], table.lon[found.rows]
            found = found.where((lat >= box.south) & (lat <= box.north) & (lon >= box.west) & (lon <= box.east))
        if filters.changed_from_s is not None:
            found = found.where(table.changed[found.rows] >= filters.changed_from_s)
        for posting in filters.audience:
            found = found.where(posting.of(found.rows) > 0)
        if filters.asked and found.scores is None:
            answers, scores = filters.asked.scores(found.rows)
            places = np.flatnonzero(answers)
            found = replace(found.at(places), scores=scores[places])
        return found

    def _cost_around(self, place: Place) -> int:
        """What looking around a place costs: about so many rows whose distance has to be worked out.

        A place that is asked about again is worth being worked out once for all.
        """
        again, known = self._nearby.is_asked_again(place), self._nearby.count(place)
        return (self._count_around(place) if known is None else known) // (DISTANCES_COST if again else 1)

    def _count_around(self, place: Place) -> int:
        if self._postings.small:
            return self._table.size
        return self._postings.count_near(_box(place)) + self._postings.count_with("modes_accueil", self._remote())

    def _look_around(self, place: Place) -> Selection:
        """The rows in reach of a place and eligible there, with their distances."""
        rows = self._postings.all_rows() if self._postings.small else self._rows_around(_box(place))
        return self._within(self._filtered(Selection(rows), Filters(), self._eligible(place)), place)

    def _rows_around(self, box: geography.Box) -> Rows:
        rows = self._postings.rows_near(box)
        remote = self._postings.rows_with("modes_accueil", self._remote())
        return np.concatenate((rows, remote[~self._postings.near_mask(remote, box)]))

    def _remote(self) -> Wanted:
        return self._table.sets["modes_accueil"].wanted(frozenset(("a-distance",)))

    def _within(self, found: Selection, place: Place) -> Selection:
        """Those near a place or reached from afar, with metres for those received on site near it."""
        table, rows = self._table, found.rows
        x, y, z = table.x[rows], table.y[rows], table.z[rows]
        metres = geography.metres_within(x, y, z, place.lat, place.lon, place.radius_m)
        kept = ~np.isnan(metres)
        if not self._everywhere:
            kept |= table.remote[rows]
            metres[~table.on_site[rows]] = np.nan
        places = np.flatnonzero(kept)
        return replace(found.at(places), metres=metres[places])


def _box(place: Place) -> geography.Box:
    return geography.around(place.lat, place.lon, place.radius_m)
