"""Regular expressions as mappings hold them, read by RE2: in time that grows with the text, whatever is written.

Python's own engine may try a cell of forty letters for hours (`(a+)+$`), and nothing on this node would go on
meanwhile. What RE2 gives up for that is looking ahead or behind, and repeating what a group found.
"""

from __future__ import annotations

from typing import Final

import re2

CANNOT: Final = "Écrivez-la autrement, sans (?=…), (?!…), (?<…) ni \\1 : un groupe, ou plusieurs transformations."
"""The remedy where an expression cannot be read."""


class Expression:
    """A regular expression. Raises `ValueError` (in French, with what is wrong) where RE2 cannot read it."""

    def __init__(self, written: str, *, any_case: bool = False) -> None:
        options = re2.Options()
        options.log_errors, options.case_sensitive = False, not any_case
        try:
            self._read = re2.compile(written, options)
        except re2.error as error:
            said = error.args[0].decode("utf-8", "replace")
            raise ValueError(f"L'expression régulière ne se lit pas : {said}.") from error
        self.groups = int(self._read.groups)

    def found(self, text: str) -> bool:
        """Whether the text holds a match."""
        return self._read.search(text) is not None

    def first(self, text: str) -> str:
        """The first match, or its first group where the expression has one; nothing where there is none."""
        found = self._read.search(text)
        return (found.group(1 if self.groups else 0) or "") if found else ""
