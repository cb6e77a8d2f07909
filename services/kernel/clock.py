"""The one clock: aware UTC times, and their text on the wire."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, aware, UTC, to the microsecond."""
    return datetime.now(UTC)


def to_text(at: datetime) -> str:
    """RFC 3339 in UTC, ending in `Z`: `2026-11-23T15:00:00.000001Z`. Refuses a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be written")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The aware UTC time that `to_text`, or any RFC 3339 writer, wrote. Raises `ValueError`."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return at.astimezone(UTC)


def ago(at: str | None) -> str:
    """How long ago a time was, as people read it; `jamais` for none."""
    if not at:
        return "jamais"
    seconds = max(int((now() - from_text(at)).total_seconds()), 0)
    for size, unit in ((86_400, "j"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"il y a {seconds // size} {unit}"
    return f"il y a {seconds} s"
