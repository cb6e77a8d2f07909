"""Whether a place is open at a moment, for one expression or, by bits, for thousands at once.

Times are those of the place. Public holidays are France's (eleven of them); no calendar of school holidays is known, so
that an expression that depends on them has no answer on days when they would change it.

Many at once: `week_bits` of each expression as a row of a numpy array of `WEEK_BYTES` columns, then

    byte, bit, holiday = week_slot(at)
    is_open = (rows[:, byte] >> bit) & 1
    if holiday:
        is_open &= rows[:, WEEK_BYTES - 1] ^ 1
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from services.directory.formats.hours_rules import DAY_MIN, WEEK, WHOLE_DAY, Rule, Span, is_valid, read, write

if TYPE_CHECKING:
    from opening_hours import OpeningHours

PARIS: Final = "Europe/Paris"
QUARTER_MIN: Final = 15
QUARTERS_A_DAY: Final = DAY_MIN // QUARTER_MIN
WEEK_BYTES: Final = len(WEEK) * QUARTERS_A_DAY // 8 + 1


def is_open(osm: str, at: datetime, timezone: str = PARIS) -> bool | None:
    """Whether the place is open at `at` (aware); None when the expression does not say, or is not valid.

    "Ouvert sur rendez-vous" between two times is open; "sur rendez-vous" without times is not known.
    """
    if at.tzinfo is None:
        raise ValueError("at is naive: an aware time is needed")
    local = at.astimezone(_zone(timezone)).replace(tzinfo=None)
    answers = {_state(reading, local) for reading in _readings(osm)}
    return answers.pop() if len(answers) == 1 else None


def _state(reading: OpeningHours, local: datetime) -> bool | None:
    return None if reading.is_unknown(local) else bool(reading.is_open(local))


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=8192)
def _readings(osm: str) -> tuple[OpeningHours, ...]:
    """What the expression may mean: one reading, or one in term and one in school holidays; none when not valid."""
    from opening_hours import OpeningHours

    if not is_valid(osm):
        return ()
    rules = read(osm)
    if rules is None:
        meanings = {osm} if "SH" not in osm else set()
    else:
        meanings = {write(_in_school_holidays(rules, are)) or "off" for are in (False, True)}
    return tuple(OpeningHours(meaning, country="FR") for meaning in sorted(meanings))


def _in_school_holidays(rules: tuple[Rule, ...], are: bool) -> list[Rule]:
    """The rules on a day of the school holidays, or of the term: those about `SH` hold every day, or never."""
    found = []
    for rule in rules:
        if "SH" not in rule.holidays:
            found.append(rule)
            continue
        others = tuple(holiday for holiday in rule.holidays if holiday != "SH")
        if are:
            found.append(replace(rule, days=WEEK, holidays=()))
        elif others or rule.days:
            found.append(replace(rule, holidays=others))
    return found


@lru_cache(maxsize=512)
def is_public_holiday(day: date) -> bool:
    """Whether this is one of the eleven public holidays of all France (law: Code du travail, L3133-1)."""
    from opening_hours import OpeningHours

    return bool(OpeningHours("PH 10:00-11:00", country="FR").is_open(datetime.combine(day, time(10))))


class Slot(NamedTuple):
    """Where a moment is in `week_bits`: its byte, its bit from the lowest, and whether the day is a public holiday."""

    byte: int
    bit: int
    holiday: bool


def week_slot(at: datetime, timezone: str = PARIS) -> Slot:
    """The quarter of an hour of the week that holds `at` (aware)."""
    local = at.astimezone(_zone(timezone))
    quarter = local.weekday() * QUARTERS_A_DAY + (local.hour * 60 + local.minute) // QUARTER_MIN
    return Slot(quarter // 8, quarter % 8, is_public_holiday(local.date()))


@lru_cache(maxsize=8192)
def week_bits(osm: str) -> bytes | None:
    """When a place is open in a week: `WEEK_BYTES` (85) bytes, or None when a week does not say it all.

    84 bytes of bits, one for each quarter of an hour from Monday 00:00, lowest bit first; then 1 when the place is
    closed on public holidays, else 0. None (ask `is_open`) for hours that are not the same every week, that may be
    unknown, that start or end within a quarter, or that run past midnight where public holidays matter.
    """
    rules = read(osm)
    if rules is None:
        return None
    closed_on_holidays = bool(rules) and rules[-1] == Rule((), WHOLE_DAY, "closed", rules[-1].comment, holidays=("PH",))
    weekly = rules[:-1] if closed_on_holidays else rules
    week = _week(weekly)
    if week is None:
        return None
    bits = 0
    for day, spans in enumerate(week):
        for start, end in spans:
            if start % QUARTER_MIN or end % QUARTER_MIN or (end > DAY_MIN and closed_on_holidays):
                return None
            bits |= _bits(day, start, end)
    return bits.to_bytes(WEEK_BYTES - 1, "little") + bytes([closed_on_holidays])


def _week(rules: tuple[Rule, ...]) -> list[list[Span]] | None:
    """The open spans of each weekday, a later rule replacing an earlier one; None when not the same every week."""
    week: list[list[Span]] = [[] for _ in WEEK]
    night = False
    for rule in rules:
        if not rule.weekly or rule.state == "unknown" or (night and not rule.added):
            return None
        night |= rule.spans[-1][1] > DAY_MIN
        if rule.state == "closed" and (rule.spans != WHOLE_DAY or rule.added):
            return None
        for day in rule.days:
            spans = list(rule.spans) if rule.state == "open" else []
            week[day] = week[day] + spans if rule.added else spans
    return week


def _bits(day: int, start: int, end: int) -> int:
    first, count = day * QUARTERS_A_DAY + start // QUARTER_MIN, (end - start) // QUARTER_MIN
    total = len(WEEK) * QUARTERS_A_DAY
    mask = ((1 << count) - 1) << first
    return mask & ((1 << total) - 1) | mask >> total  # Sunday night goes on on Monday
