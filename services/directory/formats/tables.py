"""Tables, CSV and XLSX alike: a header found, then one row after the other as trimmed text, memory flat.

A cell of a spreadsheet becomes the text that a CSV export of it would hold, so that one mapping reads both: `44000`
for a number, `2026-11-23` for a date, `09:30` for a time, `oui` or `non` for a boolean. Zeros that the spreadsheet took
from the front of a number are given back by the cleaning of the field.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.directory.formats import csvfile
from services.directory.formats.cells import bare
from services.directory.formats.csvfile import Line
from services.directory.formats.drafts import Origin, Raw, Shape, problem
from services.kernel.errors import Problem, ValidationError

HEADER_WITHIN_ROWS: Final = 20
FORMULA_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"})


@dataclass(frozen=True)
class Layout:
    """What is known of a table before it is opened; None stands for "find out".

    Args:
        encoding: Python's name; a byte order mark in the file is stronger.
        separator: of a CSV file.
        sheet: name of the sheet of a workbook; by default the first that is not hidden.
        header_row: number of the row of column names, from 1; by default the one of the first 20 that holds most
            expected names.
    """

    encoding: str | None = None
    separator: str | None = None
    sheet: str | None = None
    header_row: int | None = None


@dataclass(frozen=True)
class Table:
    """An open table: where it comes from, with its columns, and its rows, to be read once."""

    origin: Origin
    rows: Iterator[Raw]


def open_table(path: Path, shape: Shape, expected: Collection[str] = (), layout: Layout | None = None) -> Table:
    """Open a CSV file or one sheet of a workbook.

    Args:
        expected: names of columns that tell the header from the titles above it.
    Raises `ValidationError` when the file cannot be read or has no header.
    """
    layout = layout or Layout()
    if shape == "xlsx":
        from services.directory.formats import workbook

        return _table(path, shape, workbook.lines(path, layout.sheet), expected, layout, ",")
    opened = csvfile.open_csv(path, layout.encoding, layout.separator)
    return _table(path, shape, opened.lines, expected, layout, opened.separator)


def key_of(name: str) -> str:
    """A column's name without case, accents and punctuation: `Code postal`, `code_postal` and `CODE-POSTAL` agree."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def names_of(cells: Iterable[str]) -> tuple[str, ...]:
    """Names of columns from the cells of a header: one line each, trimmed, a blank one numbered, all different.

    >>> names_of([" Nom ", "Téléphone", "", "Téléphone"])
    ('Nom', 'Téléphone', 'colonne 3', 'Téléphone (2)')
    """
    seen: Counter[str] = Counter()
    names = []
    for number, cell in enumerate(cells, start=1):
        name = " ".join(cell.replace("\ufeff", "").split()) or f"colonne {number}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(names)


def _table(
    path: Path, shape: Shape, lines: Iterator[Line], expected: Collection[str], layout: Layout, separator: str
) -> Table:
    head = list(itertools.islice(lines, layout.header_row or HEADER_WITHIN_ROWS))
    numbers = [line.number for line in head]
    at = numbers.index(layout.header_row) if layout.header_row in numbers else _likeliest(head, expected)
    if at >= len(head) or (layout.header_row or numbers[at]) != numbers[at]:
        why, remedy = "Aucune ligne de titres de colonnes.", "La première ligne doit nommer les colonnes."
        raise ValidationError(f"{path.name} : {why}", [problem(None, "", path.name, "file.header", why, remedy)])
    cells = _without_tail(head[at].cells)
    above = {line.number: tuple(line.cells) for line in head[:at]}
    preamble = tuple(above.get(number, ()) for number in range(1, numbers[at]))
    origin = Origin(path, shape, names_of(cells), separator, preamble)
    return Table(origin, _rows(origin, itertools.chain(head[at + 1 :], lines)))


def _likeliest(head: Sequence[Line], expected: Collection[str]) -> int:
    keys = set(map(key_of, expected))
    scores = [len(keys & set(map(key_of, line.cells))) for line in head]
    return scores.index(max(scores)) if scores else 0


def _without_tail(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _rows(origin: Origin, lines: Iterable[Line]) -> Iterator[Raw]:
    width, is_csv = len(origin.columns), origin.shape == "csv"
    for line in lines:
        cells = [bare(cell.strip()) for cell in line.cells] if is_csv else [cell.strip() for cell in line.cells]
        if not any(cells):
            continue
        faults, notes = [line.fault] if line.fault else [], _blank_errors(origin, line.number, cells)
        if len(cells) > width:
            excess, cells = _without_tail(cells[width:]), cells[:width]
            if excess and not faults:
                faults.append(_too_many(line.number, width, excess))
                cells = [*cells, *excess]
        elif len(cells) < width:
            if not faults and origin.shape == "csv":
                notes.append(_too_few(line.number, width, len(cells)))
            cells += [""] * (width - len(cells))
        yield Raw(origin, cells, line.number, "", line.progress, faults, notes)


def _blank_errors(origin: Origin, line: int, cells: list[str]) -> list[Problem]:
    """Take out what a spreadsheet writes for a formula that has no value, and say so."""
    if FORMULA_ERRORS.isdisjoint(cells):
        return []
    notes = []
    for at, cell in enumerate(cells):
        if cell in FORMULA_ERRORS:
            cells[at] = ""
            column = origin.columns[at] if at < len(origin.columns) else ""
            why = "La formule de cette cellule ne donne pas de valeur : elle est prise pour vide."
            notes.append(problem(line, column, cell, "cell.formula", why, "Corrigez la formule ou écrivez la valeur."))
    return notes


def _too_many(line: int, width: int, excess: list[str]) -> Problem:
    why = f"La ligne a {width + len(excess)} cellules pour {width} colonnes : elles sont décalées."
    remedy = "Mettez entre guillemets la cellule qui contient le séparateur."
    return problem(line, "", " | ".join(excess), "row.long", why, remedy)


def _too_few(line: int, width: int, count: int) -> Problem:
    why = f"La ligne n'a que {count} cellules pour {width} colonnes."
    return problem(
        line, "", None, "row.short", why, "Les cellules absentes sont prises pour vides : vérifiez la ligne."
    )
