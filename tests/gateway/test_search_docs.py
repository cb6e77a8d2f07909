"""The page about search says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from gateway import projection, schema, text
from gateway.index import asked, items, nearby, ranking, snapshots, words
from gateway.query import DEFAULT_RADIUS_KM, SORTS, Query
from gateway.search import Reader

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "search.md").read_text(encoding="utf-8")


def test_ranks_and_weights_are_those_of_the_code() -> None:
    ranks = [int(rank) for rank in re.findall(r"^\| [^|]+ \| (\d) \|$", PAGE, re.MULTILINE)]
    assert ranks == [*schema.TIERS.values(), schema.TYPO_TIER]
    assert f"{asked.WEIGHT_UNIT} × ln(1 + all records / records that hold it)" in PAGE
    km = round(ranking.HALF_SCORE_AT_M / 1000)
    assert f"{km} km / ({km} km + distance)" in PAGE and ranking.REMOTE_FACTOR == 0.5
    assert f"within {DEFAULT_RADIUS_KM:.0f} km" in PAGE


def test_limits_are_those_of_the_code() -> None:
    assert (text.MAX_QUERY_WORDS, asked.FEW_RECORDS, asked.SHORTEST_MISTYPED) == (12, 3, 4)
    assert f"grouped, {projection.GROUPED_S * 1000:.0f} ms at a time" in PAGE
    assert f"from {snapshots.FROM_ROWS:,} records on" in PAGE
    assert f"{words.CACHE_BYTES // 10**6} MB at most for words ({words.CACHE_BYTES_A_ROW} bytes a record" in PAGE
    assert f"{items.KEPT_BYTES // 10**6} MB for items" in PAGE
    assert f"{nearby.KEPT_BYTES // 10**6} MB for what lies around" in PAGE
    assert Reader.__init__.__kwdefaults__ == {"check_every_s": 0.005} and "every 5 ms" in PAGE


def test_every_filter_and_order_is_on_the_page() -> None:
    told_elsewhere = {"kind", "place_commune", "page", "size", "cursor", "facets", "embed_structure", "sort"}
    missing = [name for name in Query.__slots__ if name not in told_elsewhere and f"`{name}`" not in PAGE]
    assert missing == []
    assert [sort for sort in SORTS if f"`{sort}`" not in PAGE] == []
