"""The base of every room's request shapes: unknown fields are refused, each field at fault is named."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any
from unicodedata import category

from marshmallow import RAISE, Schema, validate
from marshmallow import ValidationError as Invalid

from services.kernel import french  # noqa: F401 (marshmallow speaks French from here on)
from services.kernel.errors import Problem, ValidationError

SHOWN = 200
VISIBLE = validate.Predicate("isprintable", error="Un signe invisible ne s’écrit pas ici.")
"""For addresses and headings of letters: a control character or a line separator among them makes no letter."""


def one_line(text: str) -> None:
    """For names that people give: no control character, nor the end of a line. Raises marshmallow's error."""
    if any(category(sign) in ("Cc", "Zl", "Zp") for sign in text):
        raise Invalid("Un caractère de contrôle, ou une fin de ligne, ne s’écrit pas ici.")


class Request(Schema):
    """A dictionary asked of a room."""

    class Meta:
        unknown = RAISE

    @classmethod
    def read(cls, request: Any) -> dict[str, Any]:
        """The checked request. Raises our `ValidationError`, one problem for each field at fault."""
        try:
            loaded: dict[str, Any] = _made(cls).load(request)
        except Invalid as error:
            raise ValidationError("La demande n’est pas valable.", list(problems(error.messages, request))) from None
        return loaded


@cache
def _made(shape: type[Request]) -> Request:
    return shape()


def problems(messages: Any, given: Any, path: str = "") -> Iterator[Problem]:
    """What marshmallow found, one problem for each message, with the value as it was given."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from problems(inner, _within(given, key), f"{path}.{key}".strip("."))
        return
    value = "" if given is None or isinstance(given, dict | list) else str(given)[:SHOWN]
    for message in messages:
        yield {"line": None, "field": path, "value": value, "why": str(message), "remedy": "Corrigez ce champ.",
               "code": "request"}  # fmt: skip


def _within(given: Any, key: Any) -> Any:
    try:
        return given[key]
    except (KeyError, IndexError, TypeError):
        return None
