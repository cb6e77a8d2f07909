"""A record as a file says it, before it is cleaned: what every reader makes and `drafting` takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.directory.formats.clean_text import Refused
from services.directory.formats.drafts import Kind


@dataclass(slots=True)
class Unmade:
    """A value that could not be made from a row: what the row says, why it is not enough, what else could be made."""

    value: str
    refused: Refused
    kept: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Candidate:
    """A record that a row makes, before it is cleaned.

    Args:
        source: its name, which also is that of its structure's.
        values: by field; a text, a list of texts, a number, `Days`, or `Unmade`. Empty ones are left out.
        labels: the column of a field, where there is one that people will look for.
        required: fields without which the mapping wants no record.
        empty: fields that the file has a place for and that this row leaves empty: said, unlike what the file has not.
        made_of: the columns that its identifier is made of.
    """

    kind: Kind
    source: str
    source_id: str
    structure_source_id: str
    values: dict[str, Any]
    labels: dict[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    empty: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()


@dataclass(slots=True)
class Days:
    """Opening hours as a row says them: French names of weekdays to texts, and a remark."""

    week: dict[str, str]
    note: str = ""
