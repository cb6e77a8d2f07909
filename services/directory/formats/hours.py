"""Opening hours as French people write them, into OpenStreetMap's `opening_hours`; and what is asked of the latter.

Better no hours than wrong hours: a phrase that could mean two things is kept as text for people to read. What is read
and what is not is told in `docs/hours.md`. The rest of the module's matter: whether a place is open
(`is_open`, `week_bits` for many at once), and lines for pages (`to_french`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

from services.directory.formats.hours_clock import WEEK_BYTES, is_open, is_public_holiday, week_bits, week_slot
from services.directory.formats.hours_people import to_french
from services.directory.formats.hours_phrases import Unread
from services.directory.formats.hours_plan import Plan
from services.directory.formats.hours_rules import Rule, beside_nights, is_valid, write
from services.directory.formats.hours_sentences import understand
from services.directory.formats.hours_words import Token, fold, tokens

__all__ = [
    "WEEK_BYTES",
    "Hours",
    "from_text",
    "from_week",
    "is_open",
    "is_public_holiday",
    "to_french",
    "week_bits",
    "week_slot",
]

COMMENT_LETTERS: Final = 80
_WEEKDAYS: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_CLOSED: Final = {"-", "--", "ferme", "fermee", "ferme.", "closed", "off", "neant"}
# Words that French does not share: "Sa 10:00-12:00" and "Mar 10:00-12:00" are French too, and March is not Tuesday.
_SURELY_OSM: Final = re.compile(r"\b(?:(?:Mo|Tu|We|Th|Fr|Su|PH|SH|24/7|week ?\d|off|closed|unknown)\b|Sa\[-?\d)")
_TIMELESS: Final = {"word", "note", "number", "comma", "and", "to", "slash", "dash", "colon", "booking"}


class Hours(NamedTuple):
    """Opening hours as understood.

    Args:
        osm: OpenStreetMap's notation, valid; None when nothing could be read, or nothing was said.
        text: what `osm` does not say, in the words of the source; None when `osm` says everything.
        read: whether all that was said of hours is in `osm`. False with an `osm` means read in part.
    """

    osm: str | None
    text: str | None
    read: bool

    @property
    def partial(self) -> bool:
        """Whether some hours were read and some were not."""
        return self.osm is not None and not self.read


NOTHING: Final = Hours(None, None, True)


def from_text(text: str | None) -> Hours:
    """Read hours from a free text: "lundi au vendredi 9h-12h et 14h-17h30, sauf mercredi après-midi".

    A text already in OpenStreetMap's notation is returned as it is. Never raises.
    """
    said = (text or "").strip()
    return _read_text(said) if said else NOTHING


@lru_cache(maxsize=2048)
def _read_text(said: str) -> Hours:
    if _is_osm(said):
        return Hours(said, None, True)
    words, rest = _set_aside(said, tokens(said))
    try:
        osm = write(understand(words).rules())
    except Unread:
        return Hours(None, said, False)
    if is_valid(said) and osm != said:  # "Mar 10:00-12:00": March for OpenStreetMap, Tuesday in French
        return Hours(None, said, False)
    return Hours(osm, rest or None, not rest)


def _is_osm(text: str) -> bool:
    return bool(_SURELY_OSM.search(text)) and is_valid(text)


def _set_aside(text: str, words: Sequence[Token]) -> tuple[list[Token], str]:
    """The words to understand, and the text at the end that says nothing about times: a phone, "entrée par la cour"."""
    kept, cut = list(words), len(text)
    while (chunk := _last_chunk(kept)) and _is_timeless(chunk):
        cut = chunk[0].start
        kept = _without_last_sign(kept[: len(kept) - len(chunk)])
    aside = [token.text.strip() for token in kept if token.kind == "note"]
    rest = text[cut:].strip(" \t\r\n;()|•·*")
    return [token for token in kept if token.kind != "note"], " ".join(filter(None, (*aside, rest)))


def _last_chunk(words: Sequence[Token]) -> Sequence[Token]:
    """The words after the last full stop, semicolon, new line or bracket; a closing sign at the very end is left."""
    last = len(words)
    while last and words[last - 1].kind in ("hard", "close"):
        last -= 1
    first = last
    while first and words[first - 1].kind not in ("hard", "open", "close"):
        first -= 1
    return words[first:]


def _without_last_sign(words: list[Token]) -> list[Token]:
    return words[:-1] if words and words[-1].kind in ("hard", "open") else words


def _is_timeless(chunk: Sequence[Token]) -> bool:
    inner = [token.kind for token in chunk if token.kind not in ("hard", "close")]
    return "word" in inner and _TIMELESS.issuperset(inner)


def from_week(days: Mapping[str, str | None], note: str | None = None) -> Hours:
    """Read a table of one cell for each weekday: `{"h_lundi": "09:00 - 12:00 / 13:30 - 17:00", "h_mardi": None}`.

    Args:
        days: cells by column; a column is known by the French name of the day in it. Empty means not open.
        note: remark beside the table. Read when it is about all hours ("sur rendez-vous", "fermé les jours fériés"),
            else returned in `text`, and no reason to call the hours unread.
    Returns:
        A day whose cell could not be read is `unknown` in `osm`, with the cell as its comment: neither open nor closed.
    Raises:
        ValueError: a column names no day.
    """
    cells = [(_day_of(column), " ".join(cell.split())) for column, cell in days.items() if cell and cell.strip()]
    said = (note or "").strip()
    week = _read_cells(sorted(cells))
    if not week.rules and not week.unread:
        return _empty_week(bool(cells), said)
    rules, rest = _with_note(week, said)
    unread = [f"{_WEEKDAYS[day]} : {cell}" for day, cell in week.unread]
    text = "\n".join(filter(None, (*unread, rest))) or None
    return Hours(write(rules) if week.rules else None, text, not unread)


@lru_cache(maxsize=64)
def _day_of(column: str) -> int:
    name = fold(column)
    for day, word in enumerate(_WEEKDAYS):
        if word in name:
            return day
    raise ValueError(f"no weekday in the name of column {column!r}")


class _Week(NamedTuple):
    rules: list[Rule]
    unread: list[tuple[int, str]]
    holidays: tuple[str, ...]


def _read_cells(cells: Iterable[tuple[int, str]]) -> _Week:
    read: dict[int, tuple[Rule, ...]] = {}
    unread: list[tuple[int, str]] = []
    for day, cell in cells:
        rules = _read_cell(cell)
        if rules is None:
            unread.append((day, cell))
        elif rules:
            read[day] = rules
    closed = {rule.holidays for rules in read.values() for rule in rules if rule.holidays}
    holidays = closed.pop() if len(closed) == 1 and all(rules[-1].holidays for rules in read.values()) else ()
    if not holidays:  # "sauf jours fériés" said of one day only cannot be written
        texts = dict(cells)
        unread += [(day, texts[day]) for day, rules in read.items() if rules[-1].holidays]
        read = {day: rules for day, rules in read.items() if not rules[-1].holidays}
    return _Week(_grouped(read), sorted(unread), holidays)


@lru_cache(maxsize=4096)
def _read_cell(cell: str) -> tuple[Rule, ...] | None:
    """The rules of a cell as if it were Monday's: none when closed, None when it cannot be read."""
    if fold(cell) in _CLOSED:
        return ()
    try:
        return tuple(understand(tokens(cell), day=0).rules())
    except Unread:
        return None


