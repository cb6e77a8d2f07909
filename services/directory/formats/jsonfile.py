"""JSON and JSON lines, one item after the other, whatever the size of the file.

A JSON file is `{"structures": […], "services": […]}` (of HSDS `organizations`, or a page's `contents`), a list of
items, or a GeoJSON collection of features; other keys beside these lists are passed over. It is decoded in a window
that moves along the file: an item is at most 4 MB, and nothing more is kept.
JSON lines have one item a line; a line that is no JSON is refused alone. A JSON file that is broken stops the reading
with `ValidationError`, since nothing after that point can be trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import orjson

from services.directory.formats import csvfile, geojson, sniff
from services.directory.formats.drafts import Origin, Raw, problem
from services.kernel.errors import Problem, ValidationError

SECTIONS: Final = ("structures", "services")
LISTS: Final = (*SECTIONS, "organizations", "contents", geojson.FEATURES)
WINDOW_CHARS: Final = 1 << 20
ITEM_CHARS: Final = 1 << 22

_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder(parse_constant=lambda word: None).raw_decode  # NaN: how some tools write nothing


def read_json(path: Path) -> Iterator[Raw]:
    """The items of a JSON file, with their place (`structures[12]`) and line. Raises `ValidationError` if it breaks."""
    encoding = sniff.encoding(path)
    with path.open("rb") as raw, TextIOWrapper(raw, encoding.name, "strict") as handle:
        try:
            yield from _document(path, _Window(path, handle, raw))
        except UnicodeError as error:
            raise broken(path, None, f"Le fichier n'est pas en {encoding.name} jusqu'au bout.") from error


def read_lines(path: Path, section: str = "") -> Iterator[Raw]:
    """The items of a JSON lines file; a line that is no JSON object comes with its fault, as text."""
    encoding = sniff.encoding(path)
    origin, size = Origin(path, "jsonl", section=section), path.stat().st_size
    with path.open("rb") as raw, TextIOWrapper(raw, encoding.name, encoding.errors, newline="\n") as handle:
        for number, line in enumerate(handle, start=1):
            text = line.strip()
            if not text:
                continue
            progress = raw.tell() / size
            try:
                item = orjson.loads(text)
            except ValueError as error:
                fault = _unreadable(number, text, str(error))
                yield Raw(origin, csvfile.mended(text), number, "", progress, [fault])
                continue
            yield _raw(origin, item, number, "", progress)


def section_of(path: Path) -> str:
    """`structures` or `services` when a file's name says which it holds, else empty."""
    stem = path.stem.casefold()
    said = [section for section in SECTIONS if section in stem]
    return said[0] if len(said) == 1 else ""


class _Window:
    """The part of a file being decoded: `text` from `at` on; what is before is dropped when more is read."""

    def __init__(self, path: Path, handle: TextIO, raw: BinaryIO) -> None:
        self.path, self._handle, self._raw, self._size = path, handle, raw, path.stat().st_size
        self.text, self.at, self.line, self._ended = "", 0, 1, False

    @property
    def progress(self) -> float:
        return min(1.0, self._raw.tell() / self._size)

    def peek(self) -> str:
        """The next character that is no space, empty at the end of the file."""
        while True:
            self._move(_SPACE.match(self.text, self.at).end())  # type: ignore[union-attr]  # it matches nothing too
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def take(self, expected: str) -> str:
        """The next character, one of `expected`."""
        found = self.peek()
        if not found or found not in expected:
            raise broken(self.path, self.line, f"« {found or 'fin du fichier'} » au lieu de « {expected[0]} ».")
        self._move(self.at + 1)
        return found

    def value(self) -> Any:
        """The next value, decoded."""
        self.peek()
        while True:
            try:
                value, end = _decode(self.text, self.at)
            except RecursionError as error:
                raise broken(self.path, self.line, "Les valeurs sont imbriquées sans fin.") from error
            except json.JSONDecodeError as error:
                if len(self.text) - self.at > ITEM_CHARS or not self._more():
                    line = self.line + self.text.count("\n", self.at, error.pos)
                    raise broken(self.path, line, error.msg) from error
                continue
            except ValueError as error:  # Python reads no number of more than 4,300 digits
                raise broken(self.path, self.line, "Un nombre y est démesuré.") from error
            if end == len(self.text) and self._more():
                continue  # a number may go on beyond the window
            self._move(end)
            return value

    def _move(self, end: int) -> None:
        self.line += self.text.count("\n", self.at, end)
        self.at = end

    def _more(self) -> bool:
        chunk = "" if self._ended else self._handle.read(WINDOW_CHARS)
        self._ended = not chunk
        self.text, self.at = self.text[self.at :] + chunk, 0
        return bool(chunk)


def _document(path: Path, window: _Window) -> Iterator[Raw]:
    if window.peek() == "[":
        yield from _items(path, window, section_of(path))
    else:
        window.take("{")
        while window.peek() != "}":
            key = window.value()
            window.take(":")
            if window.peek() == "[":
                items = _items(path, window, key if isinstance(key, str) else "")
                yield from (raw for raw in items if key in LISTS)
            else:
                window.value()
            if window.peek() != "}":
                window.take(",}")
        window.take("}")
    if window.peek():
        raise broken(path, window.line, "Il y a quelque chose après la fin du JSON.")


def _items(path: Path, window: _Window, section: str) -> Iterator[Raw]:
    origin, rank = Origin(path, "json", section=section), 0
    window.take("[")
    while window.peek() != "]":
        line = window.line
        yield _raw(origin, window.value(), line, f"{section}[{rank}]", window.progress)
        rank += 1
        if window.peek() != "]":
            window.take(",]")
    window.take("]")


def _raw(origin: Origin, item: Any, line: int, place: str, progress: float) -> Raw:
    if not isinstance(item, dict):
        fault = _unreadable(line, item, "ce n'est pas un objet")
        return Raw(origin, json.dumps(item), line, place, progress, [fault])
    item = geojson.item_of(item)
    try:
        orjson.dumps(item)
    except (TypeError, ValueError) as error:  # half a character, a number beyond 64 bits, values nested without end
        return Raw(origin, json.dumps(item), line, place, progress, [_unreadable(line, "", str(error))])
    return Raw(origin, item, line, place, progress)


def _unreadable(line: int, text: object, why: str) -> Problem:
    remedy = 'Il faut un objet JSON : {"id": "…", "nom": "…"}.'
    return problem(line, "", text, "row.json", f"Ce n'est pas un objet JSON ({why}).", remedy)


def broken(path: Path, line: int | None, why: str) -> ValidationError:
    """A JSON file that cannot be read any further, as an error that says where."""
    remedy = "Corrigez le fichier à cet endroit ou exportez-le de nouveau, puis recommencez l'import."
    what = f"Le JSON est incomplet ou mal formé : {why}"
    where = f", ligne {line}" if line else ""
    return ValidationError(f"{path.name}{where} : {what}", [problem(line, "", path.name, "file.json", what, remedy)])
