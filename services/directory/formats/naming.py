"""What in a text may name somebody: addresses, numbers, and words that begin like names. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

ADDRESS = re.compile(r"[\w.+%'-]{1,64}@[\w-]+(?:\.[\w-]+)+")
NUMBER = re.compile(r"(?<!\d)(?:\+|00)?\d(?:[ .\-/()\u00a0\u202f]{0,2}\d){8,13}(?!\d)")
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
WORDS_AT_MOST = 4
GONE = "…"
Spans = list[tuple[int, int]]


def without(text: str, unwanted: Callable[[str, str], bool]) -> str:
    """The text with a sign in the place of each address, number or name that `unwanted(field, value)` holds of."""
    spans = [found.span() for found in ADDRESS.finditer(text) if unwanted("courriel", found[0])]
    spans += [found.span() for found in NUMBER.finditer(text) if unwanted("telephone", found[0])]
    for run in _runs(text):
        spans += _names_in(text, run, unwanted)
    for start, end in sorted(_apart(spans), reverse=True):
        text = text[:start] + GONE + text[end:]
    return text


def _runs(text: str) -> list[Spans]:
    """Words that begin with a capital and follow each other with nothing but a space between."""
    runs: list[Spans] = []
    for found in WORD.finditer(text):
        if not found[0][0].isupper():
            continue
        if runs and not text[runs[-1][-1][1] : found.start()].strip():
            runs[-1].append(found.span())
        else:
            runs.append([found.span()])
    return runs


def _names_in(text: str, run: Spans, unwanted: Callable[[str, str], bool]) -> Spans:
    found = []
    for first in range(len(run)):
        for last in range(first, min(first + WORDS_AT_MOST, len(run))):
            start, end = run[first][0], run[last][1]
            if unwanted("contact_nom_prenom", text[start:end]):
                found.append((start, end))
    return found


def _apart(spans: Spans) -> Spans:
    """Those that overlap as one."""
    joined: Spans = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