def _grouped(read: Mapping[int, tuple[Rule, ...]]) -> list[Rule]:
    """One set of rules for the days that have the same hours."""
    alike: dict[tuple[Rule, ...], list[int]] = {}
    for day, rules in read.items():
        alike.setdefault(tuple(rule for rule in rules if not rule.holidays), []).append(day)
    return beside_nights([replace(rule, days=tuple(days)) for rules, days in alike.items() for rule in rules])


def _with_note(week: _Week, note: str) -> tuple[list[Rule], str]:
    """All rules of the week, those of its note too when it is about all hours; else the note is left over."""
    plan = _read_note(note) if note else None
    comment, holidays = (plan.comment, {*week.holidays, *plan.holidays}) if plan else ("", set(week.holidays))
    rules = [replace(rule, comment=rule.comment or comment) for rule in week.rules]
    rules += [Rule((day,), state="unknown", comment=_as_comment(cell)) for day, cell in week.unread]
    if holidays:
        rules.append(Rule((), state="closed", holidays=tuple(sorted(holidays))))
    return rules, "" if plan else note


@lru_cache(maxsize=256)
def _read_note(note: str) -> Plan | None:
    try:
        plan = understand(tokens(note))
    except Unread:
        return None
    return None if plan.offers or plan.closed else plan


def _empty_week(closed: bool, note: str) -> Hours:
    if closed:
        return Hours("off", note or None, True)
    found = from_text(note)
    return found if found.read else Hours(None, note, True)


def _as_comment(cell: str) -> str:
    plain = cell.replace('"', "'")
    return plain if len(plain) <= COMMENT_LETTERS else plain[: COMMENT_LETTERS - 1] + "…"
