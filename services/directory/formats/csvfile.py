"""CSV as people have it: any encoding, any separator, a quote never closed, a few broken bytes.

A quote that is never closed would swallow the rows after it into one cell. The line that opens it is given up alone,
as a fault, and reading goes on with the line after it.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from services.directory.formats import sniff
from services.directory.formats.drafts import problem
from services.kernel.errors import Problem, ValidationError

LINES_IN_A_ROW: Final = 200


class Line(NamedTuple):
    """Cells of one row before its header is known: `number` of its first line, share of the file read, its fault."""

    number: int
    cells: list[str]
    progress: float
    fault: Problem | None = None


@dataclass(frozen=True)
class OpenCsv:
    """An open CSV file: its separator and its lines, blank ones left out."""

    separator: str
    lines: Iterator[Line]


def open_csv(path: Path, encoding: str | None = None, separator: str | None = None) -> OpenCsv:
    """Open a CSV file; what is not said is found out. A byte order mark in the file is stronger than `encoding`.

    Raises `ValidationError` when it does not decode as what was said.
    """
    found = sniff.encoding(path)
    marked = found.name in ("utf-8-sig", "utf-16", "utf-32")
    chosen = found if encoding is None or marked else sniff.Encoding(encoding)
    try:
        with path.open(encoding=chosen.name, errors=chosen.errors, newline="") as handle:
            sample = handle.read(sniff.SAMPLE_BYTES)
    except (UnicodeError, LookupError) as error:
        raise _undecodable(path, chosen.name) from error
    mark = separator or sniff.separator(sample)
    return OpenCsv(mark, _lines(path, chosen, mark, skip_first=sample.lstrip().startswith("sep=")))


def _lines(path: Path, encoding: sniff.Encoding, separator: str, *, skip_first: bool) -> Iterator[Line]:
    size = path.stat().st_size
    with path.open("rb") as raw, TextIOWrapper(raw, encoding.name, encoding.errors, newline="") as handle:
        source = _Rewindable(handle)
        if skip_first:
            next(source)
        rows = csv.reader(source, delimiter=separator)
        width = 0
        while True:
            source.start()
            fault = None
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error:
                cells = []
            except UnicodeError as error:
                raise _undecodable(path, encoding.name) from error
            if not cells or _swallowed(source.taken, cells, separator, width):
                if len(source.taken) == 1 and not source.taken[0].strip():
                    continue
                cells, fault = _without_quotes(source.taken[0], separator), _unclosed(source.first)
                source.give_back()
            width = max(width, len(cells))
            if encoding.damaged and not all(map(_sound, cells)):
                cells, fault = [mended(cell) for cell in cells], _broken_bytes(source.first, cells)
            yield Line(source.first, cells, raw.tell() / size, fault)


class _Rewindable(Iterator[str]):
    """Lines of a file, with those of the row being read kept, to be given back when the row was none."""

    def __init__(self, handle: TextIO) -> None:
        self._handle = handle
        self._ahead: deque[str] = deque()
        self.taken: list[str] = []
        self.first = 1

    def start(self) -> None:
        self.first += len(self.taken)
        self.taken = []

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._handle)
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """All lines taken but the first."""
        self._ahead.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def _swallowed(lines: list[str], cells: list[str], separator: str, width: int) -> bool:
    """Whether a row went on over others because a quote of its first line was never closed.

    A quote left open at the end of the file, more lines than any cell has, or a line within it that is a row by itself.
    """
    is_open = sum(line.count('"') for line in lines) % 2 == 1
    if len(lines) == 1:  # a quote within a cell (`tube de 5"`) is open too, and holds nothing
        return is_open and (separator in cells[-1] or "\n" in cells[-1])
    if len(lines) > LINES_IN_A_ROW or is_open:
        return True
    return width > 2 and any(line.count(separator) >= width - 1 for line in lines[1:-1])


def _without_quotes(line: str, separator: str) -> list[str]:
    """The cells of a line whose quotes mean nothing, for a person to correct."""
    return line.rstrip("\r\n").replace('"', "").split(separator)


def _sound(cell: str) -> bool:
    return cell.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in cell)


def mended(cell: str) -> str:
    """A text with its broken bytes as Windows-1252, which they most often are, for a person to look at."""
    if _sound(cell):
        return cell
    return "".join(
        bytes([ord(letter) - 0xDC00]).decode("cp1252", "replace") if "\udc80" <= letter <= "\udcff" else letter
        for letter in cell
    )


def _broken_bytes(line: int, cells: list[str]) -> Problem:
    broken = next(cell for cell in cells if not _sound(cell))
    why = "Des octets de cette ligne ne sont pas de l'UTF-8, contrairement au reste du fichier."
    return problem(line, "", mended(broken), "row.encoding", why, "Vérifiez les accents, puis importez cette ligne.")


def _unclosed(line: int) -> Problem:
    why = "Un guillemet ouvert à cette ligne n'est pas refermé, ou une cellule y est démesurée."
    return problem(line, "", None, "row.quote", why, 'Refermez le guillemet, ou doublez-le ("") dans le texte.')


def _undecodable(path: Path, encoding: str) -> ValidationError:
    why = f"Le fichier ne se lit pas en {encoding}."
    remedy = "Corrigez l'encodage dit, ou ne le dites pas : il sera deviné."
    return ValidationError(f"{path.name} : {why}", [problem(None, "encoding", encoding, "file.encoding", why, remedy)])
