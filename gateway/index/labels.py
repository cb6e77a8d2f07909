"""The words people use for the values of the referentials: labels and synonyms, indexed with each record."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from services.directory.formats import referentials, sectors


@lru_cache(maxsize=4096)
def of(referential: str, value: str) -> str:
    """Label and synonyms of a value, joined; the value's own words when it has no label."""
    return joined([referentials.label(referential, value), *referentials.synonyms(referential, value)])


@lru_cache(maxsize=4096)
def of_theme(value: str) -> str:
    """Label and synonyms of a theme and of its category."""
    return f"{of('thematiques', value)} {of('thematiques', referentials.category_of(value))}"


@lru_cache(maxsize=4096)
def of_all(referential: str, values: tuple[str, ...]) -> str:
    """Labels and synonyms of several values: records say the same few sets again and again."""
    return joined(of(referential, value) for value in values)


@lru_cache(maxsize=4096)
def of_themes(values: tuple[str, ...]) -> str:
    """Labels and synonyms of several themes and of their categories."""
    return joined(map(of_theme, values))


@lru_cache(maxsize=4096)
def of_sectors(values: tuple[str, ...]) -> str:
    """Labels of sectors of the glossary."""
    return joined(map(sectors.label, values))


def joined(texts: Iterable[str | None]) -> str:
    """Texts one after the other, absent ones left out; a full stop keeps their words apart."""
    return " . ".join(text for text in texts if text)
