"""What a room raised, made again from what nameko wrote of it: `{exc_type, exc_path, exc_args, value}`.

nameko writes `None` as the text "None" and numbers as text inside an exception's arguments; the fields of a `Problem`
are put right again here.
"""

from __future__ import annotations

from typing import Any, NoReturn

from services.kernel import errors
from services.kernel.errors import MaillageError


class Unanswered(MaillageError):
    """The room may have done what was asked, and did not say so in time."""

    def __init__(self, message: str = "Pas de réponse à temps : la demande a peut-être été exécutée.") -> None:
        super().__init__(message)


class RemoteFault(Exception):
    """A room failed in a way that it does not explain to callers: a bug there, or a call that it does not know."""


def raise_error_of(called: str, error: dict[str, Any]) -> NoReturn:
    """Raise what the room raised: one of `services.kernel.errors`, or `RemoteFault` naming the call and the error."""
    name = str(error.get("exc_type"))
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, MaillageError)):
        raise RemoteFault(f"{called}: {name}: {error.get('value')}")
    message, details = [*(error.get("exc_args") or ()), "", None][:2]
    raise kind(str(message or ""), _restored(details))


def _restored(details: Any) -> Any:
    if isinstance(details, dict):
        return {key: _value(key, value) for key, value in details.items()}
    if isinstance(details, list):
        return [_restored(item) for item in details]
    return None if details == "None" else details


def _value(key: str, value: Any) -> Any:
    if value == "None":
        return None
    if key == "line" and isinstance(value, str) and value.isdigit():
        return int(value)
    return _restored(value)
