"""Values as cells of a table, and no cell that a spreadsheet would take for a formula.

A CSV says nothing of the nature of its cells: one that begins with `=`, `+`, `-`, `@`, a tab or a line break is run by
whoever opens the file in a spreadsheet. Such a text gets an apostrophe before it, which reading takes away again; so
does one that begins with apostrophes before such a sign, so that what was written always comes back. A plain number
(`-1.5541`, `+33240123456`) is left as it is: it does nothing, and every other program expects it so.
Source of the signs: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

_RUN: Final = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")
_GUARDED: Final = re.compile(r"''*[=+\-@＝＋－＠\t\r\n]")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def cell_of(value: Any) -> Any:
    """A value as a cell: a list or an object as JSON, which holds any text; None for what says nothing."""
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode() if value else None
    return value


def guarded(value: Any) -> Any:
    """A cell of a CSV that no spreadsheet runs; numbers are left alone.

    >>> guarded("=1+1"), guarded("'=1"), guarded("+33240123456"), guarded(-1.5), guarded("Le Grain")
    ("'=1+1", "''=1", '+33240123456', -1.5, 'Le Grain')
    """
    if isinstance(value, str) and _RUN.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def bare(cell: str) -> str:
    """What `guarded` made a cell of.

    >>> bare("'=1+1"), bare("''=1"), bare("'Le Grain'")
    ('=1+1', "'=1", "'Le Grain'")
    """
    return cell[1:] if cell[:1] == "'" and _GUARDED.match(cell) else cell
