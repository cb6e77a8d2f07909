"""The shapes of short texts that a node is told by: what a setting may be, and what another node reads on a card.

One measure for both: a card that its own settings allow and that nobody reads would look like a forgery.
"""

from __future__ import annotations

import re
from typing import Final

NO_BREAK: Final = "\u00a0\u202f\u2007"


class Shape:
    """The texts of a pattern, of at most so many characters; the empty one where it is `optional`."""

    def __init__(self, pattern: str, at_most: int = 2_000, *, optional: bool = True) -> None:
        self._pattern, self.at_most, self._optional = re.compile(pattern), at_most, optional

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str) or len(text) > self.at_most:
            return False
        return self._optional if text == "" else self._pattern.fullmatch(text) is not None


class Line(Shape):
    """One line that people read: nothing in it breaks it, hides, or turns its direction."""

    def __contains__(self, text: object) -> bool:
        return super().__contains__(text) and spaced(str(text)).isprintable()


LABELS = Shape(r"[a-z0-9]+(-[a-z0-9]+)*", 100, optional=False)
TITLES = Line(r".*\S.*", 200, optional=False)
TERRITORIES = Shape(r"\d{2}|2[AB]|\d{3}|\d{5}|2[AB]\d{3}|\d{9}")
ADDRESSES = Line(r"https?://\S+", 500)
BROKERS = Shape(r"(py)?amqps?://\S+")
EMAILS = Shape(r"[^@\s]+@[^@\s]+")
DATABASES = Shape(r"postgresql\+psycopg://\S+")
NAMES = Shape(r" *[a-z-]+ *(, *[a-z-]+ *)*")


def spaced(text: str) -> str:
    """A text with the spaces at which no line breaks (before « : », in « 12 000 ») made plain."""
    return text.translate(dict.fromkeys(map(ord, NO_BREAK), " "))
