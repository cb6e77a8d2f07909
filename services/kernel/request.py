"""The base of every room's request shapes: unknown fields are refused, each field at fault is named."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from marshmallow import RAISE, Schema
from marshmallow import ValidationError as Invalid

from services.kernel.errors import Problem, ValidationError


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
            raise ValidationError("La demande n’est pas valable.", list(_problems(error.messages))) from None
        return loaded


@cache
def _made(shape: type[Request]) -> Request:
    return shape()


def _problems(messages: Any, path: str = "") -> Iterator[Problem]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _problems(inner, f"{path}.{key}".strip("."))
        return
    for message in messages:
        yield {"line": None, "field": path, "value": "", "why": str(message), "remedy": "Corrigez ce champ.",
               "code": "request"}  # fmt: skip
