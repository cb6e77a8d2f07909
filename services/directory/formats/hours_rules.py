"""Opening hours as rules, and OpenStreetMap's notation of them: written, and read back for what we write.

A rule says of some days that a place is open between some times, closed, or unknown ("sur rendez-vous"). A later rule
replaces an earlier one on the days of both; a rule that is `added` completes it. The notation and its meaning are
OpenStreetMap's: https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification. `read` knows the part of it that
`write` makes; other expressions are valid all the same and are left to the library `opening_hours`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

State = Literal["open", "closed", "unknown"]
Span = tuple[int, int]

DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAY_MIN: Final = 1440
WHOLE_DAY: Final[tuple[Span, ...]] = ((0, DAY_MIN),)
WEEK: Final = (0, 1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of opening hours.

    Args:
        days: weekdays, 0 is Monday, rising; empty where only `holidays` are meant.
        spans: (start, end) in minutes after midnight, rising; an end after 1440 is on the next day.
        comment: for people, in French; without double quotes.
        nth: which of these weekdays in the month, 1 to 5, -1 the last; empty for all.
        parity: 0 for even ISO weeks, 1 for odd ones, None for all.
        months: 1 to 12, rising; empty for all.
        holidays: `PH` public holidays, `SH` school holidays.
        added: completes the rules before it instead of replacing them.
    """

    days: tuple[int, ...] = WEEK
    spans: tuple[Span, ...] = WHOLE_DAY
    state: State = "open"
    comment: str = ""
    nth: tuple[int, ...] = ()
    parity: int | None = None
    months: tuple[int, ...] = ()
    holidays: tuple[str, ...] = ()
    added: bool = False

    @property
    def weekly(self) -> bool:
        """Whether it says the same of every week of the year."""
        return not (self.nth or self.months or self.holidays) and self.parity is None


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Rising numbers as first and last of each run: `(0, 1, 2, 4)` gives `[(0, 2), (4, 4)]`."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch or overlap made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def beside_nights(rules: list[Rule]) -> list[Rule]:
    """The rules, each completing the others when a night is among them: a day's rule would replace the night before."""
    if not any(span[1] > DAY_MIN for rule in rules for span in rule.spans):
        return rules
    return [replace(rule, added=rule.added or number > 0) for number, rule in enumerate(rules)]


def write(rules: Iterable[Rule]) -> str:
    """The rules in OpenStreetMap's notation: `Mo-Fr 09:00-12:00,14:00-17:00; PH off`."""
    text = ""
    for rule in rules:
        text += (", " if rule.added else "; ") * bool(text) + _rule(rule)
    return text


def _rule(rule: Rule) -> str:
    if rule == Rule():
        return "24/7"
    unsaid = rule.spans == WHOLE_DAY and rule.state != "open"
    parts = [
        _names(rule.months, MONTHS, 1),
        f"week {2 - rule.parity:02}-{52 + rule.parity}/2" if rule.parity is not None else "",
        _days(rule),
        "" if unsaid else ",".join(f"{_clock(start)}-{_clock(end)}" for start, end in rule.spans),
        {"open": "", "closed": "off", "unknown": "unknown"}[rule.state],
        f'"{rule.comment}"' if rule.comment else "",
    ]
    return " ".join(part for part in parts if part)


def _days(rule: Rule) -> str:
    if rule.nth:
        nth = ",".join(str(number) for number in rule.nth)
        return ",".join(f"{DAYS[day]}[{nth}]" for day in rule.days)
    if rule.days == WEEK and not rule.holidays:
        return "" if rule.spans == WHOLE_DAY and rule.state != "open" else "Mo-Su"
    return ",".join(filter(None, (_names(rule.days, DAYS, 0), *rule.holidays)))


def _names(numbers: Sequence[int], names: Sequence[str], first: int) -> str:
    pairs = [(names[start - first], names[end - first]) for start, end in runs(numbers)]
    return ",".join(start if start == end else f"{start}-{end}" for start, end in pairs)


def _clock(minute: int) -> str:
    if minute > DAY_MIN:
        minute -= DAY_MIN
    return f"{minute // 60:02}:{minute % 60:02}"


