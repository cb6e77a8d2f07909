"""Records as features of a map, RFC 7946, and features as items again.

A feature has the record's own identifier, its point (null where the record has none), and as properties what a table
has as columns, with `kind`; what says nothing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

FEATURES: Final = "features"
_KINDS: Final = ("structure", "service")


def feature(record: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The feature of a record; `row` as `exported.row_of` makes it."""
    lon, lat = row["longitude"], row["latitude"]
    point = None if lon is None or lat is None else {"type": "Point", "coordinates": [lon, lat]}
    said = {name: value for name, value in row.items() if value not in (None, [], {})}
    said.pop("longitude", None)
    said.pop("latitude", None)
    properties = {"kind": record["kind"], **said}
    return {"type": "Feature", "id": record["id"], "geometry": point, "properties": properties}


def item_of(item: dict[str, Any]) -> dict[str, Any]:
    """The properties of a feature with its point as longitude and latitude; what is no feature as it is."""
    properties = item.get("properties")
    if item.get("type") != "Feature" or not isinstance(properties, dict):
        return item
    said = {name: value for name, value in properties.items() if name != "kind" or value not in _KINDS}
    if isinstance(item.get("id"), str | int):
        said.setdefault("id", item["id"])
    geometry = item.get("geometry")
    if isinstance(geometry, dict) and geometry.get("type") == "Point":
        place = geometry.get("coordinates")
        if isinstance(place, list) and len(place) >= 2:  # a third number is a height
            said |= {"longitude": place[0], "latitude": place[1]}
    return said
