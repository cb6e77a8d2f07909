"""Communes, intercommunalities, departments and regions of France: which is meant, where it is, what belongs to what.

>>> resolve(name="St Herblain cedex", postal_code="44802").code
'44162'
>>> commune("01091").name  # merged into Valserhône in 2019
'Valserhône'
>>> zone_codes(commune("44109"))
('44109', '244400404', '44', 'france', '99100')
>>> [found.name for found in complete("st naz", 2)]
['Saint-Nazaire', 'Saint-Nazaire-les-Eymes']

Nothing is read before the first question; then the table of communes takes 10 MB and 0.1 s, its indexes as much.
Sources, quality of the points, how to give better ones and to rebuild the tables: `docs/territory.md`.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from math import cos, degrees, radians

from services.directory.formats import territory_tables as tables
from services.directory.formats.territory_names import fold, slug, words
from services.directory.formats.territory_points import EARTH_RADIUS_M, distance_m, load_points
from services.directory.formats.territory_resolve import forget, locate, resolve
from services.directory.formats.territory_tables import CITY_OF, Commune, Department, Epci, Region

__all__ = [
    "Commune",
    "Department",
    "Epci",
    "Region",
    "city",
    "commune",
    "communes",
    "communes_within",
    "complete",
    "department",
    "department_by_slug",
    "distance_m",
    "epci",
    "load_points",
    "locate",
    "region",
    "region_by_slug",
    "resolve",
    "use_points",
    "valid_zone",
    "zone_codes",
]

ALL_FRANCE = ("france", "99100")
"""Zones of data·inclusion that hold every commune: the word, and INSEE's code of France among countries."""
_COUNTRY = re.compile(r"99[0-5]\d\d")


@lru_cache(maxsize=8192)
def commune(code: str) -> Commune | None:
    """The commune of an INSEE code; that of a commune that merged answers with what it became. None when unknown."""
    found = tables.communes()
    row = found.rows.get(code)
    if row is None and code in tables.former():
        row = found.rows[tables.former()[code][1]]
    return None if row is None else found[row]


def communes() -> Iterator[Commune]:
    """All communes and arrondissements, by code, each made on the way: keep what you need, not all of them."""
    return iter(tables.communes())


def city(of: Commune) -> Commune:
    """The city of an arrondissement of Paris, Lyon or Marseille; any other commune is its own."""
    whole = CITY_OF.get(of.code)
    return of if whole is None else tables.communes()[tables.communes().rows[whole]]


def department(code: str) -> Department | None:
    """The department of a code (`44`, `2A`, `974`)."""
    return tables.departments().get(code)


def region(code: str) -> Region | None:
    """The region of INSEE's code (`52` for Pays de la Loire)."""
    return tables.regions().get(code)


def epci(siren: str) -> Epci | None:
    """The intercommunality of a SIREN."""
    return tables.epcis().get(siren)


def department_by_slug(name: str) -> Department | None:
    """The department of a slug: `loire-atlantique`; `cotes-darmor` and `Côtes-d'Armor` are understood as well."""
    return _departments_by_slug().get(_bare(name))


def region_by_slug(name: str) -> Region | None:
    """The region of a slug: `pays-de-la-loire`."""
    return _regions_by_slug().get(_bare(name))


@cache
def _departments_by_slug() -> dict[str, Department]:
    return {_bare(found.slug): found for found in tables.departments().values()}


@cache
def _regions_by_slug() -> dict[str, Region]:
    return {_bare(found.slug): found for found in tables.regions().values()}


def _bare(name: str) -> str:
    return slug(name).replace("-", "")


def zone_codes(of: Commune) -> tuple[str, ...]:
    """What a `zone_eligibilite` of data·inclusion may hold to include this commune.

    Its code, its city's (for an arrondissement), its EPCI's SIREN, its department's, `france` and the country's code.
    Source: data·inclusion schema v1, field `zone_eligibilite`; regions are no zones there.
    """
    whole = city(of)
    own = (of.code,) if whole is of else (of.code, whole.code)
    return (*own, *([whole.epci] if whole.epci else []), of.department, *ALL_FRANCE)


