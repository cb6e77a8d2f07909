"""Templates of a mapping: `{Voie} [({Complément}) ]{Commune}`.

`{column}` stands for a cell. What is in square brackets stays only when every column in it is filled. A template whose
columns are all empty gives nothing. Braces and brackets meant as such are doubled.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from services.directory.formats.mapping import Template

_TOKEN: Final = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{(?P<column>[^{}\[\]]+)\}|(?P<mark>[\[\]{}])|[^{}\[\]]+")

Parts = list[tuple[bool, str]]


def read(text: str) -> Template:
    """A template from its text. Raises `ValueError` (in French, for people) where a brace or a bracket is alone."""
    groups: list[tuple[bool, Parts]] = [(False, [])]
    inside = False
    for token in _TOKEN.finditer(text):
        if token["column"]:
            groups[-1][1].append((True, token["column"].strip()))
        elif token["mark"] in ("[", "]"):
            if (token["mark"] == "[") == inside:
                raise ValueError(f"Crochet « {token['mark']} » en trop ; doublez-le s'il fait partie du texte.")
            inside = not inside
            groups.append((inside, []))
        elif token["mark"]:
            raise ValueError(f"Accolade « {token['mark']} » en trop ; doublez-la si elle fait partie du texte.")
        else:
            word = token.group()
            groups[-1][1].append((False, word[0] if word in ("{{", "}}", "[[", "]]") else word))
    if inside:
        raise ValueError("Le crochet « [ » n'est pas refermé.")
    if not any(is_column for _, parts in groups for is_column, _ in parts):
        raise ValueError("Ce modèle ne nomme aucune colonne ({Colonne}) : pour un texte fixe, c'est « value ».")
    return Template(text, tuple((optional, tuple(parts)) for optional, parts in groups if parts))


def render(template: Template, cell: Callable[[str], str]) -> str:
    """The text that a template gives for a row, spaces at its ends cut; empty when all its columns are."""
    said, filled = [], False
    for optional, parts in template.groups:
        words = [(is_column, cell(text) if is_column else text) for is_column, text in parts]
        cells = [word for is_column, word in words if is_column]
        filled = filled or any(cells)
        if not optional or all(cells):
            said.append("".join(word for _, word in words))
    return "".join(said).strip() if filled else ""
