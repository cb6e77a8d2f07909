"""The whole directory as one JSON document of a standard, a piece at a time: for who downloads it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from services.directory.formats import data_inclusion, hsds

Record = Mapping[str, Any]
SECTIONS: Final = {
    "data-inclusion": ("structures", "services"), "hsds": ("organizations", "services"),
}  # fmt: skip
"""Formats, with the names of their lists of structures and of services."""
PIECE_BYTES: Final = 64_000


def pieces(format: str, records: Callable[[], Iterable[Record]]) -> Iterator[bytes]:
    """The document. `records` gives all public records, in any order; it is gone through twice: structures first."""
    sources: dict[str, str] = {}
    buffer = bytearray()
    for place, kind in enumerate(("structure", "service")):
        buffer += (b"{" if place == 0 else b"\n],") + f'"{SECTIONS[format][place]}":['.encode()
        first = True
        for record in records():
            item = _item(format, record, sources) if record["kind"] == kind else None
            if item is None:
                continue
            buffer += (b"\n" if first else b",\n") + orjson.dumps(item)
            first = False
            if len(buffer) > PIECE_BYTES:
                yield bytes(buffer)
                buffer.clear()
    yield bytes(buffer + b"\n]}\n")


def _item(format: str, record: Record, sources: dict[str, str]) -> dict[str, Any] | None:
    if record["kind"] == "structure":
        sources[record["id"]] = record["source_id"]
        return hsds.organization(record) if format == "hsds" else data_inclusion.structure_item(record)
    source_id = sources.get(record["structure"])
    if source_id is None:
        return None  # its structure is not public
    if format == "hsds":
        return hsds.service({**record, "structure_source_id": source_id}, None)
    return data_inclusion.service_item(record, {"source": record["source"], "source_id": source_id})
