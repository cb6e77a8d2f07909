"""The table of all figures, for the screen and for `docs/performance.md`, with the machine they come from."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.figure import Figure, number

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
HEAD = ("what", "measured", "bare library, same run", "ratio", "to reach", "reached")
_ABOUT = """# Performance

Written by `python -m benchmarks --full --write`, and anew where a section says so; `make bench` prints the same figures
on your machine. What has no day was measured on 2026-11-24.

{machine}

Each figure is measured beside the bare library that does the least of the same work, in the same run: machines differ,
ratios much less. What each benchmark does is said at the top of its file in `benchmarks/`. All servers (RabbitMQ,
PostgreSQL, with `fsync`) and all load generators run on the same cores as what is measured.
"""


def machine() -> str:
    """One line: cores, memory, Python, system, day."""
    memory_gb = psutil.virtual_memory().total / 1e9
    return (
        f"Machine: {os.cpu_count()} cores ({platform.machine()}), {memory_gb:.0f} GB of memory, "
        f"Python {platform.python_version()}, {platform.system()}; {datetime.now(UTC).date().isoformat()}."
    )


def cells(figure: Figure) -> tuple[str, ...]:
    """A figure as the table's cells, in the order of `HEAD`."""
    bare = "" if figure.bare is None else f"{number(figure.bare)} {figure.unit} ({figure.bare_name})"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
    reached = {None: "", True: "yes", False: "**no**"}[figure.ok]
    return figure.name, f"{number(figure.value)} {figure.unit}", bare, ratio, figure.limit, reached


def screen(figures: Sequence[Figure]) -> str:
    """The table as text of fixed width."""
    rows = [HEAD, *map(cells, figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def page(
    found: Mapping[str, tuple[str, Sequence[Figure]]], command: str, before: str = "", order: Sequence[str] = ()
) -> str:
    """The page of the documentation: for each benchmark its story, the day and command it was run by, its table.

    Args:
        before: the page as it was: what was not run now keeps its section.
        order: the names of all benchmarks.
    """
    kept = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", before, re.MULTILINE | re.DOTALL))
    sections = {name: f"\n{text.strip()}\n" for name, text in kept.items()}
    day = datetime.now(UTC).date().isoformat()
    for name, (story, figures) in found.items():
        table = [HEAD, tuple("---" for _ in HEAD), *map(cells, figures)]
        lines = "\n".join(f"| {' | '.join(row)} |" for row in table)
        sections[name] = f"\n{story}\n\n`{command}`, {day}.\n\n{lines}\n"
    names = [name for name in (order or sections) if name in sections]
    return "\n".join([_ABOUT.format(machine=machine()), *(f"## {name}\n{sections[name]}" for name in names)])
