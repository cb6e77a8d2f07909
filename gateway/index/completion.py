"""Completion as one types: communes, themes, and the names of structures and services.

Communes come from the territory's tables, themes from the referential; names are looked up in the index by the
beginnings of their words. Every word typed must begin a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import tantivy

from gateway import schema, text
from gateway.addresses import named
from gateway.index import generation
from services.directory.formats import referentials, territory

KINDS = ("commune", "theme", "structure", "service")
LONGEST_TEXT = 80


@dataclass(frozen=True, slots=True)
class Completion:
    """One suggestion: its kind, code or id, label and what tells it from others of the same label."""

    kind: str
    value: str
    label: str
    detail: str = ""


def communes(typed: str, limit: int) -> list[Completion]:
    """Communes by the beginning of their name or postal code, most populated first."""
    return [
        Completion("commune", commune.code, commune.name, commune.department)
        for commune in territory.complete(typed, limit)
    ]


def themes(words: list[str], limit: int) -> list[Completion]:
    """Themes that begin with the words typed, then those whose label holds them, then those with such synonyms."""
    ranked = []
    for completion, label, said in _themes():
        if all(f" {word}" in said for word in words):
            begins = label.startswith(f" {' '.join(words)}")
            ranked.append((0 if begins else 1 if all(f" {word}" in label for word in words) else 2, completion))
    return [completion for _, completion in sorted(ranked, key=lambda pair: pair[0])[:limit]]


@lru_cache(maxsize=1)
def _themes() -> list[tuple[Completion, str, str]]:
    """Each theme with its label, and with all it is called, folded, a space before each word."""
    entries = []
    for value in referentials.values("thematiques"):
        category = referentials.label("thematiques", referentials.category_of(value))
        said = " ".join([value.label, *referentials.synonyms("thematiques", value)])
        completion = Completion("theme", str(value), value.label, category)
        entries.append((completion, f" {text.fold(value.label)}", f" {text.fold(said)}"))
    return entries


def names(
    index_schema: tantivy.Schema, searcher: tantivy.Searcher, kind: str, words: list[str], limit: int
) -> list[Completion]:
    """Structures or services whose name has a word for each word typed, shortest names first."""
    terms = [_term(index_schema, schema.COMPLETION, word[: text.GRAM_LETTERS]) for word in words]
    asked = [*terms, tantivy.Query.const_score_query(_term(index_schema, "kind", kind), 0.0)]
    query = tantivy.Query.boolean_query([(tantivy.Occur.Must, term) for term in asked])
    hits = searcher.search(query, limit * 4, count=False).hits
    items = [orjson.loads(generation.stored(searcher.doc(address), "item")) for _, address in hits]
    found = [Completion(kind, named(item), item["nom"], _detail(item)) for item in items]
    return sorted(found, key=lambda one: (len(one.label), one.label, one.value))[:limit]


def _detail(item: dict[str, Any]) -> str:
    """Where it is, and whose record it is unless this node's own."""
    home = item["record"]["home_node"]
    return " · ".join(part for part in (item.get("commune"), home and home["name"]) if part)


def shared_out(by_kind: list[list[Completion]], limit: int) -> list[Completion]:
    """At most `limit` suggestions, each kind its fair share, kinds kept together in the order given."""
    shares = [0] * len(by_kind)
    while sum(shares) < limit:
        open_ = [number for number, found in enumerate(by_kind) if shares[number] < len(found)]
        if not open_:
            break
        shares[min(open_, key=lambda number: shares[number])] += 1
    return [one for found, share in zip(by_kind, shares, strict=True) for one in found[:share]]


def _term(index_schema: tantivy.Schema, field: str, value: str) -> tantivy.Query:
    return tantivy.Query.term_query(index_schema, field, value, index_option="basic")
