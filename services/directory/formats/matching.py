"""Whether two structures are one: what to compare, and how alike they are, with the reasons. Pure.

`sketch` keeps of a structure what tells it from others; `keys` says with which others it is worth comparing (those that
share a key); `compare` weighs what agrees and what contradicts. The weights are ours, set on a half of the labelled
pairs of `benchmarks/duplicates.py` and measured on the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sqrt
from typing import Any, Final, Literal

from rapidfuzz import fuzz

from services.directory.formats.territory_names import words

Grade = Literal["sure", "probable", "possible"]
SURE, PROBABLE, POSSIBLE = 0.9, 0.7, 0.55
"""From which score on a pair has this grade; below the last it is no candidate."""
_EMPTY = "a au aux d de des du en et l la le les un une pour par sur association assoc asso ass"
EMPTY_WORDS: Final = frozenset(_EMPTY.split())
SHORT: Final = {
    "av": "avenue", "ave": "avenue", "bd": "boulevard", "bld": "boulevard", "bvd": "boulevard", "pl": "place",
    "r": "rue", "rte": "route", "ch": "chemin", "che": "chemin", "imp": "impasse", "all": "allee", "st": "saint",
    "ste": "sainte", "sq": "square", "fg": "faubourg", "qu": "quai", "res": "residence", "za": "zone", "ctre": "centre",
    "ccas": "centre communal action sociale", "mjc": "maison jeunes culture", "msap": "france services",
}  # fmt: skip
ROVING: Final = (
    "bus",
    "itinerante",
    "itinerant",
    "mobile",
    "camion",
    "van",
    "caravane",
    "antenne",
    "annexe",
    "multisites",
)
"""Words that tell a van or an outpost from the house that sends it, often with its address and telephone."""
ALIKE: Final = 85
"""From which likeness one of these words is another mistyped."""
METRES_OF_A_DEGREE: Final = 111_320
NEAR_M, FAR_M = 150, 3_000
_NUMBER: Final = re.compile(r"\b\d{1,4}\b")


@dataclass(frozen=True, slots=True)
class Sketch:
    """What tells a structure from others; empty texts where nothing is said."""

    name: str
    bare: str
    siret: str
    phone: str
    email: str
    site: str
    commune: str
    number: str
    street: str
    point: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two structures are: 0 to 1, and each reason with what it adds or takes."""

    score: float
    reasons: tuple[tuple[str, float], ...]
    branch: bool = False
    """The same unit (SIREN) at another address, or a house and its van: rather a branch than the same."""

    @property
    def grade(self) -> Grade | None:
        """The grade of a candidate; none below."""
        if self.score >= SURE:
            return "sure"
        return "probable" if self.score >= PROBABLE else "possible" if self.score >= POSSIBLE else None


def sketch(fields: Mapping[str, Any]) -> Sketch:
    """What to compare of a structure's fields."""
    name = plain(str(fields.get("nom") or ""))
    address = plain(str(fields.get("adresse") or ""))
    number = _NUMBER.search(address)
    lat, lon = fields.get("latitude"), fields.get("longitude")
    commune = str(fields.get("code_insee") or fields.get("code_postal") or "")
    town = plain(str(fields.get("commune") or ""))
    return Sketch(
        name=name, bare=_without(name, town), siret=str(fields.get("siret") or ""),
        phone=str(fields.get("telephone") or ""), email=str(fields.get("courriel") or "").lower(),
        site=_host(str(fields.get("site_web") or "")), commune=commune, number=number[0] if number else "",
        street=_NUMBER.sub("", address).strip(), point=None if lat is None or lon is None else (lat, lon),
    )  # fmt: skip


def keys(of: Sketch) -> Iterator[str]:
    """What others that may be the same share with it: one is enough."""
    if of.siret:
        yield f"s{of.siret}"
        yield f"u{of.siret[:9]}"
    if of.phone:
        yield f"p{of.phone}"
    if of.email:
        yield f"e{of.email}"
    place = of.commune
    for word in set(of.bare.split()):
        if len(word) > 2:
            yield f"n{place}:{word[:5]}"
    if of.street:
        yield f"a{place}:{of.number}:{of.street.rsplit(' ', 1)[-1]}"
    if of.point:  # where a commune is written in two ways, the point is the same: in hundredths of a degree
        yield f"g{of.point[0]:.2f}:{of.point[1]:.2f}:{of.name[:3]}"


