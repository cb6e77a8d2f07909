"""Pairs of structures of which it is known whether they are one: real places, and what other sources make of them.

Each real place is written again as another list would have it (abbreviations, slips, a missing or another telephone,
a name in the fashion of that list): these are the same. Neighbours of one network, others at one address, branches of
one unit elsewhere are not, nor are two places of the real list in one commune or under one telephone: a house and its
van, its outposts, its neighbours. Drawn by a fixed seed; even pairs are for setting weights, odd ones for measuring.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from services.directory.formats import matching
from services.directory.formats.reading import read

PLACE = ("adresse", "commune", "code_insee", "code_postal", "latitude", "longitude")
LIST = Path("france-services") / "liste-fs-20240801.csv"
SEED = 44_000
OTHERS = ("CCAS", "Mission locale", "Secours populaire", "Croix-Rouge", "Médiathèque", "Centre social", "ADIL",
          "Point justice", "Relais petite enfance", "CLIC")  # fmt: skip
Fields = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """Two structures, whether they are the same, and how the pair was made."""

    one: Fields
    other: Fields
    same: bool
    made: str


@dataclass(frozen=True)
class Measured:
    """What was found of a set of pairs: `precision` of what is called the same, `recall` of what is."""

    precision: float
    recall: float
    wrong: tuple[tuple[Pair, matching.Likeness], ...]


def places(data: Path) -> list[Fields]:
    """The fields of all real places that have a point."""
    rows = read([data / LIST])
    found = [dict(draft["fields"]) for row in rows for draft in row.drafts if draft["kind"] == "structure"]
    return [fields for fields in found if "latitude" in fields]


def labelled(data: Path, count: int = 600) -> list[Pair]:
    """So many pairs, half of them the same, and all real ones that share a commune, a telephone or an address."""
    known, rnd = places(data), random.Random(SEED)
    chosen = rnd.sample(known, count // 2)
    pairs = [Pair(_with_siret(one, rnd), rewritten(one, rnd), True, "rewritten") for one in chosen]
    makers: tuple[Callable[[Fields, list[Fields], random.Random], Pair], ...] = (_neighbour, _same_door, _branch)
    pairs += [makers[place % 3](one, known, rnd) for place, one in enumerate(chosen)]
    pairs += _together(known)
    rnd.shuffle(pairs)
    return pairs


def measure(pairs: list[Pair]) -> Measured:
    """How well `matching` tells them: a pair of the grade `probable` or `sure`, and no branch, is called the same."""
    right = found = same = 0
    wrong = []
    for pair in pairs:
        alike = matching.compare(matching.sketch(pair.one), matching.sketch(pair.other))
        shares = set(matching.keys(matching.sketch(pair.one))) & set(matching.keys(matching.sketch(pair.other)))
        called = bool(shares) and alike.score >= matching.PROBABLE and not alike.branch
        found += called
        same += pair.same
        right += called and pair.same
        if called != pair.same:
            wrong.append((pair, alike))
    return Measured(right / max(found, 1), right / max(same, 1), tuple(wrong))


def rewritten(one: Fields, rnd: random.Random) -> Fields:
    """The same place as another list has it."""
    other = dict(one)
    for change in rnd.sample(_CHANGES, rnd.randint(2, 4)):
        change(other, rnd)
    return other


def many(data: Path, count: int) -> Iterator[Fields]:
    """So many structures: real places moved and renamed apart, one in ten of them twice, one in thirty with the
    telephone of one of five networks: keys that hundreds share.
    """
    known, rnd = places(data), random.Random(SEED + 1)
    made = 0
    while made < count:
        one = dict(rnd.choice(known))
        one["nom"] = f"{rnd.choice(OTHERS)} {_word(rnd)} {one['commune']}"
        one["telephone"] = f"+332{rnd.randint(10_000_000, 99_999_999)}"
        if rnd.random() < 1 / 30:
            one["telephone"] = f"+33{rnd.randint(800_000_000, 800_000_004)}"
        one["courriel"] = f"{_word(rnd).lower()}{made}@example.org"
        one["adresse"] = f"{rnd.randint(1, 200)} rue {_word(rnd)}"
        _move(one, rnd, 0.02)
        yield one
        made += 1
        if made < count and rnd.random() < 0.1:
            yield rewritten(one, rnd)
            made += 1


def _with_siret(one: Fields, rnd: random.Random) -> Fields:
    return one if rnd.random() < 0.6 else {**one, "siret": str(rnd.randint(10**13, 10**14 - 1))}


def _neighbour(one: Fields, known: list[Fields], rnd: random.Random) -> Pair:
    """Another place of the network, the nearest there is."""

    def far(other: Fields) -> float:
        return abs(other["latitude"] - one["latitude"]) + abs(other["longitude"] - one["longitude"])

    nearest = min((each for each in known if each is not one and each["nom"] != one["nom"]), key=far)
    return Pair(one, nearest, False, "neighbour")


def _together(known: list[Fields]) -> list[Pair]:
    """Real places that share a commune, a telephone or an e-mail address: two of the list are two.

    Not those of one name in one commune, of which the list itself may hold a place twice.
    """
    met: dict[frozenset[int], Pair] = {}
    for shared in ("code_insee", "telephone", "courriel"):
        groups: dict[Any, list[int]] = defaultdict(list)
        for place, one in enumerate(known):
            if one.get(shared):
                groups[one[shared]].append(place)
        for group in groups.values():
            for first, second in combinations(group, 2):
                if _called(known[first]) != _called(known[second]):
                    met[frozenset((first, second))] = Pair(known[first], known[second], False, "together")
    return list(met.values())


def _called(one: Fields) -> tuple[str, frozenset[str]]:
    return one["code_insee"], frozenset(matching.plain(one["nom"]).split())


def _same_door(one: Fields, known: list[Fields], rnd: random.Random) -> Pair:
    """Somebody else at the same address, now and then with the same telephone: that of the town hall."""
    other = {**one, "nom": f"{rnd.choice(OTHERS)} de {one['commune']}", "courriel": f"{_word(rnd).lower()}@example.org"}
    if rnd.random() < 0.5:
        other["telephone"] = f"+332{rnd.randint(10_000_000, 99_999_999)}"
    return Pair(one, other, False, "same door")


def _branch(one: Fields, known: list[Fields], rnd: random.Random) -> Pair:
    """The same unit in another town, under the same name and telephone."""
    away = rnd.choice(known)
    siren = str(rnd.randint(10**8, 10**9 - 1))
    place = {name: away.get(name) for name in PLACE}
    name = f"{rnd.choice(OTHERS)} {_word(rnd)}"
    here = {**one, "nom": name, "siret": siren + "00011"}
    return Pair(here, {**here, **place, "siret": siren + "00029"}, False, "branch")


def _word(rnd: random.Random) -> str:
    return "".join(rnd.choice("bcdflmnprstv") + rnd.choice("aeiou") for _ in range(rnd.randint(2, 4))).capitalize()


def _slip(text: str, rnd: random.Random) -> str:
    at = rnd.randrange(max(len(text) - 1, 1))
    return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]


def _name_slip(fields: Fields, rnd: random.Random) -> None:
    fields["nom"] = _slip(fields["nom"], rnd)


def _name_shouted(fields: Fields, rnd: random.Random) -> None:
    fields["nom"] = fields["nom"].upper()


def _name_of_fashion(fields: Fields, rnd: random.Random) -> None:
    name = fields["nom"].replace("France services de ", "France services ")
    fields["nom"] = rnd.choice((f"Espace {name}", f"{name} ({fields['commune']})", f"Maison {name}", name))


def _address_short(fields: Fields, rnd: random.Random) -> None:
    address = str(fields.get("adresse") or "")
    for long, short in (("Rue", "r."), ("Avenue", "av."), ("Boulevard", "bd"), ("Place", "pl."), ("Route", "rte")):
        address = address.replace(long, short).replace(long.lower(), short)
    fields["adresse"] = address or None


def _address_without_number(fields: Fields, rnd: random.Random) -> None:
    fields["adresse"] = str(fields.get("adresse") or "").lstrip("0123456789- bis,") or None


def _moved_a_little(fields: Fields, rnd: random.Random) -> None:
    if fields.get("latitude") is not None:
        _move(fields, rnd, 0.0008)


def _move(fields: Fields, rnd: random.Random, degrees: float) -> None:
    for name in ("latitude", "longitude"):
        fields[name] = round(fields[name] + rnd.uniform(-degrees, degrees), 6)


def _no_point(fields: Fields, rnd: random.Random) -> None:
    fields["latitude"] = fields["longitude"] = None


def _no_phone(fields: Fields, rnd: random.Random) -> None:
    fields["telephone"] = None


def _other_phone(fields: Fields, rnd: random.Random) -> None:
    fields["telephone"] = f"+33{rnd.randint(100_000_000, 799_999_999)}"


def _no_email(fields: Fields, rnd: random.Random) -> None:
    fields["courriel"] = None


def _other_email(fields: Fields, rnd: random.Random) -> None:
    fields["courriel"] = f"contact-{_word(rnd).lower()}@example.org"


_CHANGES = (
    _name_slip, _name_shouted, _name_of_fashion, _address_short, _address_without_number, _moved_a_little, _no_point,
    _no_phone, _other_phone, _no_email, _other_email,
)  # fmt: skip
