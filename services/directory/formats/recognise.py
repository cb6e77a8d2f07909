"""Which format files are in, when nobody says it, and with which mapping they are read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from services.directory.formats import hsds_in, items, jsonfile, mapping_file, package_in, sniff, tables
from services.directory.formats.drafts import Raw, Shape, problem
from services.directory.formats.mapped import Mapped, columns_lacking
from services.directory.formats.mapping import Mapping
from services.directory.formats.mapping_faults import MappingRefused
from services.directory.formats.tables import Layout, Table
from services.directory.formats.vocabulary import COLUMNS
from services.kernel.errors import ValidationError

DATA_INCLUSION: Final = "data-inclusion"
HSDS: Final = "hsds"
HSDS_CSV: Final = "hsds-csv"
ROWS_ASKED: Final = 20
OWN_COLUMNS: Final = tuple(name for kind in COLUMNS for name in COLUMNS[kind])


@dataclass(frozen=True)
class Detected:
    """How files are to be read.

    Args:
        format: `data-inclusion`, `hsds` for its package of tables, or the name of the mapping.
        mapping: None for data·inclusion's own shape.
        source: the source that the mapping, or the first item, names; None when nothing does.
        rights: `licence` and `attribution` of that source, where the first item says them, as our own exports do.
    """

    format: str
    mapping: Mapping | None
    source: str | None
    rights: dict[str, str] = field(default_factory=dict)


def formats() -> list[str]:
    """What `--format` may say, beside the path of a mapping file; `csv` and `xlsx` leave columns to be found out."""
    return [DATA_INCLUSION, HSDS, HSDS_CSV, "csv", "xlsx", *mapping_file.shipped()]


def detect(paths: Sequence[Path], format: str | None = None, mapping: Mapping | Path | str | None = None) -> Detected:
    """How to read files, from what is said of them and, for the rest, from what they hold.

    Args:
        format: one of `formats()`, or the path of a mapping file.
        mapping: a mapping, the name of a shipped one, or the path of one; stronger than `format`.
    Raises `ValidationError` when a file cannot be read, or nothing knows its columns.
    """
    if not paths:
        raise _refused("file.none", "Aucun fichier n'est donné.", "Donnez le chemin d'un fichier.")
    chosen = _chosen_for(paths[0], format, mapping)
    shapes = [sniff.nature(path) for path in paths]
    tabular = shapes[0] in ("csv", "xlsx")
    if chosen is not None and not tabular:
        what = "un paquet HSDS" if shapes[0] == "zip" else "du JSON"
        remedy = "Importez le fichier avec --format data-inclusion, ou donnez un CSV ou un classeur."
        raise _refused("file.json", f"Une correspondance lit des tableaux, {paths[0].name} est {what}.", remedy)
    if chosen is None and tabular and format != DATA_INCLUSION:
        chosen = _knowing(paths[0], shapes[0])
    if chosen is not None:
        return Detected(chosen.source.name, chosen, chosen.source.name)
    if shapes[0] == "zip":
        return Detected(HSDS, None, package_in.source_of(paths[0]) or None)
    first = _first_said(paths[0])
    rights = {name: str(first[name]) for name in ("licence", "attribution") if first.get(name)}
    return Detected(DATA_INCLUSION, None, str(first["source"]) if first else None, rights)


def own_tables(path: Path) -> list[Table]:
    """The tables of a file in data·inclusion's own columns: that of a CSV file, every such sheet of a workbook."""
    if sniff.nature(path) == "csv":
        return [tables.open_table(path, "csv", OWN_COLUMNS)]
    own = [table for table in _sheets(path, OWN_COLUMNS) if items.in_shape(table.origin.columns)]
    return sorted(own, key=lambda table: items.kind_of(table.origin.columns) == "service")


def _sheets(path: Path, expected: Collection[str]) -> list[Table]:
    """A table for every sheet of a workbook that is neither hidden nor blank."""
    from services.directory.formats import workbook

    filled = [name for name in workbook.sheets(path) if next(workbook.lines(path, name), None)]
    return [tables.open_table(path, "xlsx", expected, Layout(sheet=name)) for name in filled]


def _chosen_for(path: Path, format: str | None, mapping: Mapping | Path | str | None) -> Mapping | None:
    """The mapping that is said; one with faults is refused together with the columns that the table has not."""
    try:
        return _chosen(format, mapping)
    except MappingRefused as refused:
        readable = refused.mapping
        try:
            table = tables.open_table(path, sniff.nature(path), readable.columns(), readable.layout)
        except ValidationError:
            raise refused from None
        raise MappingRefused(readable, refused.problems + columns_lacking(readable, table.origin)) from None


def _chosen(format: str | None, mapping: Mapping | Path | str | None) -> Mapping | None:
    if isinstance(mapping, Mapping):
        return mapping
    if mapping is not None:
        return mapping_file.load(mapping)
    if format is None or format in (DATA_INCLUSION, HSDS, HSDS_CSV, "csv", "xlsx"):
        return None
    if format in mapping_file.shipped() or format.endswith(".toml"):
        return mapping_file.load(format)
    remedy = f"Choisissez parmi {', '.join(formats())}, ou donnez le chemin d'une correspondance (.toml)."
    raise _refused("format.unknown", f"Le format « {format} » n'existe pas.", remedy)


def _knowing(path: Path, shape: Shape) -> Mapping | None:
    """The shipped mapping that knows the columns of a table; None for data·inclusion's own."""
    known = [mapping_file.load(name) for name in mapping_file.shipped()]
    expected = {*OWN_COLUMNS, *(column for one in known for column in one.columns())}
    opened = _sheets(path, expected) if shape == "xlsx" else [tables.open_table(path, shape, expected)]
    if not opened or any(items.in_shape(table.origin.columns) for table in opened):
        return None
    origin = opened[0].origin
    for one in known:
        try:
            Mapped(one, origin)
        except ValidationError:
            continue
        return one
    raise _refused(
        "file.columns",
        f"Maillage ne connaît pas les colonnes de {path.name} : {', '.join(origin.columns[:8])}…",
        "Décrivez-les dans un fichier de correspondance (docs/mapping.md) et donnez-le avec --format.",
    )


def _first_said(path: Path) -> dict[str, Any]:
    """The first item that names its source; nothing where none of the first ones does."""
    for raw in islice(_raws(path), ROWS_ASKED):  # the first may be what is wrong with the file
        if isinstance(raw.values, dict):
            said = raw.values
        else:
            said = dict(zip(items.renamed(raw.origin.columns), raw.values, strict=False))
        source = said.get("source") or hsds_in.source_of(said)
        if source:
            return {**said, "source": source}
    return {}


def _raws(path: Path) -> Iterator[Raw]:
    shape = sniff.nature(path)
    if shape == "json":
        return jsonfile.read_json(path)
    if shape == "jsonl":
        return jsonfile.read_lines(path)
    return (raw for table in own_tables(path) for raw in table.rows)


def _refused(code: str, why: str, remedy: str) -> ValidationError:
    return ValidationError(f"{why} {remedy}", [problem(None, "", None, code, why, remedy)])
