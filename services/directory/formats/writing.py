"""Exports: native records in, files out, one record after the other. All formats there are stand here.

| format | `out` | what is written |
|---|---|---|
| `data-inclusion` | a `.json` file | `{"structures": […], "services": […]}` |
| `data-inclusion` | a `.jsonl` file | `…-structures.jsonl` and `…-services.jsonl` |
| `data-inclusion` | a folder | `structures.json` and `services.json`, a list each |
| `hsds` | as `data-inclusion` | `hsds-organizations`, `hsds-services`: objects of HSDS 3.1 |
| `hsds-csv`; `hsds` to a `.zip` file | a file or a folder | one zip, the tables of HSDS 3.1; `annuaire-hsds.zip` |
| `csv`, `parquet` | a file or a folder | `…structures.csv` and `…services.csv` |
| `geojson`, `xlsx` | a file or a folder | one file of both, `annuaire.…` in a folder |

Files are written beside their place and moved there when they are whole: an export that fails leaves the last one.
A format is a function of a path and native records (structures before their services), and a line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.directory.formats import writing_json, writing_package, writing_tables
from services.directory.formats.data_inclusion import Record
from services.directory.formats.drafts import problem
from services.directory.formats.exported import Written
from services.kernel.errors import ValidationError

__all__ = ["FORMATS", "MEDIA_TYPES", "Format", "Written", "format_for", "write"]


@dataclass(frozen=True)
class Format:
    """A way to write records.

    Args:
        label: what it is good for, in French, for people.
        write: `(out, records)` → what was written; `out` is a file, or a folder when it has no extension.
        extensions: of an `out` that says this format by itself.
    """

    label: str
    write: Callable[[Path, Iterable[Record]], Written]
    extensions: tuple[str, ...] = ()


FORMATS: Final = {
    "data-inclusion": Format(
        "le standard national data·inclusion, version 1", writing_json.data_inclusion, (".json", ".jsonl")
    ),
    "hsds": Format("le standard international Open Referral HSDS 3.1", writing_json.hsds_objects),
    "hsds-csv": Format(
        "le même en tables : un paquet de fichiers CSV, pour un tableur ou une base", writing_package.package, (".zip",)
    ),
    "csv": Format("un tableau, pour un programme", writing_tables.table, (".csv",)),
    "xlsx": Format("un classeur, pour un tableur", writing_tables.workbook, (".xlsx",)),
    "geojson": Format("une carte", writing_json.features, (".geojson",)),
    "parquet": Format("des colonnes, pour l’analyse", writing_tables.parquet, (".parquet",)),
}
MEDIA_TYPES: Final = {
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv; charset=utf-8; header=present",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".geojson": "application/geo+json",
    ".parquet": "application/vnd.apache.parquet",
    ".zip": "application/zip",
}
"""Of the files that formats write, by extension."""


def format_for(out: Path) -> str:
    """The format that the extension of a file says; data·inclusion for a folder and where it says nothing."""
    suffix = out.suffix.lower()
    return next((name for name, one in FORMATS.items() if suffix in one.extensions), "data-inclusion")


def write(format: str, out: Path, records: Iterable[Record]) -> Written:
    """Write records to files.

    Args:
        format: one of `FORMATS`.
        out: a file, or a folder, made if need be.
        records: native records; structures come before their services, or a service carries `structure_source_id`.
            Tombstones are passed over.
    Raises `ValidationError` for an unknown format or one whose library is absent, `OSError` when the disk refuses.
    """
    if format not in FORMATS:
        why, remedy = f"Le format « {format} » ne s'écrit pas.", f"Choisissez parmi : {', '.join(FORMATS)}."
        raise ValidationError(f"{why} {remedy}", [problem(None, "format", format, "export.format", why, remedy)])
    as_tables = format == "hsds" and out.suffix.lower() == ".zip"
    return FORMATS["hsds-csv" if as_tables else format].write(out, records)
