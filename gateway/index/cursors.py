"""Opaque cursors: where a page ended, for which question, as short text that a URL can carry.

A cursor holds the last row's sort keys (so it stays good while other records come and go), the plan of the words
asked for, and a digest over the question and the rest: a cursor that was cut, changed or taken from another question
is told from a good one. It is no secret and gives no rights, so the digest needs no key.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from gateway.index.asked import Plan
from gateway.index.ranking import After

_DIGEST_BYTES = 9


class BadCursor(ValueError):
    """This text is no cursor of this question."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where to go on, and how the words of the question were understood on the first page."""

    after: After
    plan: Plan | None


def dump(cursor: Cursor, question: bytes) -> str:
    """URL-safe text. `question` is the canonical form of all that must not change between pages."""
    plan = cursor.plan.dump() if cursor.plan else None
    body = orjson.dumps([cursor.after.first, cursor.after.string.hex(), plan])
    return base64.urlsafe_b64encode(_digest(question, body) + body).rstrip(b"=").decode()


def load(text: str, question: bytes) -> Cursor:
    """What `dump` wrote for the same question. Raises `BadCursor` for anything else."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        digest, body = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if digest != _digest(question, body):
            raise BadCursor(text)
        first, string, plan = orjson.loads(body)
        return Cursor(After(float(first), bytes.fromhex(string)), Plan.load(plan) if plan else None)
    except (ValueError, TypeError, OverflowError) as error:  # not base64, not ASCII, not JSON, not of this shape
        raise BadCursor(text) from error


def _digest(question: bytes, body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST_BYTES, key=blake2b(question, digest_size=32).digest()).digest()
