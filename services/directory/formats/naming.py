"""Where a text names somebody: an address, a number or a name, however it is written. Pure.

Names are looked for word by word, without accents, capitals or what stands between the words, in any order; so are the
digits of numbers. What is found is shown to a predicate, in one plain writing: who is looked for may be known by a
digest alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from services.directory.formats.territory_names import letters_of, words

GONE: Final = "…"
NATIONAL: Final = 9
"""Digits of a French number without its country or its first zero."""
DIGITS_AT_MOST: Final = 15
"""Of any number, its country included (ITU-T E.164)."""
APART_AT_MOST: Final = 4
"""Signs between two words of a name, or two digits of a number."""
_AT = r"(?:\s*[(\[{<]\s*(?:at|arobase|à|@)\s*[)\]}>]\s*|\s+(?:at|arobase)\s+|%40|\s*[@＠]\s*)"
_DOT = r"(?:\s*[(\[{<]\s*(?:dot|point)\s*[)\]}>]\s*|\s+(?:dot|point)\s+|\.)"
ADDRESS: Final = re.compile(rf"([\w+'’-]{{1,64}}(?:\.[\w+'’-]{{1,64}})*){_AT}([\w-]+(?:{_DOT}[\w-]+)+)", re.IGNORECASE)
NUMBER: Final = re.compile(rf"(?<!\d)\+?\d(?:(?:%20|[\W_]){{0,{APART_AT_MOST}}}\d){{8,}}")
Span = tuple[int, int]
Size = tuple[int, int]
"""Of a name: how many words, and how many letters in all."""


@dataclass(frozen=True)
class Sought:
    """Who is looked for.

    Args:
        is_theirs: `(field, plain value)`: of `contact_nom_prenom` the words in order of the alphabet, of `telephone`
            a number with its country, of `courriel` an address in lower case.
        sizes: of the names among them.
    """

    is_theirs: Callable[[str, str], bool]
    sizes: frozenset[Size] = frozenset()


def is_link(value: object) -> bool:
    """Whether a value is the address of a page: without the name in it, it would lead nowhere."""
    return isinstance(value, str) and re.fullmatch(r"https?://\S+", value.strip()) is not None


def plain_name(value: str) -> str:
    """One writing of a name: `Le GOFF, Anne` and `Anne Le Goff` are the same."""
    return " ".join(sorted(words(value).split()))


def size_of(name: str) -> Size:
    """That of a plain name."""
    parts = name.split()
    return len(parts), sum(map(len, parts))


def without(text: str, sought: Sought) -> str:
    """The text with a sign in the place of each address, number or name of who is looked for."""
    told = _apart(sorted({*_addresses(text, sought), *_numbers(text, sought)}))
    for start, end in reversed(_apart(sorted([*told, *_names(text, sought, told)]))):
        text = text[:start] + GONE + text[end:]
    return text


def _addresses(text: str, sought: Sought) -> Iterator[Span]:
    for found in ADDRESS.finditer(text):
        domain = re.sub(_DOT, ".", found[2], flags=re.IGNORECASE)
        for start in _beginnings(found[1]):
            if sought.is_theirs("courriel", f"{found[1][start:]}@{domain}".casefold()):
                yield found.start() + start, found.end()
                break


def _beginnings(local: str) -> Iterator[int]:
    """Where an address may begin: at once, or after an apostrophe (`l’adresse d’ada@example.org`)."""
    yield 0
    yield from (at + 1 for at, sign in enumerate(local) if sign in "'’" and at + 1 < len(local))


def _numbers(text: str, sought: Sought) -> Iterator[Span]:
    """French numbers, with or without their country, among digits that follow each other with little between."""
    for run in NUMBER.finditer(text):
        places = (each for each, sign in enumerate(run[0]) if sign.isdecimal() and not _is_escape(run[0], each))
        at = [run.start() + each for each in places]
        digits = "".join(str(int(text[place])) for place in at)
        for first, last, national in _windows(digits):
            alone = _is_alone(text, at, first, last)
            if alone and sought.is_theirs("telephone", f"+33{national}"):
                start = at[first] - (1 if at[first] and text[at[first] - 1] == "+" else 0)
                yield start, at[last] + 1
        if len(digits) <= DIGITS_AT_MOST and sought.is_theirs("telephone", run[0]):  # of another country
            yield run.span()


def _is_escape(run: str, place: int) -> bool:
    """Whether a digit belongs to the `%20` of an address."""
    return run[max(place - 2, 0) : place + 1].endswith("%20") or run[max(place - 1, 0) : place + 2].startswith("%20")


def _windows(digits: str) -> Iterator[tuple[int, int, str]]:
    """(first, last, the nine digits without country and zero) of everything that may be a number."""
    for last in range(NATIONAL - 1, len(digits)):
        begins = last - NATIONAL + 1
        national = digits[begins : last + 1]
        for before in ("0", "33", "0033", "330", "00330"):
            if digits[:begins].endswith(before):
                yield begins - len(before), last, national


def _is_alone(text: str, at: list[int], first: int, last: int) -> bool:
    """Whether no digit touches these: they would be of a longer number."""
    before = first == 0 or at[first] - at[first - 1] > 1
    return before and (last == len(at) - 1 or at[last + 1] - at[last] > 1)


def _names(text: str, sought: Sought, told: list[Span]) -> Iterator[Span]:
    """Names but for what stands in addresses and numbers, which are `told` already; none begins within another."""
    if not sought.sizes:
        return
    found = [each for each in _words(text) if not any(start <= each[1] < end for start, end in told)]
    for count in {size[0] for size in sought.sizes}:
        totals, free_from = {size[1] for size in sought.sizes if size[0] == count}, 0
        for first in range(len(found) - count + 1):
            window = found[first : first + count]
            if window[0][1] < free_from or sum(len(word) for word, _, _ in window) not in totals:
                continue
            name = " ".join(sorted(word for word, _, _ in window))
            if _is_close(window) and sought.is_theirs("contact_nom_prenom", name):
                free_from = window[-1][2]
                yield window[0][1], free_from


def _is_close(window: list[tuple[str, int, int]]) -> bool:
    return all(after[1] - before[2] <= APART_AT_MOST for before, after in pairwise(window))


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """The plain words of a text, each with where it stands."""
    word, start, end = "", 0, 0
    for place, sign in enumerate(text):
        plain = letters_of(sign)
        if plain == " ":
            if word:
                yield words(word), start, end
            word = ""
            continue
        if not word:
            start = place
        word, end = word + plain, place + 1
    if word:
        yield words(word), start, end


def _apart(spans: list[Span]) -> list[Span]:
    """Those that overlap as one."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
