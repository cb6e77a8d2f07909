"""Exports: native records in, files of a standard out, one record after the other.

| format | `out` | what is written |
|---|---|---|
| `data-inclusion` | a `.json` file | `{"structures": […], "services": […]}` |
| `data-inclusion` | a `.jsonl` file or a folder | `…structures.jsonl` and `…services.jsonl` |
| `csv` | a `.csv` file or a folder | `…structures.csv` and `…services.csv`, lists as JSON |
| `hsds` | a `.json` file | `{"organizations": […], "services": […]}`, objects of HSDS 3.1 |
| `hsds` | a `.jsonl` file or a folder | `…organizations.jsonl` and `…services.jsonl` |

Files are written beside their place and moved there when they are whole: an export that fails leaves the last one.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID

import orjson

from services.directory.formats import data_inclusion, hsds
from services.directory.formats.data_inclusion import Record
from services.directory.formats.drafts import problem
from services.directory.formats.vocabulary import FIELDS, IDENTIFIERS
from services.kernel.errors import ValidationError

KINDS: Final = ("structure", "service")
FORMATS: Final = ("data-inclusion", "hsds", "csv")
NAMES: Final = {"hsds": {"structure": "organizations", "service": "services"}}


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


def write(format: str, out: Path, records: Iterable[Record]) -> Written:
    """Write records to files.

    Args:
        format: one of `FORMATS`.
        out: a file, whose ending chooses between JSON and JSON lines, or a folder, made if need be.
        records: native records; structures come before their services, or a service carries `structure_source_id`.
            Tombstones are passed over.
    Raises `ValidationError` for an unknown format, `OSError` when the disk refuses.
    """
    if format not in FORMATS:
        why, remedy = f"Le format « {format} » ne s'écrit pas.", f"Choisissez parmi : {', '.join(FORMATS)}."
        raise ValidationError(f"{why} {remedy}", [problem(None, "format", format, "export.format", why, remedy)])
    names = NAMES.get(format, {kind: f"{kind}s" for kind in KINDS})
    if format != "csv" and out.suffix.lower() == ".json":
        return _one_file(out, names, records, format)
    extension = "csv" if format == "csv" else "jsonl"
    paths = {kind: _path(out, names[kind], extension) for kind in KINDS}
    encode = {kind: _csv_line(kind) if format == "csv" else orjson_line for kind in KINDS}
    heads = {kind: _csv_head(kind) if format == "csv" else b"" for kind in KINDS}
    return _two_files(paths, encode, heads, records, format)


def orjson_line(item: dict[str, Any]) -> bytes:
    """An item as a line of JSON."""
    return orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE)


class _Items:
    """Items of records, with the structures met so far, by the 16 bytes of their identifier."""

    def __init__(self, written: Written, format: str) -> None:
        self._written = written
        self._hsds = format == "hsds"
        self._structures: dict[bytes, str] = {}

    def of(self, record: Record) -> dict[str, Any] | None:
        """The item of a record; None for a tombstone, and (noted) for what v1 cannot say."""
        if "fields" not in record:
            return None
        if not record["fields"].get("nom"):
            self._written.left_out.append(record["id"])
            return None
        if record["kind"] == "structure":
            self._structures[UUID(record["id"]).bytes] = record["source_id"]
            self._written.structures += 1
            return hsds.organization(record) if self._hsds else data_inclusion.structure_item(record)
        source_id = record.get("structure_source_id") or self._structures.get(UUID(record["structure"]).bytes)
        if source_id is None:
            self._written.left_out.append(record["id"])
            return None
        self._written.services += 1
        if self._hsds:
            return hsds.service({**record, "structure_source_id": source_id}, None)
        return data_inclusion.service_item(record, {"source": record["source"], "source_id": source_id})


def _two_files(
    paths: dict[str, Path], encode: dict[str, Callable[[dict[str, Any]], bytes]], heads: dict[str, bytes],
    records: Iterable[Record], format: str,
) -> Written:  # fmt: skip
    written = Written(files=list(paths.values()))
    items = _Items(written, format)
    partial = {kind: _partial(path) for kind, path in paths.items()}
    with ExitStack() as open_files:
        handles = {kind: open_files.enter_context(path.open("wb")) for kind, path in partial.items()}
        for kind, handle in handles.items():
            handle.write(heads[kind])
        for record in records:
            item = items.of(record)
            if item is not None:
                handles[record["kind"]].write(encode[record["kind"]](item))
    for kind, path in paths.items():
        partial[kind].replace(path)
    return written


def _one_file(out: Path, names: dict[str, str], records: Iterable[Record], format: str) -> Written:
    """Services wait in a file beside until the last structure is written."""
    written = Written(files=[out])
    items = _Items(written, format)
    partial, waiting = _partial(out), _partial(out.with_suffix(".services"))
    with partial.open("wb") as structures, waiting.open("w+b") as services:
        handles: dict[str, BinaryIO] = {"structure": structures, "service": services}
        structures.write(b'{"%s":[' % names["structure"].encode())
        first = dict.fromkeys(KINDS, True)
        for record in records:
            item = items.of(record)
            if item is not None:
                kind = record["kind"]
                handles[kind].write((b"\n" if first[kind] else b",\n") + orjson.dumps(item))
                first[kind] = False
        structures.write(b'\n],"%s":[' % names["service"].encode())
        services.seek(0)
        shutil.copyfileobj(services, structures, 1 << 20)
        structures.write(b"\n]}\n")
    waiting.unlink()
    partial.replace(out)
    return written


def _path(out: Path, name: str, extension: str) -> Path:
    if out.suffix:
        return out.with_name(f"{out.stem}-{name}.{extension}")
    out.mkdir(parents=True, exist_ok=True)
    return out / f"{name}.{extension}"


def _partial(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.partial")


def _csv_head(kind: str) -> bytes:
    return (",".join((*IDENTIFIERS[kind], *FIELDS[kind])) + "\r\n").encode()


def _csv_line(kind: str) -> Callable[[dict[str, Any]], bytes]:
    names = (*IDENTIFIERS[kind], *FIELDS[kind])

    def encode(item: dict[str, Any]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text).writerow([cell_of(item[name]) for name in names])
        return text.getvalue().encode()

    return encode


def cell_of(value: Any) -> str:
    """A value as a cell: a list as JSON, which holds any text, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, list):
        return orjson.dumps(value).decode()
    return str(value)
