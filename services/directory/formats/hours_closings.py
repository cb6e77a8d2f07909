"""What is not open: "sauf mercredi après-midi", "fermé en août", "hors vacances scolaires"; and other ends of hours."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from services.directory.formats.hours_ends import lone_end
from services.directory.formats.hours_phrases import (
    Cursor,
    Days,
    Item,
    Unread,
    starts_days,
    starts_times,
    take_days,
    take_times,
)
from services.directory.formats.hours_plan import Context, Phrase, Plan
from services.directory.formats.hours_rules import WEEK, Span
from services.directory.formats.hours_words import Token


class Closings:
    """The part of reading a text that takes hours away from what was said; see `hours_sentences` for the rest.

    Args:
        pending: days that wait for their hours.
        waiting: hours that wait for their days.
        exceptions: said of pending days, to be applied once they have their hours.
        closings: hold for all hours, said before them or after.
        named: days given hours by their own name, not within "du lundi au vendredi".
        joint: the strongest sign since the last phrase: "" for none, "soft", "and" or "hard".
        depth: of brackets.
    """

    def __init__(self, words: list[Token]) -> None:
        self.cursor, self.plan = Cursor(words), Plan()
        self.pending: Days | None = None
        self.waiting: tuple[Span, ...] = ()
        self.exceptions: list[Item] = []
        self.closings: list[Callable[[], None]] = []
        self.phrases: list[Phrase] = []
        self.named: set[int] = set()
        self.joint = ""
        self.depth = 0
        self.school_beside_a_phrase = False

    def _after_joints(self) -> Cursor:
        ahead = Cursor(self.cursor.words)
        ahead.at = self.cursor.at
        ahead.skip("comma", "colon", "dash", "open", "close", "around")
        return ahead

    def _take_exceptions(self) -> None:
        """Read "sauf mercredi après-midi et jours fériés", "hors vacances scolaires", "sauf le jeudi jusqu'à 16h"."""
        self.cursor.take()
        while True:
            if self._ends_differently():
                return
            if self.cursor.peek().kind in ("PH", "SH"):
                self._close_on_holidays(self.cursor.take().kind)
            elif starts_days(self.cursor):
                self._except_days(take_days(self.cursor))
            else:
                raise Unread
            if not self._more_of_the_same():
                return

    def _except_days(self, days: Days) -> None:
        _refuse_unclear_parts(days)
        after = self._after_joints().peek().kind
        if after == "booking" or (starts_times(self._after_joints()) and not self.pending):
            raise Unread  # "sauf mercredi 9h-12h": closed then, or open only then?
        if days.months and not days.items:
            self._close_months(days)
        elif days.months or days.parity is not None:
            raise Unread
        elif self.pending:
            self._narrow(days)
        elif not self.phrases:
            raise Unread
        else:
            for item in days.items:
                self.plan.close(item, must_be_open=True)

    def _narrow(self, days: Days) -> None:
        """Keep the days that are left ("tous les jours sauf dimanche"); parts of days wait for the hours."""
        assert self.pending
        whole = {day for item in days.items if item.part is None and not item.nth for day in item.days}
        if not whole <= self.pending.every or any(item.nth for item in self.pending.items):
            raise Unread
        kept = [Item(tuple(day for day in item.days if day not in whole), (), item.part) for item in self.pending.items]
        self.pending.items = [item for item in kept if item.days]
        self.exceptions += [item for item in days.items if item.part is not None or item.nth]
        if not self.pending.items:
            raise Unread

    def _take_closing(self) -> None:
        """Read "fermé le samedi", "fermé de 12h à 14h", "fermé en août"; after days ("lundi : fermé") about them."""
        self.cursor.take()
        if self.pending:
            days, self.pending = self.pending, None
            self._close_later(days)
            return
        self.cursor.skip("colon", "open", "around")
        while True:
            if self.cursor.peek().kind in ("PH", "SH"):
                self._close_on_holidays(self.cursor.take().kind)
            elif starts_times(self.cursor) and self.cursor.peek().kind != "part":
                self._cut_later(take_times(self.cursor), set(WEEK))
            elif starts_days(self.cursor):
                days = take_days(self.cursor)
                if starts_times(self.cursor):
                    self._cut_later(take_times(self.cursor), days.every)
                else:
                    self._close_later(days)
            else:
                raise Unread
            if not self._more_of_the_same():
                return

    def _close_later(self, days: Days) -> None:
        _refuse_unclear_parts(days)
        if days.months and not days.items:
            self._close_months(days)
        elif days.months or days.parity is not None:
            raise Unread
        else:
            self.closings += [partial(self._close_item, item) for item in days.items]

    def _close_item(self, item: Item) -> None:
        alone = item.part is None and not item.nth and self.named & set(item.days)
        if alone:
            raise Unread  # "mercredi 9h-12h … fermé le mercredi"
        self.plan.close(item, must_be_open=False)

    def _cut_later(self, spans: tuple[Span, ...], days: set[int]) -> None:
        self.closings += [partial(self.plan.cut, days, span) for span in spans]

    def _close_months(self, days: Days) -> None:
        self.plan.closed.append((Context(months=days.months), WEEK))

    def _close_on_holidays(self, kind: str) -> None:
        """Public holidays close everything. School holidays said right beside one phrase of several may be about it."""
        beside = self.depth > 0 or self.joint == ""
        if kind == "SH" and beside and (self.phrases or self.pending or self.waiting):
            self.school_beside_a_phrase = True
        self.plan.holidays.add(kind)

    def _more_of_the_same(self) -> bool:
        """Whether an enumeration goes on: "et jours fériés", ", août"."""
        ahead = self._after_joints()
        ahead.skip("and", "comma")
        if ahead.peek().kind not in ("PH", "SH") and not (starts_days(ahead) and self.cursor.peek().kind == "and"):
            return False
        if ahead.peek().kind in ("PH", "SH") and ahead.peek(1).kind in ("closed", "colon"):
            return False
        self.cursor.at = ahead.at
        return True

    def _starts_bracketed_end(self) -> bool:
        """Whether `(16h le vendredi)` or `(vendredi 16h)` stands here."""
        ahead = Cursor(self.cursor.words)
        ahead.at = self.cursor.at
        return bool(self.phrases) and ahead.skip("open") and lone_end(ahead) is not None

    def _ends_differently(self) -> bool:
        """Read "jusqu'à 19h le jeudi", "le jeudi jusqu'à 19h", "(16h le vendredi)": another end of the last hours."""
        bracketed = self.cursor.peek().kind == "open"
        ahead = Cursor(self.cursor.words)
        ahead.at = self.cursor.at + bracketed
        found = lone_end(ahead)
        if found is None or self.pending or self.waiting or not self.phrases:
            return False
        days, end, explicit = found
        if not explicit and not bracketed:
            return False
        if bracketed and not ahead.skip("close"):
            raise Unread
        self.cursor.at = ahead.at
        self.plan.until(sorted(days.every), end)
        return True


def _refuse_unclear_parts(days: Days) -> None:
    """Each day has its part, or none has: "mercredi et vendredi après-midi" may leave Wednesday morning open."""
    if len({item.part is None for item in days.items}) > 1:
        raise Unread
