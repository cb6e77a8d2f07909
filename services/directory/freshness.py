"""How fresh what the public sees is, as figures: by territory (department) and by sector. Read, never written here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.directory.formats import territory
from services.directory.model import Record
from services.directory.qualification import dates
from services.kernel import clock

RECENT = timedelta(days=365)
NOWHERE = ""
"""Of records that say no commune, or no sector."""


@dataclass
class Figures:
    """Counts of public records: all, verified and not expired, confirmed within a year, changed within a year."""

    records: int = 0
    verified: int = 0
    confirmed: int = 0
    changed: int = 0

    def add(self, verified: bool, confirmed: bool, changed: bool) -> None:
        """Count one record."""
        self.records += 1
        self.verified += verified
        self.confirmed += confirmed
        self.changed += changed


def figures(records: Iterable[Record], now: datetime) -> dict[str, Any]:
    """`{all, departments: {code: figures}, sectors: {code: figures}}`; a record of two sectors counts in both."""
    since, at = clock.to_text(now - RECENT), clock.to_text(now)
    whole, departments, sectors = Figures(), dict[str, Figures](), dict[str, Figures]()
    for record in records:
        known = dates(record.trusted)
        said = (
            (known["verified_until"] or "") > at, (known["confirmed_at"] or "") > since, record.changed_at > since,
        )  # fmt: skip
        commune = territory.commune(record.parts["fields"].get("code_insee") or "")
        whole.add(*said)
        departments.setdefault(commune.department if commune else NOWHERE, Figures()).add(*said)
        for sector in record.parts["sectors"] or (NOWHERE,):
            sectors.setdefault(sector, Figures()).add(*said)
    return {
        "all": vars(whole), "departments": {code: vars(each) for code, each in sorted(departments.items())},
        "sectors": {code: vars(each) for code, each in sorted(sectors.items())},
    }  # fmt: skip
