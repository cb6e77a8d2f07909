"""The tables of French territory that the product ships, read once and kept small.

35,000 communes as objects would take 30 MB and be slow to load; here they stay one block of bytes with the start of
each line, an index by code, and arrays of coordinates and populations. A `Commune` is made when it is asked for.
Indexes by name and by postal code are built when the first search needs them.

Sources: INSEE and DGFiP, by way of @etalab/decoupage-administratif 6.0.0 (2026), Licence Ouverte 2.0; points from
GeoNames, CC BY 4.0. `deploy/build/territory.py` writes the files; `docs/territory.md` tells how good the points are.
"""

from __future__ import annotations

import csv
import gzip
import io
from array import array
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from services.directory.formats.territory_names import fold, slug, words

DATA = Path(__file__).parent / "data"
COMMUNE_COLUMNS = (
    "code", "name", "postal_codes", "department", "region", "epci", "siren", "population", "lat", "lon", "approximate",
)  # fmt: skip
NAME, POSTAL_CODES = COMMUNE_COLUMNS.index("name"), COMMUNE_COLUMNS.index("postal_codes")

# First code of the arrondissements of a city, their number, the city they belong to (INSEE).
CITIES = {"75056": ("75101", 20), "69123": ("69381", 9), "13055": ("13201", 16)}
_MAY_DIFFER = ("L", "Paris ", "Marseille ")  # names that `fold` shortens: those with an article, the arrondissements
CITY_OF = {str(int(first) + rank): city for city, (first, count) in CITIES.items() for rank in range(count)}


class Commune(NamedTuple):
    """A commune, or an arrondissement of Paris, Lyon or Marseille.

    Args:
        code: INSEE's, five characters (`2A004`); not the postal code.
        department, region: their codes. epci: SIREN of the intercommunality, None where there is none.
        siren: of the commune itself, empty for arrondissements and some overseas lands.
        lat, lon: WGS 84, degrees, a place within it. approximate: the point is a guess from its neighbours.
    """

    code: str
    name: str
    postal_codes: tuple[str, ...]
    department: str
    region: str
    epci: str | None
    siren: str
    population: int
    lat: float
    lon: float
    approximate: bool


class Department(NamedTuple):
    """A department; overseas collectivities stand as such. `slug` is its name in addresses (`loire-atlantique`)."""

    code: str
    name: str
    region: str
    slug: str


class Region(NamedTuple):
    """A region, by INSEE's code of two digits (three for overseas collectivities)."""

    code: str
    name: str
    slug: str


class Epci(NamedTuple):
    """An intercommunality. `kind`: CC, CA, CU, METRO (métropole) or MET69 (Métropole de Lyon)."""

    siren: str
    name: str
    kind: str
    population: int


class Communes:
    """All communes by row, in the order of their codes."""

    __slots__ = ("_approximate", "_at", "_block", "codes", "lats", "lons", "populations", "rows")

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._at, self._approximate = array("I"), bytearray()
        self.lats, self.lons, self.populations = array("d"), array("d"), array("I")
        self.codes: list[str] = []
        lines = io.BytesIO(block)
        start = len(next(lines))
        for line in lines:
            code, *_, population, lat, lon, approximate = line.split(b",")
            self.codes.append(code.decode())
            self._at.append(start)
            self.lats.append(float(lat))
            self.lons.append(float(lon))
            self.populations.append(int(population or 0))
            self._approximate.append(approximate[0] == 49)  # "1"
            start += len(line)
        self._at.append(start)
        self.rows = {code: row for row, code in enumerate(self.codes)}

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Commune]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, row: int) -> Commune:
        line = self._block[self._at[row] : self._at[row + 1]].decode()
        code, name, postal, department, region, epci, siren, *_ = line.split(",")
        return Commune(
            code, name, tuple(postal.split()), department, region, epci or None, siren,
            self.populations[row], self.lats[row], self.lons[row], bool(self._approximate[row]),
        )  # fmt: skip

    def column(self, rank: int) -> Iterator[tuple[int, str]]:
        """Row and text of one of the columns of `COMMUNE_COLUMNS`, by its rank."""
        lines = io.StringIO(self._block.decode())
        next(lines)
        return ((row, line.split(",", rank + 1)[rank]) for row, line in zip(self.rows.values(), lines, strict=True))

    def move(self, points: Mapping[str, tuple[float, float]]) -> None:
        """Put communes elsewhere, for good: an operator's points are no approximation. Unknown codes raise KeyError."""
        for code, (lat, lon) in points.items():
            row = self.rows[code]
            self.lats[row], self.lons[row], self._approximate[row] = lat, lon, False


