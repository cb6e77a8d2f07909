"""One sheet of an XLSX workbook, row by row, its cells as the text that a CSV export would hold."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.directory.formats.csvfile import Line
from services.directory.formats.drafts import problem
from services.kernel.errors import ValidationError

UNPACKED_AT_MOST_BYTES = 500_000_000
ROWS_AT_MOST, CELLS_AT_MOST = 1_048_576, 50_000_000
"""A sheet has no more rows; a file of a few kilobytes may say that it has thousands of millions."""


def require_small(path: Path, unpacked_bytes: int = UNPACKED_AT_MOST_BYTES) -> None:
    """Raises `ValidationError` on a workbook that would unpack to more; other files pass."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(each.file_size for each in packed.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _broken(path) from error
    if size > unpacked_bytes:
        why = f"Le classeur est trop grand : {size // 1_000_000} Mo une fois ouvert."
        raise _refused(path, "file.large", why, "Enregistrez en CSV la feuille à importer.")


def sheets(path: Path) -> list[str]:
    """Names of the sheets of a workbook that are not hidden, in order."""
    book = _open(path)
    try:
        return [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    finally:
        book.close()


def lines(path: Path, name: str | None = None) -> Iterator[Line]:
    """The rows of a sheet that are not blank, by default of the first that has any; numbered as in the sheet.

    Raises `ValidationError` when the workbook cannot be read or has no such sheet.
    """
    book = _open(path)
    try:
        for sheet in _chosen(path, book, name):
            found = False
            for line in _rows(path, sheet):
                found = True
                yield line
            if found:
                return
    finally:
        book.close()


def text_of(value: Any) -> str:
    """A cell as text: `44000` for 44000.0, ISO dates, `09:30`, `oui` and `non`; an empty cell is an empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="minutes")
    return str(value)


def _rows(path: Path, sheet: Any) -> Iterator[Line]:
    expected_rows, cells_seen = sheet.max_row or 0, 0
    sheet.reset_dimensions()  # some writers give a wrong extent, and rows beyond it would not be read
    for number, row in enumerate(_whole(path, sheet.iter_rows(values_only=True)), start=1):
        cells_seen += len(row)
        if number > ROWS_AT_MOST or cells_seen > CELLS_AT_MOST:
            why, remedy = "La feuille est trop grande.", "Retirez les lignes et les colonnes vides de son bout."
            raise _refused(path, "file.large", why, remedy)
        cells = [text_of(value) for value in row]
        if any(cells):
            progress = min(1.0, number / expected_rows) if expected_rows else 0.0
            yield Line(number, cells, progress)


def _open(path: Path) -> Any:
    from openpyxl import load_workbook

    require_small(path)
    try:
        return load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises KeyError, BadZipFile, ParseError, ValueError… on a broken workbook
        raise _broken(path) from error


def _whole(path: Path, rows: Iterator[Any]) -> Iterator[Any]:
    """The rows of a sheet, which are parsed as they are read, and may break then."""
    while True:
        try:
            row = next(rows, None)
        except Exception as error:
            raise _broken(path) from error
        if row is None:
            return
        yield row


def _broken(path: Path) -> ValidationError:
    why, remedy = "Le classeur ne peut être lu.", "Ouvrez-le et enregistrez-le de nouveau en .xlsx."
    return _refused(path, "file.broken", why, remedy)


def _refused(path: Path, code: str, why: str, remedy: str) -> ValidationError:
    return ValidationError(f"{path.name} : {why} {remedy}", [problem(None, "", path.name, code, why, remedy)])


def _chosen(path: Path, book: Any, name: str | None) -> list[Any]:
    """The sheet of a name, or all that are not hidden."""
    if name is None:
        found = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    else:
        wanted = name.strip().casefold()
        found = [sheet for sheet in book.worksheets if sheet.title.strip().casefold() == wanted]
    if found:
        return found
    why = f"Le classeur n'a pas de feuille « {name} »." if name else "Le classeur n'a pas de feuille visible."
    remedy = "Ses feuilles : " + ", ".join(sheet.title for sheet in book.worksheets)
    details = [problem(None, "sheet", name, "file.sheet", why, remedy)]
    raise ValidationError(f"{path.name} : {why} {remedy}", details)