def compare(one: Sketch, other: Sketch) -> Likeness:
    """How alike two structures are, with the reasons."""
    named = _names(one, other)
    reasons: list[tuple[str, float]] = [("name", named)]
    place = _places(one, other)
    reasons += place
    placed = sum(weight for _, weight in place)
    same_unit = bool(one.siret and other.siret and one.siret[:9] == other.siret[:9])
    if one.siret and other.siret:
        same = one.siret == other.siret
        reasons.append(("siret", 0.35 if same else 0.05 if same_unit else -0.35))
    for name, weight in (("phone", 0.18), ("email", 0.16), ("site", 0.06)):
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine and theirs:
            agreed = weight if mine == theirs else -0.03
            reasons.append((name, agreed))
    apart = roves(one.name) != roves(other.name)
    if apart:
        reasons.append(("form", -0.3))
    score = min(max(sum(weight for _, weight in reasons), 0.0), 1.0)
    branch = apart or (same_unit and one.siret != other.siret and placed < 0)
    return Likeness(round(score, 3), tuple((name, round(weight, 3)) for name, weight in reasons if weight), branch)


@lru_cache(50_000)
def plain(text: str) -> str:
    """A text in bare letters, abbreviations written out, without the words that say nothing."""
    spelt = (SHORT.get(word, word) for word in words(text).split())
    return " ".join(word for word in " ".join(spelt).split() if word not in EMPTY_WORDS)


@lru_cache(50_000)
def roves(name: str) -> bool:
    """Whether a name is that of a van or an outpost: `bus france services vouziers`, even mistyped."""
    return any(
        word in ROVING or (len(word) > 5 and any(fuzz.ratio(word, each, score_cutoff=ALIKE) for each in ROVING))
        for word in name.split()
    )


def _names(one: Sketch, other: Sketch) -> float:
    """From -0.4 (other names) to 0.5 (the same): what is left when the town is taken away counts most.

    Two places of one network differ in their town alone: `france services blain`, `france services nozay`.
    """
    whole = fuzz.token_sort_ratio(one.name, other.name)
    left = fuzz.token_sort_ratio(one.bare, other.bare) if one.bare and other.bare else whole
    part = fuzz.token_set_ratio(one.bare, other.bare) if one.bare and other.bare else whole
    alike = max(0.4 * whole + 0.6 * left, 0.75 * part + 0.25 * whole) / 100
    return 0.5 if alike > 0.97 else (alike - 0.55) * 1.1 if alike > 0.55 else (alike - 0.55) * 0.8


def _places(one: Sketch, other: Sketch) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    if one.commune and other.commune:
        found.append(("commune", 0.1 if one.commune == other.commune else -0.15))
    if one.street and other.street and one.commune == other.commune:
        streets = fuzz.token_set_ratio(one.street, other.street) / 100
        same_number = one.number == other.number or not (one.number and other.number)
        if streets > 0.85:
            found.append(("address", 0.22 if same_number else 0.08))
        else:
            found.append(("address", -0.1 if streets < 0.6 else 0.0))
    if one.point and other.point:
        metres = _metres(one.point, other.point)
        found.append(("distance", 0.12 if metres < NEAR_M else -0.25 if metres > FAR_M else 0.0))
    return found


def _metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    north = (one[0] - other[0]) * METRES_OF_A_DEGREE
    east = (one[1] - other[1]) * METRES_OF_A_DEGREE * cos(radians(one[0]))
    return sqrt(north * north + east * east)


def _without(name: str, town: str) -> str:
    """A name without its town's words, unless nothing else is left."""
    towns = set(town.split())
    return " ".join(word for word in name.split() if word not in towns) or name


def _host(url: str) -> str:
    host = url.partition("//")[2].partition("/")[0].lower().removeprefix("www.")
    return host + ("/" + url.rstrip("/").rpartition("/")[2].lower() if url.count("/") > 2 else "")
