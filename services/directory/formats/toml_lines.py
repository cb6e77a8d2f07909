"""Where each key of a TOML file stands, so that an error can point at its line; `tomllib` does not tell.

The text must be valid TOML (`tomllib.loads` has accepted it); this reads its outline alone.
"""

from __future__ import annotations

import json
import re
from typing import Final

Path = tuple[str | int, ...]

_TOKEN: Final = re.compile(
    r'(?P<text>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<comment>#[^\n]*)|(?P<newline>\n)|(?P<mark>[\[\]{}=,.])|(?P<bare>[^\s\[\]{}=,.#\"']+)",
    re.DOTALL,
)


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of every table, key and element of an array: `("service", 0, "nom", "column")`."""
    return _Outline(text).read()


def line_at(lines: dict[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest thing around it that has one; the first line when none has."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


class _Outline:
    """A walk over the tokens of a TOML text that notes where each path begins."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        line = 1
        for found in _TOKEN.finditer(text):
            kind = found.lastgroup or ""
            if kind != "comment":
                self._tokens.append((kind, found.group(), line))
            line += found.group().count("\n")
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._ranks: dict[Path, int] = {}

    def read(self) -> dict[Path, int]:
        table: Path = ()
        while self._at < len(self._tokens):
            if self._peek() == "\n":
                self._at += 1
            elif self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _note(self, path: Path, line: int) -> None:
        self._lines.setdefault(path, line)

    def _key(self) -> tuple[list[str], int]:
        parts, line = [], self._tokens[self._at][2]
        while True:
            kind, word, _ = self._tokens[self._at]
            parts.append(_unquoted(word) if kind == "text" else word)
            self._at += 1
            if self._peek() != ".":
                return parts, line
            self._at += 1

    def _header(self) -> Path:
        self._at += 1
        many = self._peek() == "["
        self._at += many
        parts, line = self._key()
        self._at += 2 if many else 1
        path: Path = ()
        for rank, part in enumerate(parts):
            path = (*path, part)
            last = rank == len(parts) - 1
            if last and many:
                self._ranks[path] = self._ranks.get(path, -1) + 1
            self._note(path, line)
            if path in self._ranks:
                path = (*path, self._ranks[path])
                self._note(path, line)
        return path

    def _pair(self, table: Path) -> None:
        parts, line = self._key()
        path = table
        for part in parts:
            path = (*path, part)
            self._note(path, line)
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._peek() == "[":
            self._array(path)
        elif self._peek() == "{":
            self._at += 1
            while self._peek() != "}":
                if self._peek() in (",", "\n"):
                    self._at += 1
                else:
                    self._pair(path)
            self._at += 1
        else:
            while self._peek() not in ("", "\n", ",", "]", "}"):
                self._at += 1

    def _array(self, path: Path) -> None:
        self._at += 1
        rank = 0
        while self._peek() != "]":
            if self._peek() in (",", "\n"):
                self._at += 1
                continue
            self._note((*path, rank), self._tokens[self._at][2])
            self._value((*path, rank))
            rank += 1
        self._at += 1


def _unquoted(word: str) -> str:
    if word.startswith("'"):
        return word[1:-1]
    try:
        return str(json.loads(word))
    except ValueError:  # an escape of TOML that JSON has not; keys hardly ever have one
        return word[1:-1]
