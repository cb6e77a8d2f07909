"""What has been understood of someone's opening hours so far, changed phrase by phrase, then told as rules.

A plan holds, for each context (some weeks of the month, even or odd weeks, some months), what each weekday offers.
Two contexts that may meet on one day ("mardi 9h-12h" and "1er mardi du mois 14h-17h") cannot be told apart from a
correction of one by the other: such a plan has no rules and raises `Unread`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Final

from services.directory.formats.hours_phrases import Days, Item, Unread, in_part
from services.directory.formats.hours_rules import WEEK, WHOLE_DAY, Rule, Span, beside_nights, merged


@dataclass(frozen=True, slots=True)
class Context:
    """When in the year: which of these days in the month, which weeks (0 even, 1 odd), which months; empty for all."""

    nth: tuple[int, ...] = ()
    parity: int | None = None
    months: tuple[int, ...] = ()

    def may_meet(self, other: Context) -> bool:
        """Whether one same day may lie in both."""
        if self.parity is not None and other.parity is not None and self.parity != other.parity:
            return False
        if self.months and other.months and not set(self.months) & set(other.months):
            return False
        return not (self.nth and other.nth) or bool(set(self.nth) & set(other.nth))


ALWAYS: Final = Context()


@dataclass(slots=True)
class Offer:
    """What one phrase says of one day: spans of times; none when the day is unknown ("sur rendez-vous")."""

    spans: tuple[Span, ...]
    comment: str = ""


Phrase = list[tuple[Context, int]]


@dataclass(slots=True)
class Plan:
    """Opening hours as understood so far.

    Args:
        offers: by context and weekday.
        comment: said of all hours.
        closed: contexts of days closed although others are open: months, "le 1er lundi du mois".
        holidays: `PH` and `SH` when closed then.
        told: for each day of a context, all days of the phrase that gave it hours.
    """

    offers: dict[Context, dict[int, list[Offer]]] = field(default_factory=dict)
    comment: str = ""
    closed: list[tuple[Context, tuple[int, ...]]] = field(default_factory=list)
    holidays: set[str] = field(default_factory=set)
    told: dict[tuple[Context, int], frozenset[tuple[Context, int]]] = field(default_factory=dict)

    def add(self, days: Days, spans: tuple[Span, ...], comment: str = "") -> Phrase:
        """Open these days between these times; without times they are unknown. Returns where, to speak of it again."""
        phrase: Phrase = []
        for item in days.items:
            context = Context(item.nth, days.parity, days.months)
            phrase += [(context, day) for day in item.days]
        if len(set(phrase)) < len(phrase):
            raise Unread
        for place in phrase:
            # "du lundi au vendredi 9h-12h, mardi 14h-17h": more hours for Tuesday, or others?
            if self.told.setdefault(place, frozenset(phrase)) != frozenset(phrase):
                raise Unread
        for context, day in phrase:
            self.offers.setdefault(context, {}).setdefault(day, []).append(Offer(spans, comment))
        return phrase

    def remark(self, phrase: Phrase, comment: str) -> None:
        """Say something of the hours given last for these days."""
        for context, day in phrase:
            offer = self.offers[context][day][-1]
            if offer.comment:
                raise Unread
            offer.comment = comment

    def move(self, phrase: Phrase, days: Days) -> Phrase:
        """Restrict what was given last to some weeks or months."""
        moved: Phrase = []
        for context, day in phrase:
            if context != ALWAYS:
                raise Unread
            offer = self.offers[context][day].pop()
            there = Context((), days.parity, days.months)
            self.offers.setdefault(there, {}).setdefault(day, []).append(offer)
            moved.append((there, day))
        return moved

    def _of(self, days: Iterable[int]) -> Iterator[list[Offer]]:
        for by_day in self.offers.values():
            for day in days:
                if by_day.get(day):
                    yield by_day[day]

    def close(self, item: Item, *, must_be_open: bool) -> None:
        """Close days, or the part of them that is named. `must_be_open`: "sauf X" only makes sense of an open X."""
        if item.nth:
            if item.part is not None:
                raise Unread  # "le 1er lundi matin": its afternoon may be open
            self.closed.append((Context(item.nth), item.days))
            return
        for day in item.days:
            found = list(self._of([day]))
            if must_be_open and not found:
                raise Unread
            for offers in found:
                offers[:] = _without_part(offers, item.part) if item.part is not None else []

    def cut(self, days: Iterable[int], pause: Span) -> None:
        """Close between two times on these days; raises `Unread` when they are not open then."""
        found = list(self._of(days))
        touched = False
        for offer in (offer for offers in found for offer in offers):
            before, offer.spans = offer.spans, _without_span(offer.spans, pause)
            touched |= before != offer.spans
        if not touched or any(not offer.spans for offers in found for offer in offers):
            raise Unread

    def until(self, days: Iterable[int], end: int) -> None:
        """Let the last hours of these days end at `end`, earlier or later than said before."""
        for day in days:
            found = list(self._of([day]))
            if len(found) != 1 or not found[0][-1].spans:
                raise Unread
            spans = found[0][-1].spans
            if not spans[-1][0] < end or spans[-1][1] == end:
                raise Unread
            found[0][-1].spans = (*spans[:-1], (spans[-1][0], end))

    def rules(self) -> list[Rule]:
        """The plan as rules, ordinary weeks first. Raises `Unread` when parts of it may contradict each other."""
        used = {context: week for context, days in self.offers.items() if (week := _open_days(days))}
        for (one, days), (other, others) in combinations(used.items(), 2):
            # Hours of some months replace the others, on days that are not named as well.
            if bool(one.months) != bool(other.months) or (set(days) & set(others) and one.may_meet(other)):
                raise Unread
        if not used and not self.comment:
            raise Unread
        found = [rule for context in sorted(used, key=_order) for rule in self._of_context(context, used[context])]
        found = beside_nights(found)
        if not used:
            found.append(Rule(state="unknown", comment=self.comment))
        found += [Rule(days, state="closed", nth=when.nth, months=when.months) for when, days in self.closed]
        if self.holidays:
            found.append(Rule((), state="closed", holidays=tuple(sorted(self.holidays))))
        return found

    def _of_context(self, context: Context, week: dict[int, list[Offer]]) -> Iterator[Rule]:
        alike: dict[tuple[tuple[str, tuple[Span, ...]], ...], list[int]] = {}
        for day in sorted(week):
            alike.setdefault(_told(week[day], self.comment), []).append(day)
        for told, days in alike.items():
            for number, (comment, spans) in enumerate(told):
                yield Rule(
                    tuple(days),
                    spans or WHOLE_DAY,
                    "open" if spans else "unknown",
                    comment,
                    context.nth,
                    context.parity,
                    context.months,
                    added=number > 0,
                )


def _open_days(days: dict[int, list[Offer]]) -> dict[int, list[Offer]]:
    return {day: days[day] for day in WEEK if days.get(day)}


def _order(context: Context) -> tuple[object, ...]:
    return context.months, -1 if context.parity is None else context.parity, [number % 7 for number in context.nth]


def _told(offers: list[Offer], said_of_all: str) -> tuple[tuple[str, tuple[Span, ...]], ...]:
    """What a day offers: for each remark the spans it is about, in the order of the day."""
    spans = sorted(span for offer in offers for span in offer.spans)
    unknown = [offer for offer in offers if not offer.spans]
    if any(one[1] > other[0] for one, other in pairwise(spans)) or (unknown and len(offers) > 1):
        raise Unread
    by_comment: dict[str, list[Span]] = {}
    for offer in sorted(offers, key=lambda offer: offer.spans):
        by_comment.setdefault(offer.comment or said_of_all, []).extend(offer.spans)
    return tuple((comment, merged(spans)) for comment, spans in by_comment.items())


def _without_part(offers: list[Offer], part: int) -> list[Offer]:
    spans = [span for offer in offers for span in offer.spans]
    kept = [span for span in spans if in_part(span, 1 - part)]
    if not spans or len(kept) == len(spans) or any(not in_part(span, part) for span in spans if span not in kept):
        raise Unread
    for offer in offers:
        offer.spans = tuple(span for span in offer.spans if span in kept)
    return [offer for offer in offers if offer.spans]


def _without_span(spans: tuple[Span, ...], pause: Span) -> tuple[Span, ...]:
    left = [(start, min(end, pause[0])) for start, end in spans] + [(max(start, pause[1]), end) for start, end in spans]
    return merged((start, end) for start, end in left if start < end)