_PIECE = re.compile(r"(; |, )?((?:\"[^\"]*\"|,(?! )|[^;,\"|])+)")
_DAY = rf"(?:{'|'.join(DAYS)})"
_MONTH = rf"(?:{'|'.join(MONTHS)})"
_DAY_ITEM = rf"(?:{_DAY}(?:-{_DAY}|\[-?\d(?:,-?\d)*\])?|PH|SH)"
_MONTH_ITEM = rf"{_MONTH}(?:-{_MONTH})?"
_SPAN = r"\d\d:\d\d-\d\d:\d\d"
_RULE = re.compile(
    rf"(?:(?P<months>{_MONTH_ITEM}(?:,{_MONTH_ITEM})*)(?: |$))?"
    r"(?:week ?(?P<week>02-52|01-53)/2(?: |$))?"
    rf"(?:(?P<days>24/7|{_DAY_ITEM}(?:,{_DAY_ITEM})*)(?: |$))?"
    rf"(?:(?P<spans>{_SPAN}(?:,{_SPAN})*)(?: |$))?"
    r"(?:(?P<state>open|closed|off|unknown)(?: |$))?"
    r"(?:\"(?P<comment>[^\"]+)\")?$"
)
_STATES: Final[dict[str | None, State]] = {
    None: "open",
    "open": "open",
    "closed": "closed",
    "off": "closed",
    "unknown": "unknown",
}


def is_valid(osm: str) -> bool:
    """Whether this is an expression in OpenStreetMap's notation."""
    return _canonical(osm) is not None


@lru_cache(maxsize=8192)
def _canonical(osm: str) -> str | None:
    """The expression as the library writes it, which is what `read` knows; None when it is not valid."""
    from opening_hours import OpeningHours, validate

    return str(OpeningHours(osm)) if validate(osm) else None


@lru_cache(maxsize=8192)
def read(osm: str) -> tuple[Rule, ...] | None:
    """The rules of a valid expression, or None when it says more than `Rule` can, or nothing valid."""
    text = _canonical(osm)
    if text is None:
        return None
    rules, at = [], 0
    for piece in _PIECE.finditer(text):
        rule = _read_rule(piece.group(2).strip(), added=piece.group(1) == ", ")
        if rule is None or piece.start() != at:
            return None
        rules.append(rule)
        at = piece.end()
    return tuple(rules) if at == len(text) else None


def _read_rule(text: str, *, added: bool) -> Rule | None:
    found = _RULE.match(text)
    if found is None:
        return None
    days, nth, holidays = _read_days(found["days"] or "24/7")
    if days is None:
        return None
    comment = found["comment"] or ""
    # A comment alone means "ask": the specification's unknown, which the library takes for open.
    bare = bool(comment) and not (found["spans"] or found["state"])
    return Rule(
        days=days,
        spans=_read_spans(found["spans"]),
        state="unknown" if bare else _STATES[found["state"]],
        comment=comment,
        nth=nth,
        parity={"02-52": 0, "01-53": 1}.get(found["week"]),
        months=_read_range(found["months"] or "", MONTHS, 1),
        holidays=holidays,
        added=added,
    )


def _read_days(text: str) -> tuple[tuple[int, ...] | None, tuple[int, ...], tuple[str, ...]]:
    if text == "24/7":
        return WEEK, (), ()
    items = re.findall(_DAY_ITEM, text)
    holidays = tuple(item for item in items if item in ("PH", "SH"))
    counted = {item[2:].strip("[]") for item in items if item not in holidays and "[" in item}
    plain = [item for item in items if item not in holidays and "[" not in item]
    if len(counted) > 1 or (counted and (plain or holidays)):
        return None, (), ()
    nth = tuple(int(number) for number in (counted.pop().split(",") if counted else ()))
    named = plain or [item[:2] for item in items if item not in holidays]
    return _read_range(",".join(named), DAYS, 0), nth, holidays


def _read_range(text: str, names: Sequence[str], first: int) -> tuple[int, ...]:
    found: set[int] = set()
    for item in filter(None, text.split(",")):
        start, end = (names.index(name) for name in (item.split("-") * 2)[:2])
        found.update(number % len(names) + first for number in range(start, end + 1 + len(names) * (end < start)))
    return tuple(sorted(found))


def _read_spans(text: str | None) -> tuple[Span, ...]:
    if text is None:
        return WHOLE_DAY
    spans = []
    for hours, minutes, until_hours, until_minutes in re.findall(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text):
        start, end = int(hours) * 60 + int(minutes), int(until_hours) * 60 + int(until_minutes)
        spans.append((start, end if end > start else end + DAY_MIN))
    return merged(spans)
