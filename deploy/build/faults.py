"""The table of `docs/faults.md`: what `make soak` counted, one line a fault, from `docs/faults.jsonl`."""

from __future__ import annotations

import json
from typing import Any

BEGIN = "<!-- Made by `make soak` from faults.jsonl; run it anew, do not change the table. -->"
END = "<!-- End of the table. -->"
HEAD = ("fault", "events", "lost", "doubled", "s to equal", "what `status` says", "test")


def page(text: str, figures: str) -> str:
    """The page with the table of these figures (JSON lines) between its two marks. Raises `ValueError` without them."""
    before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:before]}\n\n{table([json.loads(line) for line in figures.splitlines()])}\n{text[after:]}"


def table(rows: list[dict[str, Any]]) -> str:
    """The days and the machines, then a line for each fault."""
    days = sorted({str(row["day"]) for row in rows})
    when = " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "never"
    machines = sorted({f"{row['cores']} cores, {row['memory_gb']} GB of memory" for row in rows})
    lines = [f"Last run: {when}; {' and '.join(machines)}.", "", _line(HEAD), "|---" * len(HEAD) + "|"]
    lines += [_line(_cells(row)) for row in sorted(rows, key=lambda row: (row["fault"], row["what"]))]
    return "\n".join(lines) + "\n"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    numbers = (f"{row[name]:,}" for name in ("events", "lost", "doubled", "equal_s"))
    return f"{row['fault']}. {row['what']}", *numbers, str(row["status"]), f"`{row['test']}`"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
