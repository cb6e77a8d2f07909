"""A mapping: how the rows of a spreadsheet become structures and services. Written in TOML, see `docs/mapping.md`.

This file says what a mapping is; `mapping_file` finds and reads one, `mapped` applies it to rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.directory.formats import toml_lines
from services.directory.formats.drafts import Kind
from services.directory.formats.expressions import Expression
from services.directory.formats.tables import Layout


@dataclass(frozen=True)
class Source:
    """Who the data comes from.

    Args:
        name: letters, digits and hyphens; part of every record's identifier, never to be changed.
        policy: `hold` (imported records wait for a permanent) or `publish`.
    """

    name: str
    title: str = ""
    licence: str = ""
    attribution: str = ""
    policy: str = "hold"
    url: str = ""


@dataclass(frozen=True)
class Condition:
    """A test of one column of a row."""

    column: str
    holds: Callable[[str], bool]


@dataclass(frozen=True)
class Column:
    """A value taken from a column; `optional` when the file may lack it."""

    name: str
    optional: bool = False


@dataclass(frozen=True)
class Constant:
    """The same value in every row."""

    value: Any


@dataclass(frozen=True)
class Template:
    """A text made of columns, as `mapping_template` reads it: parts in brackets stay only when all their columns do."""

    text: str
    groups: tuple[tuple[bool, tuple[tuple[bool, str], ...]], ...]  # (optional, ((is a column, text), …)), …


@dataclass(frozen=True)
class Week:
    """Opening hours from one column a day, with a column of remarks."""

    days: dict[str, str]
    note: str = ""


@dataclass(frozen=True)
class Spec:
    """Where one value comes from and what is done to it, in this order: when, split, transform, map, default.

    Args:
        at: its place in the mapping file.
        otherwise: value for what `map` does not list; without it such a value is told and kept unread.
    """

    at: toml_lines.Path
    origin: Column | Constant | Template | Week
    when: tuple[Condition, ...] = ()
    split: str = ""
    transforms: tuple[Callable[[str], str], ...] = ()
    map: dict[str, Any] | None = None
    otherwise: Any = None
    default: Any = None
    required: bool = False

    def columns(self) -> Iterator[str]:
        """The columns that a file must have for this value."""
        match self.origin:
            case Column(name, optional) if not optional:
                yield name
            case Template(_, groups):
                yield from (text for _, parts in groups for is_column, text in parts if is_column)
            case Week(days, note):
                yield from days.values()
                yield from [note] if note else []
        yield from (condition.column for condition in self.when)


@dataclass(frozen=True)
class Part:
    """One record that a row makes: its kind, when, and the specs of each of its fields; the first filled one counts.

    Beside data·inclusion's fields, `specs` may hold `id`, `structure` (of a service), `sectors` and `rna`.
    """

    kind: Kind
    at: toml_lines.Path
    when: tuple[Condition, ...]
    specs: dict[str, tuple[Spec, ...]]


@dataclass(frozen=True)
class Mapping:
    """A mapping file, read and found right.

    Args:
        name: of the file, for people.
        date: pattern whose group is the date of the list in a file's name, or a date (ISO), or empty.
        when: rows that do not meet these conditions are left aside.
        lines: where each key stands in the file.
        digest: of the file's text; rows read with another text are other rows.
    """

    name: str
    source: Source
    parts: tuple[Part, ...]
    layout: Layout
    about: str = ""
    date: str = ""
    when: tuple[Condition, ...] = ()
    lines: dict[toml_lines.Path, int] = field(default_factory=dict)
    digest: bytes = b""

    def columns(self) -> dict[str, toml_lines.Path]:
        """Each column that a file must have, with the place in the mapping that first names it."""
        named: dict[str, toml_lines.Path] = {}
        for condition in self.when:
            named.setdefault(condition.column, ("rows", "when"))
        for part in self.parts:
            for condition in part.when:
                named.setdefault(condition.column, (*part.at, "when"))
            for specs in part.specs.values():
                for spec in specs:
                    for column in spec.columns():
                        named.setdefault(column, spec.at)
        return named

    def as_of(self, path: Path) -> str | None:
        """The date (ISO) of the state that a file describes, None when neither the mapping nor the name says it."""
        if re.fullmatch(r"\d{4}-\d\d-\d\d", self.date):
            return self.date
        digits = re.sub(r"\D", "", Expression(self.date).first(path.name)) if self.date else ""
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 else None
