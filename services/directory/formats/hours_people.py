"""Opening hours as lines for people: "du lundi au vendredi : 9 h – 12 h, 14 h – 17 h 30", in French or in English."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from services.directory.formats.hours_rules import DAY_MIN, WEEK, WHOLE_DAY, Rule, Span, is_valid, read, runs

Lang = Literal["fr", "en"]
NBSP: Final = "\u00a0"


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of one language; patterns take their arguments by name."""

    days: tuple[str, ...]
    months: tuple[str, ...]
    day_range: str
    month_range: str
    in_months: str
    every_day: str
    always: str
    whole_day: str
    nth: dict[int, str]
    of_month: str
    weeks: tuple[str, str]
    holidays: dict[str, str]
    closed: str
    unknown: str
    conjunction: str
    colon: str
    raw: str


_FRENCH: Final = _Words(
    days=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    months=(
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
    day_range="du {first} au {last}",
    month_range="de {first} à {last}",
    in_months="en {months}",
    every_day="tous les jours",
    always="24 heures sur 24, 7 jours sur 7",
    whole_day="24 heures sur 24",
    nth={1: "1er", 2: "2e", 3: "3e", 4: "4e", 5: "5e", -1: "dernier"},
    of_month="{nth} {days} du mois",
    weeks=("semaines paires", "semaines impaires"),
    holidays={"PH": "jours fériés", "SH": "vacances scolaires"},
    closed="fermé",
    unknown="à confirmer",
    conjunction=" et ",
    colon=f"{NBSP}: ",
    raw=f"horaires (notation OpenStreetMap){NBSP}: ",
)
_ENGLISH: Final = _Words(
    days=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    day_range="{first} to {last}",
    month_range="{first} to {last}",
    in_months="in {months}",
    every_day="every day",
    always="24 hours a day, 7 days a week",
    whole_day="24 hours",
    nth={1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 5: "5th", -1: "last"},
    of_month="{nth} {days} of the month",
    weeks=("even weeks", "odd weeks"),
    holidays={"PH": "public holidays", "SH": "school holidays"},
    closed="closed",
    unknown="to be confirmed",
    conjunction=" and ",
    colon=": ",
    raw="hours (OpenStreetMap notation): ",
)


@lru_cache(maxsize=4096)
def _lines(osm: str, lang: Lang) -> tuple[str, ...]:
    words = _ENGLISH if lang == "en" else _FRENCH
    rules = read(osm)
    if rules is None:
        return (words.raw + osm,) if is_valid(osm) else ()
    return tuple(_line(group, words, lang) for group in _groups(rules))


def to_french(osm: str, lang: Lang = "fr") -> list[str]:
    """Lines for a page, in French unless `lang` is "en"; a comment of the source stays in its language.

    Days with the same hours share a line; a day whose hours are replaced by a later rule shows the latter alone. What
    is valid and not known here is one line with the notation itself; what is not valid gives no line.
    """
    return list(_lines(osm, lang))


def _groups(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Rules that share a line: for ordinary weeks what each day comes to, then every other rule as it is."""
    week: dict[int, list[Rule]] = {day: [] for day in WEEK}
    others: list[list[Rule]] = []
    for rule in rules:
        if not rule.weekly:
            if rule.added and others:
                others[-1].append(rule)
            else:
                others.append([rule])
            continue
        for day in rule.days:
            week[day] = [*week[day], rule] if rule.added else [rule]
    alike: dict[tuple[Rule, ...], list[int]] = {}
    for day, said in week.items():
        if said:
            alike.setdefault(tuple(replace(rule, days=()) for rule in said), []).append(day)
    return [[replace(rule, days=tuple(days)) for rule in said] for said, days in alike.items()] + others


def _line(rules: Sequence[Rule], words: _Words, lang: Lang) -> str:
    if len(rules) == 1 and rules[0] == Rule():
        return words.always
    who, what = _who(rules[0], words), ", ".join(_what(rule, words, lang) for rule in rules)
    return f"{who}{words.colon}{what}" if who else what


def _who(rule: Rule, words: _Words) -> str:
    parts = []
    if rule.months:
        parts.append(_months(rule.months, words))
    if rule.parity is not None:
        parts.append(words.weeks[rule.parity])
    days = [words.every_day] if rule.days == WEEK and not rule.nth else _ranges(rule.days, words)
    if rule.days == WEEK and (rule.months or rule.state == "unknown"):
        days = []
    named = [*days, *(words.holidays[holiday] for holiday in rule.holidays)]
    if rule.nth:
        nth = _listed([words.nth[number] for number in rule.nth], words)
        parts.append(words.of_month.format(nth=nth, days=_listed(named, words)))
    elif named:
        parts.append(_listed(named, words))
    return ", ".join(parts)


def _what(rule: Rule, words: _Words, lang: Lang) -> str:
    if rule.state == "unknown":
        return rule.comment or words.unknown
    if rule.state == "closed":
        hours = words.closed if rule.spans == WHOLE_DAY else f"{words.closed} {_times(rule.spans, lang)}"
    else:
        hours = words.whole_day if rule.spans == WHOLE_DAY else _times(rule.spans, lang)
    return f"{hours} ({rule.comment})" if rule.comment else hours


def _ranges(days: Sequence[int], words: _Words) -> list[str]:
    found = []
    for first, last in runs(days):
        if last - first > 1:
            found.append(words.day_range.format(first=words.days[first], last=words.days[last]))
        else:
            found += [words.days[day] for day in range(first, last + 1)]
    return found


def _months(months: Sequence[int], words: _Words) -> str:
    found = runs(months)
    if len(found) > 1 and found[0][0] == 1 and found[-1][1] == 12:  # from September to June
        found = [*found[1:-1], (found[-1][0], found[0][1])]
    if len(found) == 1 and (found[0][1] - found[0][0]) % 12 > 1:
        first, last = found[0]
        return words.month_range.format(first=words.months[first - 1], last=words.months[last - 1])
    return words.in_months.format(months=_listed([words.months[month - 1] for month in months], words))


def _listed(items: Sequence[str], words: _Words) -> str:
    *before, last = items
    return words.conjunction.join([", ".join(before), last]) if before else last


def _times(spans: Iterable[Span], lang: Lang) -> str:
    if lang == "en":
        return ", ".join(f"{_english(start)}–{_english(end)}" for start, end in spans)
    return ", ".join(f"{_french(start)} – {_french(end)}" for start, end in spans)


def _french(minute: int) -> str:
    hours, minutes = divmod(minute if minute <= DAY_MIN else minute - DAY_MIN, 60)
    return f"{hours}{NBSP}h" + (f"{NBSP}{minutes:02}" if minutes else "")


def _english(minute: int) -> str:
    hours, minutes = divmod(minute if minute <= DAY_MIN else minute - DAY_MIN, 60)
    return f"{hours}:{minutes:02}"
