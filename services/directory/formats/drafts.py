"""What reading a file makes: rows, each with its drafts or with what is wrong with it.

A row is all or nothing: its drafts are there, or its problems. A value that could not be understood and that nothing
depends on is no reason to refuse a row: it is kept as it was in `draft["extra"]["unread"]`, and told as a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from services.kernel.errors import Problem

Kind = Literal["structure", "service"]
Shape = Literal["csv", "xlsx", "json", "jsonl", "zip"]


BESIDE = ("sectors", "ess", "legal_form", "languages", "accessibility", "memberships", "argumentaire", "extra")
"""What a draft says beside its fields."""


class Draft(TypedDict):
    """A record as a source says it, clean, before the directory knows it.

    Keys:
        kind, source, source_id: with the home node they make the record's identifier (`ids.record_id`).
        structure_source_id: of a service alone, the `source_id` of its structure, which has the same source.
        sectors: sectors of the glossary; of a service they follow from its themes unless the file says them.
        fields: data·inclusion v1 names, nulls and empties left out; never `source`, `id`, `structure_id`.
        ess, legal_form, languages, accessibility, memberships, argumentaire: what a record says beside them
            (`own`), where the source says it; what it does not say stays as it is.
        extra: what the source said and data·inclusion cannot say: `unread` (field → the text as it was),
            `horaires_texte` (hours that could not be read), `adresse_certifiee` (true when the source said so).
        if_new: true where the row repeats its structure and the file is one of corrected rows: what the directory
            knows of that structure, from a row before, stays.
        empty: fields that the source has a place for and says nothing in: it contradicts a correction, where what it
            has no place for does not.
        as_of: the `date_maj` (ISO) when it is that of the list and not of the row; no change by itself, see `dated`.
    """

    kind: Kind
    source: str
    source_id: str
    structure_source_id: NotRequired[str]
    sectors: NotRequired[list[str]]
    fields: dict[str, Any]
    ess: NotRequired[str]
    legal_form: NotRequired[str]
    languages: NotRequired[list[str]]
    accessibility: NotRequired[str]
    memberships: NotRequired[list[dict[str, str]]]
    argumentaire: NotRequired[dict[str, str]]
    extra: NotRequired[dict[str, Any]]
    as_of: NotRequired[str]
    if_new: NotRequired[bool]
    empty: NotRequired[list[str]]


@dataclass(frozen=True, eq=False)
class Origin:
    """The table, or the list of a JSON file, that rows come from; enough to write a file of the same make.

    Args:
        columns: names of the columns of a table in order, trimmed and made unique; empty for JSON.
        separator: of a CSV file.
        preamble: the lines of a table above its header, kept so that the header stays where a mapping expects it.
        section: `structures` or `services` where the file says so, else empty.
    """

    path: Path
    shape: Shape
    columns: tuple[str, ...] = ()
    separator: str = ","
    preamble: tuple[tuple[str, ...], ...] = ()
    section: str = ""


@dataclass(slots=True)
class Raw:
    """One row as it is in the file.

    Args:
        values: cells of a table in the order of `origin.columns`, an item of JSON, or the text of what is neither.
        line: first line of the row in its file, from 1; in a spreadsheet the number of its row.
        place: where a JSON item is (`structures[12]`), empty in a table.
        progress: share of the file read so far, 0 to 1.
        faults: what is wrong with the row itself, whatever it says (cells in excess, broken text).
        notes: what is odd and no fault (missing cells at its end).
    """

    origin: Origin
    values: Sequence[str] | dict[str, Any] | str
    line: int
    place: str = ""
    progress: float = 0.0
    faults: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    @property
    def cells(self) -> list[str]:
        """The cells of a row of a table."""
        assert isinstance(self.values, list)
        return self.values


@dataclass(slots=True)
class Row:
    """One row read: either `drafts`, or `problems` that refuse it whole; `warnings` beside both.

    Args:
        number: rank of the row among all rows read, from 1, stable for the same files.
        progress: share of all files read so far, 0 to 1.
        skipped: the mapping leaves this row aside on purpose (`[rows] when`); it then has no drafts and no problems.
        digest: of the row as it is in the file and of how it is read, 16 bytes; empty when nobody asked for it.
        known: the caller said that it knows this digest; the row was not looked at and has no drafts.
    """

    number: int
    raw: Raw
    drafts: list[Draft]
    problems: list[Problem]
    warnings: list[Problem]
    progress: float = 0.0
    skipped: bool = False
    digest: bytes = b""
    known: bool = False

    @property
    def file(self) -> Path:
        """The file it was read from."""
        return self.raw.origin.path

    @property
    def line(self) -> int:
        """Its first line in the file, from 1."""
        return self.raw.line


def problem(line: int | None, field: str, value: object, code: str, why: str, remedy: str) -> Problem:
    """A `Problem`, its value shortened to 200 characters: it is read by people, the row keeps the whole of it."""
    text = "" if value is None else str(value)
    shown = text if len(text) <= 200 else f"{text[:199]}…"
    return {"line": line, "field": field, "value": shown, "why": why, "remedy": remedy, "code": code}


def dated(draft: Draft, fields_before: dict[str, Any] | None) -> dict[str, Any]:
    """The fields to store for a draft, given those stored before (None for a new record).

    A list published every month dates all its rows anew although few change. Where the date comes from the list and not
    from the row (`as_of`), a record of which nothing else changed keeps the `date_maj` it had, so that importing the
    next list announces what changed and nothing more.
    """
    fields = draft["fields"]
    if "as_of" not in draft or not fields_before or "date_maj" not in fields_before:
        return fields
    as_before = {**fields, "date_maj": fields_before["date_maj"]}
    return as_before if as_before == fields_before else fields
