"""One figure: what was measured, what was to be reached, and the bare library's own in the same run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value. `ok` is `None` where nothing was to be reached; `ratio` is ours to the bare library's."""

    name: str
    value: float
    unit: str
    limit: str = ""
    ok: bool | None = None
    bare: float | None = None
    bare_name: str = ""
    ratio: float | None = None


def rate(name: str, value: float, unit: str, least: float) -> Figure:
    """A figure that must be at least `least`, in its own unit."""
    return Figure(name, value, unit, f"≥ {number(least)}", value >= least)


def duration(name: str, value: float, unit: str, most: float) -> Figure:
    """A figure that must be at most `most`, in its own unit."""
    return Figure(name, value, unit, f"≤ {number(most)}", value <= most)


def beside(
    name: str,
    value: float,
    unit: str,
    bare: tuple[str, float],
    *,
    least: float | None = None,
    most: float | None = None,
) -> Figure:
    """A figure whose ratio to the bare library's `(name, value)` must be at least, or at most, so much."""
    ratio = value / bare[1]
    if least is not None:
        return Figure(name, value, unit, f"≥ {least:g} ×", ratio >= least, bare[1], bare[0], ratio)
    ok = None if most is None else ratio <= most
    return Figure(name, value, unit, "" if most is None else f"≤ {most:g} ×", ok, bare[1], bare[0], ratio)


def number(value: float) -> str:
    """A value as people read it: `12,345`, `123`, `1.23`."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