@cache
def communes() -> Communes:
    """The table of communes, read at the first call."""
    return Communes(gzip.decompress((DATA / "communes.csv.gz").read_bytes()))


@cache
def former() -> dict[str, tuple[str, str]]:
    """Code of a commune that merged → its name then, the code of the commune that it became."""
    return {row["code"]: (row["name"], row["now"]) for row in read("former-communes")}


@cache
def merged() -> dict[str, tuple[str, ...]]:
    """Code of a commune of today → codes of those that merged into it."""
    found: dict[str, tuple[str, ...]] = {}
    for code, (_, now) in former().items():
        found[now] = (*found.get(now, ()), code)
    return found


@cache
def departments() -> dict[str, Department]:
    """All departments by code."""
    return {
        row["code"]: Department(row["code"], row["name"], row["region"], slug(row["name"]))
        for row in read("departments")
    }


@cache
def regions() -> dict[str, Region]:
    """All regions by code."""
    return {row["code"]: Region(row["code"], row["name"], slug(row["name"])) for row in read("regions")}


@cache
def epcis() -> dict[str, Epci]:
    """All intercommunalities by SIREN."""
    return {
        row["siren"]: Epci(row["siren"], row["name"], row["kind"], int(row["population"] or 0)) for row in read("epci")
    }


@cache
def by_name() -> dict[str, tuple[int, ...]]:
    """Folded name → rows of the communes of today that bear it."""
    return _grouped((fold(name), row) for row, name in communes().column(NAME))


@cache
def by_former_name() -> dict[str, tuple[int, ...]]:
    """Folded name of a commune that merged → rows of what it became."""
    rows = communes().rows
    return _grouped((fold(name), rows[now]) for name, now in former().values())


@cache
def by_postal_code() -> dict[str, tuple[int, ...]]:
    """Postal code → rows of the communes it serves."""
    return _grouped((code, row) for row, codes in communes().column(POSTAL_CODES) for code in codes.split())


@cache
def by_population() -> tuple[array[int], array[int]]:
    """Rows, the most populous first; and the rank of each row among them."""
    people = communes().populations
    rows = array("I", sorted(range(len(people)), key=people.__getitem__, reverse=True))
    ranks = array("I", rows)
    for rank, row in enumerate(rows):
        ranks[row] = rank
    return rows, ranks


@cache
def by_spelling() -> tuple[list[str], array[int]]:
    """Names in alphabetical order, with and without their article, and the rank of each: to complete what is typed."""
    spelt = [(name, row) for name, rows in by_name().items() for row in rows]
    for row, name in communes().column(NAME):
        if name.startswith(_MAY_DIFFER) and (full := words(name)) not in by_name():
            spelt.append((full, row))
    spelt.sort()
    ranks = by_population()[1]
    return [name for name, _ in spelt], array("I", [ranks[row] for _, row in spelt])


def read(name: str) -> Iterator[dict[str, str]]:
    """Rows of one of the small tables."""
    with gzip.open(DATA / f"{name}.csv.gz") as packed:
        yield from csv.DictReader(io.TextIOWrapper(packed, "utf-8", newline=""))


def _grouped(pairs: Iterator[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for key, row in pairs:
        rows = found.get(key, ())
        if row not in rows:
            found[key] = (*rows, row)
    return found
