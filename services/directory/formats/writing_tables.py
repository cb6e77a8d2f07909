"""Exports as tables: CSV, workbooks, Parquet. One record after the other; columns are those of `vocabulary.COLUMNS`.

What a structure says can run nothing on the machine of whoever opens the file: see `cells` for CSV; in a workbook
every text is written as a text, whatever it begins with.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from services.directory.formats.cells import cell_of, guarded
from services.directory.formats.data_inclusion import Record
from services.directory.formats.drafts import problem
from services.directory.formats.exported import KINDS, Row, Written, pour, row_of
from services.directory.formats.vocabulary import COLUMNS, LISTS
from services.directory.formats.whole import one, two, whole
from services.kernel.errors import ValidationError

if TYPE_CHECKING:
    import pyarrow

SHEETS: Final = {"structure": "structures", "service": "services"}
CELL_CHARS: Final = 32_767
"""The longest text of a cell of a workbook (ECMA-376, and Excel's own limits)."""
_NO_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML cannot hold: openpyxl refuses most of it, and spreadsheets a file with the rest."""
_NUMBERS: Final = {"longitude": float, "latitude": float, "volume_horaire_hebdomadaire": float, "nombre_semaines": int}
_ROWS_A_GROUP: Final = 5_000


def table(out: Path, records: Iterable[Record]) -> Written:
    """Two CSV files in UTF-8, separated by commas, lists as JSON."""
    paths = two(out, "csv")
    with whole(paths) as partial, ExitStack() as files:
        opened = [files.enter_context(path.open("w", encoding="utf-8", newline="")) for path in partial]
        return pour(records, _Csv(opened), Written(paths), row_of)


def workbook(out: Path, records: Iterable[Record]) -> Written:
    """One workbook with a sheet of structures and one of services; no cell of it is a formula.

    Rows go to the disk as they come. A text longer than a cell may be is left out (no field is: what a source said
    beside them, in `extra`, might be).
    """
    from openpyxl import Workbook

    paths = one(out, "annuaire", "xlsx")
    with whole(paths) as [partial], closing(_Sheets(Workbook(write_only=True))) as sheets:
        written = pour(records, sheets, Written(paths), row_of)
        sheets.book.save(partial)
    return written


def parquet(out: Path, records: Iterable[Record]) -> Written:
    """Two Parquet files, lists as lists. Raises `ValidationError` where its library is not installed."""
    try:
        import pyarrow.parquet
    except ImportError:
        why, remedy = "Parquet demande une bibliothèque de plus.", "Installez-la : pip install 'maillage[parquet]'."
        details = [problem(None, "format", "parquet", "export.library", why, remedy)]
        raise ValidationError(f"{why} {remedy}", details) from None
    paths = two(out, "parquet")
    schemas = {kind: _schema(kind) for kind in KINDS}
    with whole(paths) as partial, ExitStack() as files:
        writers = {
            kind: files.enter_context(pyarrow.parquet.ParquetWriter(path, schemas[kind]))
            for kind, path in zip(KINDS, partial, strict=True)
        }
        return pour(records, _Parquet(schemas, writers), Written(paths), row_of)


class _Csv:
    """Rows as CSV, structures to the first file, services to the second."""

    def __init__(self, files: Sequence[IO[str]]) -> None:
        self._writer_of = {kind: csv.writer(file) for kind, file in zip(KINDS, files, strict=True)}
        for kind, writer in self._writer_of.items():
            writer.writerow(COLUMNS[kind])

    def put(self, record: Record, row: Row) -> None:
        kind = record["kind"]
        self._writer_of[kind].writerow([guarded(cell_of(row[name])) for name in COLUMNS[kind]])

    def end(self) -> None:
        """Rows need no end."""


class _Sheets:
    """Rows of the two sheets of a workbook."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self._sheet_of = {kind: book.create_sheet(title) for kind, title in SHEETS.items()}
        for kind, sheet in self._sheet_of.items():
            sheet.freeze_panes = "A2"
            sheet.append(COLUMNS[kind])

    def put(self, record: Record, row: Row) -> None:
        kind = record["kind"]
        sheet = self._sheet_of[kind]
        sheet.append([_as_text(sheet, cell_of(row[name])) for name in COLUMNS[kind]])

    def end(self) -> None:
        """The workbook is saved by whoever opened it."""

    def close(self) -> None:
        """Let go of the files in which sheets wait: those of a workbook that was not saved too."""
        for sheet in self.book.worksheets:
            if not sheet.closed:
                sheet.close()


def _as_text(sheet: Any, value: Any) -> Any:
    """A cell that is what it says: openpyxl would make a formula of a text that begins with `=`."""
    if not isinstance(value, str) or len(value) > CELL_CHARS:
        return value if not isinstance(value, str) else None
    text = _NO_TEXT.sub("", value)
    if text[:1] not in ("=", "#"):
        return text or None
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell


class _Parquet:
    """Rows in groups of some thousands."""

    def __init__(self, schemas: dict[str, pyarrow.Schema], writers: dict[str, Any]) -> None:
        self._schemas, self._writers = schemas, writers
        self._waiting: dict[str, list[Row]] = {kind: [] for kind in KINDS}

    def put(self, record: Record, row: Row) -> None:
        waiting = self._waiting[record["kind"]]
        waiting.append(row | {"extra": orjson.dumps(row["extra"]).decode() if row["extra"] else None})
        if len(waiting) == _ROWS_A_GROUP:
            self._write(record["kind"])

    def end(self) -> None:
        for kind in KINDS:
            self._write(kind)

    def _write(self, kind: str) -> None:
        import pyarrow

        if self._waiting[kind]:
            self._writers[kind].write_table(pyarrow.Table.from_pylist(self._waiting[kind], self._schemas[kind]))
            self._waiting[kind] = []


def _schema(kind: str) -> pyarrow.Schema:
    import pyarrow

    words = pyarrow.list_(pyarrow.string())
    membership = pyarrow.struct([(name, pyarrow.string()) for name in ("name", "scale", "territory")])
    types = {float: pyarrow.float64(), int: pyarrow.int64()}
    known = {name: types[number] for name, number in _NUMBERS.items()}
    known |= dict.fromkeys((*LISTS, "sectors"), words) | {"memberships": pyarrow.list_(membership)}
    return pyarrow.schema([(name, known.get(name, pyarrow.string())) for name in COLUMNS[kind]])
