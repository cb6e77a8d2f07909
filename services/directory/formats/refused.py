"""Refused rows, written so that they can be corrected and imported again; and the count of what was read.

Beside `places.csv` comes `places.refuses.csv`: the same columns, after a first one, `erreur`, that says what is wrong
and what to do, and that reading ignores. A workbook's rows become CSV, which the same mapping reads. Items of JSON
become JSON lines with a key `erreur`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import orjson

from services.directory.formats.cells import guarded
from services.directory.formats.drafts import Origin, Raw, Row
from services.directory.formats.vocabulary import ERROR_COLUMN
from services.kernel.errors import Problem


class RefusedRows:
    """Files of refused rows in a folder, each opened when its first row comes; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._writers: dict[Path, Callable[[Raw, str], None]] = {}

    @property
    def files(self) -> list[Path]:
        """The files written so far, none while no row was refused."""
        return list(self._writers)

    def add(self, raw: Raw, problems: list[Problem]) -> Path:
        """Write a row with what is wrong with it; returns its file."""
        path = self._folder / name_for(raw.origin)
        if path not in self._writers:
            self._writers[path] = self._open(path, raw.origin)
        self._writers[path](raw, error_text(problems))
        return path

    def close(self) -> None:
        """Finish the files."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, path: Path, origin: Origin) -> Callable[[Raw, str], None]:
        path.parent.mkdir(parents=True, exist_ok=True)
        if origin.columns:
            # With its mark: Excel then reads the accents, and it is stronger than the encoding that a mapping says.
            return _table(self._stack.enter_context(path.open("w", encoding="utf-8-sig", newline="")), origin)
        return _lines(self._stack.enter_context(path.open("w", encoding="utf-8")))


def name_for(origin: Origin) -> str:
    """The name of the file of refused rows: `places.refuses.csv`, `export.refuses-services.jsonl`."""
    if origin.columns:
        return f"{origin.path.stem}.refuses.csv"
    return f"{origin.path.stem}.refuses{'-' if origin.section else ''}{origin.section}.jsonl"


def error_text(problems: list[Problem]) -> str:
    """What is wrong with a row, in one line: `telephone : … Remède. | siret : …`."""
    return " | ".join(f"{one['field']} : {one['why']} {one['remedy']}".removeprefix(" : ") for one in problems)


def _table(handle: TextIO, origin: Origin) -> Callable[[Raw, str], None]:
    own = [at for at, name in enumerate(origin.columns) if name != ERROR_COLUMN]
    writer = csv.writer(handle, delimiter=origin.separator)
    writer.writerows(origin.preamble)
    writer.writerow([ERROR_COLUMN, *(origin.columns[at] for at in own)])

    def write(raw: Raw, error: str) -> None:
        cells = list(raw.values)
        kept = [cells[at] if at < len(cells) else "" for at in own]
        writer.writerow(map(guarded, [error, *kept, *cells[len(origin.columns) :]]))

    return write


def _lines(handle: TextIO) -> Callable[[Raw, str], None]:
    def write(raw: Raw, error: str) -> None:
        if isinstance(raw.values, dict):
            handle.write(orjson.dumps({ERROR_COLUMN: error} | raw.values).decode() + "\n")
        else:
            handle.write(f"{raw.values}\n")  # what is no object is given back as it was

    return write


EXAMPLES = 20
"""Warnings of one code that are kept to be shown: enough to see what it is about, and memory stays flat."""


@dataclass
class Summary:
    """Counts of a reading.

    Args:
        read: rows, of which `refused`, `skipped` (by the mapping, on purpose) and `known` (unchanged since the last
            import) made no draft.
        structures, services: drafts made.
        problems, warnings: by code; a row may have several.
        examples: the first warnings of each code, for people.
        hours_unread: rows whose opening hours are not read, or read in part; their text is kept.
    """

    read: int = 0
    refused: int = 0
    skipped: int = 0
    known: int = 0
    structures: int = 0
    services: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Problem]] = field(default_factory=dict)
    hours_unread: int = 0

    def add(self, row: Row) -> None:
        """Count a row."""
        self.read += 1
        self.refused += bool(row.problems)
        self.skipped += row.skipped
        self.known += row.known
        for draft in row.drafts:
            if draft["kind"] == "structure":
                self.structures += 1
            else:
                self.services += 1
        self.problems.update(one["code"] for one in row.problems)
        self.hours_unread += any(one["code"].startswith("hours.") for one in row.warnings)
        self.warn(row.warnings)

    def warn(self, warnings: list[Problem]) -> None:
        """Count what is taken and worth a look."""
        self.warnings.update(one["code"] for one in warnings)
        for one in warnings:
            examples = self.examples.setdefault(one["code"], [])
            if len(examples) < EXAMPLES:
                examples.append(one)

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the same names."""
        return vars(self) | {"problems": dict(self.problems), "warnings": dict(self.warnings)}