def valid_zone(code: str) -> bool:
    """May `zone_eligibilite` hold it? A commune (merged ones too), a department, an EPCI, a country, `france`."""
    known = code in tables.communes().rows or code in tables.former() or code in tables.departments()
    return known or code in tables.epcis() or code == ALL_FRANCE[0] or _COUNTRY.fullmatch(code) is not None


def communes_within(lat: float, lon: float, radius_km: float) -> list[tuple[Commune, float]]:
    """Communes whose point lies within the radius, with their distance in metres, the nearest first.

    Arrondissements stand beside their city. Across the meridian of 180° nothing is found on the other side.
    """
    found, near = tables.communes(), []
    lats, rows = _by_latitude()
    height = degrees(radius_km * 1000 / EARTH_RADIUS_M)
    width = height / max(cos(radians(min(abs(lat) + height, 89.9))), 1e-3)
    for row in rows[bisect_left(lats, lat - height) : bisect_right(lats, lat + height)]:
        if abs(found.lons[row] - lon) <= width:
            away_m = distance_m(lat, lon, found.lats[row], found.lons[row])
            if away_m <= radius_km * 1000:
                near.append((away_m, row))
    return [(found[row], away_m) for away_m, row in sorted(near)]


@cache
def _by_latitude() -> tuple[array[float], array[int]]:
    """Latitudes in rising order, and the row of each."""
    lats = tables.communes().lats
    rows = array("I", sorted(range(len(lats)), key=lats.__getitem__))
    return array("d", (lats[row] for row in rows)), rows


@lru_cache(maxsize=4096)
def _completed(typed: str, limit: int) -> tuple[Commune, ...]:
    found, best = tables.communes(), list[int]()
    for ranks in _tiers(typed):
        best += sorted(ranks.difference(best))[: limit - len(best)]
        if len(best) == limit:
            break
    rows, _ = tables.by_population()
    return tuple(found[rows[rank]] for rank in best)


def _tiers(typed: str) -> Iterator[set[int]]:
    """Ranks by population, the likeliest tier first: names as spelt, without their article, names of the past."""
    _, ranks = tables.by_population()
    if typed.isdecimal():
        codes, served = _postal_codes(), tables.by_postal_code()
        begun = codes[bisect_left(codes, typed) : bisect_left(codes, f"{typed}~")]
        yield {ranks[row] for code in begun for row in served[code]}
        return
    # A letter is put behind and taken off again, so that the last word stays as typed: `st` begins Strasbourg as well.
    whole, start = typed[-1].isalnum(), fold(typed)
    yield _beginning({words(f"{typed}x")[:-1]} | ({words(typed)} if whole else set()))
    yield _beginning({fold(f"{typed}x")[:-1]} | ({start} if whole else set()))
    merged = tables.by_former_name().items() if start else ()
    yield {ranks[row] for name, rows in merged if name.startswith(start) for row in rows}


def _beginning(starts: set[str]) -> set[int]:
    names, ranks = tables.by_spelling()
    found: set[int] = set()
    for start in starts:
        if start.strip():
            found.update(ranks[bisect_left(names, start) : bisect_left(names, f"{start}~")])
    return found


@cache
def _postal_codes() -> list[str]:
    return sorted(tables.by_postal_code())


def complete(prefix: str, limit: int = 10) -> list[Commune]:
    """Communes whose name, or postal code, begins by what somebody types; the most populous first.

    Accents, case, hyphens, `St` and articles do not count. Behind them, where there is room, communes of today for the
    names of those that merged (`Belligné` → Loireauxence).
    """
    typed = prefix.lstrip()[:80]
    return list(_completed(typed, limit)) if typed and limit > 0 else []


def use_points(points: Mapping[str, tuple[float, float]]) -> None:
    """Put communes where an operator says (see `load_points`), in this process and for good.

    Their points are no longer approximate. Raises `KeyError` for an unknown code, before anything has moved.
    """
    unknown = points.keys() - tables.communes().rows.keys()
    if unknown:
        raise KeyError(f"unknown communes: {', '.join(sorted(unknown)[:5])}")
    tables.communes().move(points)
    for kept in (commune, _by_latitude, _completed):
        kept.cache_clear()
    forget()
