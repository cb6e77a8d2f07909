"""What a service may answer instead of a result: one class per meaning, safe to show to the caller.

Raised by services, carried by RPC as `{exc_type, exc_args}`; the gateway turns each into one HTTP status
(`gateway/problems.py` holds the table). Arguments are plain JSON values: a message in French for people and,
where a field is at fault, a list of `Problem` dictionaries.
"""

from __future__ import annotations

from typing import Any, TypedDict


class Problem(TypedDict, total=False):
    """One thing wrong with one value: where it is, what it is, why it is refused and what to do."""

    line: int | None
    field: str
    value: str
    why: str
    remedy: str
    code: str


class MaillageError(Exception):
    """Base of every error that a caller may see."""

    def __init__(self, message: str = "", details: Any = None) -> None:
        super().__init__(message, details)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message


class ValidationError(MaillageError):
    """The request does not say something that can be done; `details` is a list of `Problem`."""


class NotFound(MaillageError):
    """No such record, import, source, person or key on this node."""


class Unauthorized(MaillageError):
    """Nobody is behind this request, or the proof of who it is has expired."""


class Forbidden(MaillageError):
    """The actor is known and may not do this."""


class WrongState(MaillageError):
    """The thing exists and is not in a state where this can be done."""


class Conflict(MaillageError):
    """Somebody changed it since it was read, or the same key was used for another request."""


class NotHome(Forbidden):
    """The record has its home on another node, the only one that may change it."""


class Gone(MaillageError):
    """It was here and is kept no more; what to ask for instead is said."""


class Unavailable(MaillageError):
    """It cannot be done now (disk full, database or broker away): nothing was changed, try again."""
