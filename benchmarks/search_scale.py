"""Selective questions as the directory grows: the p50 of those that find little (a commune, a small box, two kilometres
and a theme, a rare word), in process, at 1,000,000 services against 10,000 (50,000 in the short run). The questions and
their bare tantivy are those of `benchmarks/search_core.py`, which prints every class.
"""

from __future__ import annotations

from benchmarks import search_core
from benchmarks.figure import Figure, beside

SMALL, LARGE, SHORT = 10_000, 1_000_000, 50_000
ROUNDS = 60


def run(full: bool) -> list[Figure]:
    """Each selective class at the large size beside itself at the small one."""
    large = LARGE if full else SHORT
    before, after = (
        {line["name"]: line["p50_ms"] for line in search_core._measured(size, ROUNDS, None)["lines"]}
        for size in (SMALL, large)
    )
    return [
        beside(f"{one.name}, {large:,} services", after[one.name], "ms", (f"{SMALL:,}", before[one.name]), most=3)
        for one in search_core.CLASSES
        if one.selective
    ]
