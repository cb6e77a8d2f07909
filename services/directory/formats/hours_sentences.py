"""Sentences about opening hours: from words to a plan.

Two ways of speaking are known, days first ("lundi 9h-12h, mardi 14h-17h") and hours first ("9h-12h le lundi"); a
sentence keeps to one. Around them: what is not open (`hours_closings`) and bookings ("sur rendez-vous"). A word that
fits nowhere raises `Unread`: nothing is passed over.
"""

from __future__ import annotations

import re
from typing import Final

from services.directory.formats.hours_closings import Closings
from services.directory.formats.hours_phrases import (
    Days,
    Item,
    Unread,
    check_part,
    starts_days,
    starts_times,
    take_days,
    take_times,
)
from services.directory.formats.hours_plan import Phrase, Plan
from services.directory.formats.hours_rules import Span
from services.directory.formats.hours_words import Token, fold

_JOINTS: Final = ("comma", "and", "colon", "dash", "slash", "open", "close", "hard", "around")
_BY_BOOKING: Final = re.compile(r"(?!.*(sans|conseill|recommand|souhait|possib))")


def understand(words: list[Token], day: int | None = None) -> Plan:
    """The plan that these words make; in a table by weekdays `day` is the one of the cell.

    Raises `Unread` when they may mean something else, or nothing that is known.
    """
    reading = _Reading(words)
    if day is not None:
        reading.pending = Days([Item((day,))])
    return reading.run()


class _Reading(Closings):
    """The state of reading one text: what waits for its other half, and what was said last."""

    def __init__(self, words: list[Token]) -> None:
        super().__init__(words)
        self.remark = ""  # said of what is pending or waiting
        self.remarked = False  # something was said of the last phrase
        self.bare: set[int] = set()  # numbers of the phrases of this sentence of which nothing was said
        self.days_of_last: Days | None = None
        self.hours_first: bool | None = None
        self.context: Days | None = None  # "semaines paires :" holds until the next, within its sentence
        self.context_ended = False

    def run(self) -> Plan:
        while self.cursor.peek().kind != "end":
            if self.cursor.peek().kind in _JOINTS and not self._starts_bracketed_end():
                self._join()
            elif not self._step():
                raise Unread
        if self.pending or self.waiting or (self.school_beside_a_phrase and len(self.phrases) > 1):
            raise Unread
        for close in self.closings:
            close()
        return self.plan

    def _step(self) -> bool:
        kind = self.cursor.peek().kind
        if self._ends_differently():
            return True
        if starts_days(self.cursor):
            self._take_days()
        elif starts_times(self.cursor):
            self._take_times()
        elif kind == "booking":
            self._take_booking()
        elif kind == "except":
            self._take_exceptions()
        elif kind == "closed":
            self._take_closing()
        elif kind == "nonstop" and (not self.pending or starts_times(self.cursor, 1)):
            self.cursor.take()
        elif kind == "term":
            self.cursor.take()
            self._close_on_holidays("SH")
        elif kind in ("PH", "SH"):  # "jours fériés : fermé"
            self.cursor.take()
            self.cursor.skip("colon")
            if not self.cursor.skip("closed"):
                return False
            self._close_on_holidays(kind)
        else:
            return False
        return True

    def _join(self) -> None:
        kind = self.cursor.take().kind
        if kind == "around":
            return
        self.depth += (kind == "open") - (kind == "close")
        strength = {"hard": "hard", "open": self.joint, "close": self.joint, "and": "and"}.get(kind, "soft")
        self.joint = "hard" if "hard" in (self.joint, strength) else strength
        if kind == "hard" and not (self.pending or self.waiting):
            self.hours_first = None
            self.bare.clear()
            self.context_ended = bool(self.context and self.phrases)

    def _take_days(self) -> None:
        days = take_days(self.cursor)
        if not days.items:
            self._take_context(days)
        elif self.waiting:
            phrase = self._say(days, self.waiting)
            self.waiting = ()
            self._done(phrase)
        elif self.pending or self.hours_first:
            raise Unread
        else:
            self.pending = days

    def _take_context(self, days: Days) -> None:
        """Weeks or months alone: before what they hold for, followed by a colon, or right after one phrase."""
        if self.pending or self.waiting:
            raise Unread
        beside = self.depth > 0 or (len(self.phrases) == 1 and self.joint == "")
        if self.phrases and beside and not self.context:
            self.phrases[-1] = self.plan.move(self.phrases[-1], days)
        elif not self.phrases or self.joint == "hard" or (self.context and self.joint):
            self.context, self.context_ended = days, False
        else:
            raise Unread

    def _take_times(self) -> None:
        last = self.pending.items[-1].part if self.pending and self.pending.items else None
        spans = take_times(self.cursor, last)
        if self.pending:
            days, self.pending = self.pending, None
            self._done(self._say(days, spans))
        elif self.hours_first is False and self.remarked and self.days_of_last and self.joint not in ("", "hard"):
            self._done(self._say(self.days_of_last, spans))  # "lundi 9h-12h sans rendez-vous, 14h-17h sur rendez-vous"
        elif self.hours_first is not False and not self.waiting:
            self.hours_first, self.waiting = True, spans
        else:
            raise Unread

    def _say(self, days: Days, spans: tuple[Span, ...]) -> Phrase:
        if any(item.part is not None for item in days.items[:-1]):
            raise Unread  # "lundi matin et mardi 9h-12h"
        if days.items[-1].part is not None and self.waiting:
            check_part(spans, days.items[-1].part)
        if self.context and not (days.parity is not None or days.months):
            if self.context_ended:
                raise Unread  # whether it still holds is anybody's guess
            days.parity, days.months = self.context.parity, self.context.months
        self.hours_first = bool(self.waiting)
        self.days_of_last = days
        self.named.update(item.days[0] for item in days.items if len(item.days) == 1)
        phrase = self.plan.add(days, spans, self.remark)
        if spans and not self.remark:
            self.bare.add(len(self.phrases) + 1)
        self.remark = ""
        return phrase

    def _done(self, phrase: Phrase) -> None:
        self.phrases.append(phrase)
        self.joint, self.remarked = "", False
        for item in self.exceptions:
            self.plan.close(item, must_be_open=True)
        self.exceptions = []

    def _take_booking(self) -> None:
        comment = " ".join(
            re.sub(r"(?i)rendez[ -]?vous|r\.? ?d\.? ?v\.?s?(?!\w)", "rendez-vous", self.cursor.take().text).split()
        ).lower()
        if self.joint == "and" and self.phrases:
            comment = f"et {comment}"
        if self.waiting or (self.pending and starts_times(self._after_joints())):
            self._keep_remark(comment)
        elif self.pending:
            if not _BY_BOOKING.match(fold(comment)) or any(item.part is not None for item in self.pending.items):
                raise Unread
            days, self.pending = self.pending, None
            self._done(self._say(days, ()))
            self.plan.remark(self.phrases[-1], comment)
        elif self.phrases and self.joint in ("", "and"):
            self._remark_last(comment)
        elif self.plan.comment or (self.phrases and starts_days(self.cursor)):
            raise Unread
        else:
            self.plan.comment = comment

    def _remark_last(self, comment: str) -> None:
        self.plan.remark(self.phrases[-1], comment)
        self.remarked = True
        self.bare.discard(len(self.phrases))
        if self.bare:
            raise Unread  # "mardi 14h-16h et jeudi 10h-12h sur rendez-vous": Tuesday too?

    def _keep_remark(self, comment: str) -> None:
        if self.remark:
            raise Unread
        self.remark = comment
