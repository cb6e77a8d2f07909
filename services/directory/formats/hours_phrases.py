"""Groups of words about opening hours: which days ("du lundi au jeudi", "1er et 3e mardi du mois"), which times.

Each function takes the words from where the cursor stands and leaves it behind them. What could be read in two ways
raises `Unread`: better a phrase kept as text than wrong hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from services.directory.formats.hours_rules import DAY_MIN, WEEK, Span, merged
from services.directory.formats.hours_words import Token

MORNING_STARTS_BEFORE_MIN: Final = 12 * 60
MORNING_ENDS_BY_MIN: Final = 14 * 60
FRIDAY: Final = 4
NIGHT_STARTS_FROM_MIN: Final = 17 * 60
NIGHT_ENDS_BY_MIN: Final = 10 * 60
_LAST_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LISTING: Final = ("comma", "and", "slash", "dash")
_END: Final = Token("end", 0, 0, 0, "")


class Unread(Exception):
    """The phrase may mean several things, or nothing that we know; it is kept as text."""


class Cursor:
    """Where the reader stands in a list of words."""

    def __init__(self, words: Sequence[Token]) -> None:
        self.words, self.at = words, 0

    def peek(self, ahead: int = 0) -> Token:
        """The word at the cursor or further on; a word of kind `end` behind the last."""
        at = self.at + ahead
        return self.words[at] if 0 <= at < len(self.words) else _END

    def take(self) -> Token:
        """The word at the cursor, which moves on."""
        self.at += 1
        return self.peek(-1)

    def skip(self, *kinds: str) -> bool:
        """Move on while the words are of these kinds; say whether there was one."""
        before = self.at
        while self.peek().kind in kinds:
            self.at += 1
        return self.at > before


@dataclass(frozen=True, slots=True)
class Item:
    """Some days named together, with the part of them that is meant (0 morning, 1 afternoon)."""

    days: tuple[int, ...]
    nth: tuple[int, ...] = ()
    part: int | None = None


@dataclass(slots=True)
class Days:
    """A group of days; without `items`, only weeks or months are named."""

    items: list[Item] = field(default_factory=list)
    parity: int | None = None
    months: tuple[int, ...] = ()

    @property
    def every(self) -> set[int]:
        """All weekdays of the group."""
        return {day for item in self.items for day in item.days}


def starts_days(cursor: Cursor) -> bool:
    """Whether days, weeks or months are named here."""
    kind, after = cursor.peek().kind, cursor.peek(1).kind
    return kind in ("day", "days", "nth", "parity", "month", "ofmonth") or (kind == "number" and after == "month")


def take_days(cursor: Cursor) -> Days:
    """The days named here, up to the first word that is about something else.

    Weeks or months named first stand alone: "semaines paires : lundi …, mardi …" may go on for several days.
    """
    group, monthly, joined = Days(), False, True
    while starts_days(cursor):
        kind = cursor.peek().kind
        is_date = kind in ("nth", "number") and cursor.peek(1).kind == "month"
        if kind == "month" or is_date:
            _fit(not group.months and len(group.items) < 2)
            group.months = _take_months(cursor)
        elif kind == "parity":
            _fit(group.parity is None and len(group.items) < 2)
            group.parity = cursor.take().value
        elif kind == "ofmonth":
            _fit(not monthly)
            monthly = bool(cursor.take())
        else:
            _fit(joined or not group.items or not group.items[-1].nth)
            _fit(group.parity is None and not group.months)  # "mardi (semaines paires) et jeudi"
            group.items.append(_take_item(cursor))
        if not group.items and not monthly:
            return group
        joined = _skip_to_days(cursor)
    counted = any(item.nth for item in group.items)
    _fit(monthly == counted and not (counted and group.parity is not None))
    _fit(not (counted and any(not item.nth for item in group.items)))
    return group


def _fit(condition: bool) -> None:
    if not condition:
        raise Unread


def _skip_to_days(cursor: Cursor) -> bool:
    """Pass what joins days to more days, only when more days follow."""
    start = cursor.at
    cursor.skip(*_LISTING, "open", "close")
    if not starts_days(cursor):
        cursor.at = start
    return cursor.at > start


def _take_item(cursor: Cursor) -> Item:
    nth = _take_nth(cursor)
    token = cursor.take()
    if token.kind == "days":
        _fit(not nth)
        days = tuple(day for day in WEEK if token.value >> day & 1)
    else:
        _fit(token.kind == "day")
        days = (token.value,) if nth else _take_range(cursor, token)
    part = cursor.take().value if cursor.peek().kind == "part" and not _opens_times(cursor) else None
    return Item(days, nth, part)


def _opens_times(cursor: Cursor) -> bool:
    """Whether the part of the day here belongs to times: "lundi : matin 9h-12h" after a colon does."""
    return cursor.peek(-1).kind == "colon"


def _take_nth(cursor: Cursor) -> tuple[int, ...]:
    found = []
    while cursor.peek().kind == "nth":
        found.append(cursor.take().value)
        start = cursor.at
        cursor.skip("comma", "and", "slash")
        if cursor.peek().kind != "nth":
            cursor.at = start
    _fit(len(set(found)) == len(found))
    return tuple(sorted(found, key=lambda number: number % 7))


def _take_range(cursor: Cursor, first: Token) -> tuple[int, ...]:
    sign = cursor.peek()
    if cursor.peek(1).kind != "day" or sign.kind not in ("to", "dash", "slash"):
        return (first.value,)
    named = [first]
    while cursor.peek().kind == sign.kind and cursor.peek(1).kind == "day":
        cursor.take()
        named.append(cursor.take())
    days = [token.value for token in named]
    if len(days) > 2:  # "lundi - mardi - jeudi" can only be a list
        _fit(sign.kind != "to" and days == sorted(set(days)))
        return tuple(days)
    return _two(days[0], days[1], sign, tight=named[0].end == sign.start and sign.end == named[1].start)


def _two(first: int, last: int, sign: Token, *, tight: bool) -> tuple[int, ...]:
    """The days meant by two names and a sign: "mardi / jeudi" and "mardi - jeudi" may be a range or a list, unread.

    A dash is surely a range from Monday to the week's end; without spaces, also from Monday or to the week's end.
    """
    if sign.kind == "to":
        _fit(first != last)
        return tuple(sorted({day % 7 for day in range(first, last + 1 + 7 * (last < first))}))
    bounds = (first == 0) + (last >= FRIDAY)
    _fit(first + 1 == last or (first < last and sign.kind == "dash" and bounds >= (1 if tight else 2)))
    return tuple(range(first, last + 1))


def _take_months(cursor: Cursor) -> tuple[int, ...]:
    found: set[int] = set()
    while True:
        day, first = _take_date(cursor)
        last = first
        if cursor.peek().kind in ("to", "dash") and _is_date(cursor, 1):
            cursor.take()
            until, last = _take_date(cursor)
            _fit((day in (None, 1)) and (day is None) == (until is None))
            _fit(until is None or until == _LAST_DAYS[last - 1] or (until, last) == (28, 2))
        else:
            _fit(day is None)
        found.update(month % 12 + 1 for month in range(first - 1, last + 12 * (last < first)))
        if cursor.peek().kind not in ("comma", "and") or not _is_date(cursor, 1):
            return tuple(sorted(found))
        cursor.take()


def _is_date(cursor: Cursor, ahead: int) -> bool:
    kind, after = cursor.peek(ahead).kind, cursor.peek(ahead + 1).kind
    return kind == "month" or (kind in ("nth", "number") and after == "month")


def _take_date(cursor: Cursor) -> tuple[int | None, int]:
    day = cursor.take().value if cursor.peek().kind in ("nth", "number") else None
    return day, cursor.take().value


def starts_times(cursor: Cursor, ahead: int = 0) -> bool:
    """Whether a span of times stands here: `9h-12h`, `de 9 à 12h`, `entre 9h et 12h`, `matin : 9h-12h`."""
    kind = cursor.peek(ahead).kind
    if kind == "part":
        further = ahead + 1
        while cursor.peek(further).kind in ("colon", "comma", "dash", "open"):
            further += 1
        return cursor.peek(further).kind != "part" and starts_times(cursor, further)
    if kind == "everyday":
        return True
    inner = ("and", "dash", "to") if kind == "between" else ("dash", "to", "slash", "until")
    ahead += kind == "between"
    first, sign, last = (cursor.peek(ahead + step).kind for step in range(3))
    return sign in inner and (first, last) in (("time", "time"), ("number", "time"), ("time", "number"))


def take_times(cursor: Cursor, part: int | None = None) -> tuple[Span, ...]:
    """All spans from here on, in order, disjoint; `part` is the part of the day named with the days before."""
    pairs: list[Span] = []
    named: list[tuple[int, int]] = []
    while starts_times(cursor):
        if cursor.peek().kind == "part":
            named.append((cursor.take().value, len(pairs)))
            cursor.skip("colon", "comma", "dash", "open")
        pairs.append(_take_pair(cursor))
        if cursor.peek().kind == "part" and not starts_times(cursor):
            named.append((cursor.take().value, len(pairs) - 1))
        start = cursor.at
        cursor.skip("comma", "and", "slash", "dash", "close", "open", "hard")
        if not starts_times(cursor):
            cursor.at = start
    _check_parts(pairs, named, part)
    return disjoint(pairs)


def _take_pair(cursor: Cursor) -> Span:
    if cursor.skip("everyday"):
        return (0, DAY_MIN)
    cursor.skip("between")
    first, _, last = cursor.take(), cursor.take(), cursor.take()
    start, end = (token.value * (60 if token.kind == "number" else 1) for token in (first, last))
    _fit(start <= DAY_MIN and end <= DAY_MIN)
    return start % DAY_MIN, end or DAY_MIN * (start % DAY_MIN > 0)


def in_part(span: Span, part: int) -> bool:
    """Whether a span lies in the morning (0) or in the afternoon (1)."""
    if part == 0:
        return span[0] < MORNING_STARTS_BEFORE_MIN and span[1] <= MORNING_ENDS_BY_MIN
    return MORNING_STARTS_BEFORE_MIN <= span[0] < span[1]


def check_part(spans: Sequence[Span], part: int) -> None:
    """Hours of "lundi matin" lie in the morning; raises `Unread` otherwise."""
    _fit(all(in_part(span, part) for span in spans))


def _check_parts(pairs: Sequence[Span], named: Sequence[tuple[int, int]], part: int | None) -> None:
    """A named part of the day must agree with its times: "après-midi 9h-12h" is a mistake, whichever it is."""
    _fit(all(in_part(pairs[at], value) or (at and in_part(pairs[at - 1], value)) for value, at in named))
    if part is not None:
        check_part(pairs[:1] if named else pairs, part)


def disjoint(pairs: Sequence[Span]) -> tuple[Span, ...]:
    """The spans in order. Empty ones (`00:00 - 00:00` where a slot is unused) and repeats are dropped.

    Raises `Unread` when nothing is left, when spans overlap, and when one ends before it starts, save one night.
    """
    spans = sorted({pair for pair in pairs if pair != (0, 0)})
    _fit(bool(spans))
    if len(spans) == 1 and spans[0][0] >= NIGHT_STARTS_FROM_MIN and 0 < spans[0][1] <= NIGHT_ENDS_BY_MIN:
        return ((spans[0][0], spans[0][1] + DAY_MIN),)
    _fit(all(start < end for start, end in spans))
    _fit(all(before[1] <= after[0] for before, after in pairwise(spans)))
    return merged(spans)
