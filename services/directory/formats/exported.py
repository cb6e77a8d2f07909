"""What an export says of a record: its data·inclusion item and, in tables and maps, what v1 cannot say beside it.

The columns beside are those of the native record, by its names; reading knows them again (`items`, `drafting`), but
for the dates of what a permanent did and whose data it is, which only the node of origin can say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from services.directory.formats import data_inclusion
from services.directory.formats.data_inclusion import Record
from services.directory.formats.vocabulary import ARGUMENTAIRE, OWN_FIELDS, TOLD

Row = dict[str, Any]
KINDS: Final = ("structure", "service")
_NATIVE: Final = {kind: tuple(n for n in OWN_FIELDS[kind] if n != "rna" and n not in ARGUMENTAIRE) for kind in KINDS}


@dataclass
class Written:
    """What an export wrote.

    Args:
        files: those written.
        structures, services: how many.
        left_out: identifiers of records that v1 cannot say: without a name, or services whose structure is not among
            the records written.
    """

    files: list[Path] = field(default_factory=list)
    structures: int = 0
    services: int = 0
    left_out: list[str] = field(default_factory=list)


class Sink(Protocol):
    """Where rows go, one after the other."""

    def put(self, record: Record, row: Row) -> None:
        """Take the row of a record."""

    def end(self) -> None:
        """Write what comes after the last row."""


class Items:
    """Items of records, with the structures met so far, by the 16 bytes of their identifier."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._structures: dict[bytes, str] = {}

    def of(self, record: Record) -> Row | None:
        """The item of a record; None for a tombstone, and (noted) for what v1 cannot say."""
        if "fields" not in record:
            return None
        if not record["fields"].get("nom"):
            self._written.left_out.append(record["id"])
            return None
        if record["kind"] == "structure":
            self._structures[UUID(record["id"]).bytes] = record["source_id"]
            self._written.structures += 1
            return data_inclusion.structure_item(record)
        source_id = record.get("structure_source_id") or self._structures.get(UUID(record["structure"]).bytes)
        if source_id is None:
            self._written.left_out.append(record["id"])
            return None
        self._written.services += 1
        return data_inclusion.service_item(record, {"source": record["source"], "source_id": source_id})


Say = Callable[[Record, Row], Row]
"""What an export says of a record, given its data·inclusion item; `row_of`: with all of `vocabulary.COLUMNS`."""


def pour(records: Iterable[Record], sink: Sink, written: Written, say: Say) -> Written:
    """Give a sink the rows of records."""
    items = Items(written)
    for record in records:
        item = items.of(record)
        if item is not None:
            sink.put(record, say(record, item))
    sink.end()
    return written


def row_of(record: Record, item: Row) -> Row:
    """An item with what the record says beside it: a key for each of `vocabulary.COLUMNS`."""
    kind, get = record["kind"], record.get
    extra = get("extra") or {}
    row = item | {"sectors": get("sectors"), "memberships": get("memberships")}
    row |= {name: get(name) for name in (*_NATIVE[kind], *TOLD)}
    if kind == "structure":
        said = get("argumentaire") or {}
        row |= {name: said.get(part) for name, part in ARGUMENTAIRE.items()}
        if "rna" in extra:
            extra = dict(extra)
            row["rna"] = extra.pop("rna")
        else:
            row["rna"] = None
    row["extra"] = extra
    return row
