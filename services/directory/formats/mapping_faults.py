"""What is wrong with a mapping file, gathered as it is read, each with the line it stands on."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from services.directory.formats import toml_lines
from services.directory.formats.drafts import problem
from services.directory.formats.mapping import Mapping
from services.kernel.errors import Problem, ValidationError


class Faults:
    """The problems of one mapping file; `lines` says where each of its keys stands."""

    def __init__(self, lines: dict[toml_lines.Path, int]) -> None:
        self.lines = lines
        self.problems: list[Problem] = []

    def wrong(self, at: toml_lines.Path, value: object, code: str, why: str, remedy: str) -> None:
        """Note a problem with the value at a path of the file."""
        name = shown(at)
        self.problems.append(problem(toml_lines.line_at(self.lines, at), name, value, code, why, remedy))

    def known(self, table: dict[str, Any], at: toml_lines.Path, allowed: Collection[str]) -> None:
        """Note every key that means nothing here, with the nearest that does."""
        for key in table:
            if key not in allowed:
                why = f"« {key} » n'existe pas ici."
                self.wrong((*at, key), key, "mapping.key", why, suggestion(key, allowed))

    def table(self, within: dict[str, Any], key: str, at: toml_lines.Path) -> dict[str, Any]:
        """The table of a key, empty when it is absent or (noted) no table."""
        return self.is_table(within.get(key, {}), (*at, key))

    def is_table(self, value: object, at: toml_lines.Path) -> dict[str, Any]:
        """A value that must be a table, empty when it is none (noted)."""
        if isinstance(value, dict):
            return value
        self.wrong(at, value, "mapping.type", "Une table est attendue.", 'Par exemple { column = "Colonne" }.')
        return {}

    def text(self, within: dict[str, Any], key: str, at: toml_lines.Path) -> str:
        """The text of a key, empty when it is absent or (noted) no text."""
        value = within.get(key, "")
        if isinstance(value, str):
            return value
        self.wrong((*at, key), value, "mapping.type", "Un texte entre guillemets est attendu.", f'{key} = "{value}"')
        return ""


class MappingRefused(ValidationError):
    """A mapping file with faults; `mapping` is what could be read of it, to look for more in a table."""

    def __init__(self, mapping: Mapping, problems: list[Problem]) -> None:
        first, count = problems[0], len(problems)
        told = f"{first['why']} {first['remedy']}" if count == 1 else f"{count} erreurs."
        where = f"{mapping.name}, ligne {first['line']}" if count == 1 else mapping.name
        super().__init__(f"{where} : {told}", problems)
        self.mapping = mapping
        self.problems = problems


def shown(at: toml_lines.Path) -> str:
    """A place of a mapping file as people find it: `[[service]] thematiques.map.Repas`."""
    words = [str(each) for each in at if isinstance(each, str)]
    if not words:
        return ""
    brackets = "[[{}]]" if words[0] == "service" and len(at) > 1 and isinstance(at[1], int) else "[{}]"
    return f"{brackets.format(words[0])} {'.'.join(words[1:])}".strip()


def suggestion(word: str, allowed: Collection[str]) -> str:
    """What was probably meant, or all that is possible."""
    near = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f"Vouliez-vous dire « {near[0]} » ?" if near else f"Il y a : {', '.join(sorted(allowed))}."
