"""Another end of hours said before: "jusqu'à 19h le jeudi", "sauf le vendredi jusqu'à 16h", "(16h le vendredi)"."""

from __future__ import annotations

from services.directory.formats.hours_phrases import Cursor, Days, Unread, starts_days, starts_times, take_days


def lone_end(cursor: Cursor) -> tuple[Days, int, bool] | None:
    """Days and one time, in either order; the last value says whether "jusqu'à" or "fermeture à" was there."""
    try:
        explicit = _skip_until(cursor)
        if cursor.peek().kind == "time" and not starts_times(cursor):
            end = cursor.take().value
            days = take_days(cursor)
        elif starts_days(cursor) and not explicit:
            days = take_days(cursor)
            explicit = _skip_until(cursor)
            if cursor.peek().kind != "time" or starts_times(cursor):
                return None
            end = cursor.take().value
        else:
            return None
    except Unread:
        return None
    plain = days.items and not days.months and days.parity is None
    return (days, end, explicit) if plain and all(not (item.nth or item.part) for item in days.items) else None


def _skip_until(cursor: Cursor) -> bool:
    if cursor.skip("until"):
        return True
    if cursor.peek().kind == "closed" and cursor.peek(1).kind == "to":
        cursor.at += 2
        return True
    return False
