"""The table of `docs/scale.md`: what the rates of `docs/performance.md` come to for more records. Arithmetic alone.

A rate that was measured at one size is taken as it is for another; what is known of how it changes stands beside.
"""

from __future__ import annotations

import re
from typing import Final

BEGIN, END = "<!-- Made from performance.md; measure anew, do not change the table. -->", "<!-- End of the table. -->"
SIZES: Final = (100_000, 1_000_000, 10_000_000)
RATES: Final = (
    ("import of new rows, one node", "import, new rows"),
    ("import of rows that changed nothing", "import, unchanged rows"),
    ("read model made from nothing", "rebuild of the read model"),
    ("numbering, signing, publishing on RabbitMQ", "relay, events of 1 kB, confirmed"),
    ("another room's inbox and handlers", "inbox + apply, 1,000,000 rows"),
    ("HSDS export", "HSDS export"),
)
"""What, and the line of performance.md whose rate it has."""
PER_100_000: Final = (
    ("duplicates from nothing", "duplicates among 100,000 structures, from nothing"),
    ("all files for everybody", "all bulk files of 100,000 records"),
)


def page(text: str, performance: str) -> str:
    """The page with its table as the figures are now."""
    if BEGIN not in text or END not in text:
        return text
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n\n{_table(performance)}\n\n{END}{after}"


def _table(performance: str) -> str:
    head = "| what | measured | " + " | ".join(f"{size:,} records" for size in SIZES) + " |"
    lines = [head, "|---" * (len(SIZES) + 2) + "|"]
    for what, name in RATES:
        rate = _value(performance, name)
        times = " | ".join(_time(size / rate) for size in SIZES)
        lines.append(f"| {what} | {rate:,.0f} a second | {times} |")
    for what, name in PER_100_000:
        seconds = _value(performance, name)
        times = " | ".join(_time(seconds * size / 100_000) for size in SIZES)
        lines.append(f"| {what} | {seconds:,.0f} s for 100,000 | {times} |")
    return "\n".join(lines)


def _value(performance: str, name: str) -> float:
    found = re.search(rf"^\| {re.escape(name)} \| ([\d,.]+) ", performance, re.MULTILINE)
    if found is None:
        raise ValueError(f"docs/performance.md has no line « {name} »")
    return float(found[1].replace(",", ""))


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
