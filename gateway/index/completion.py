"""Completion as one types: communes, themes, and the names of structures and services.

Communes and themes lie in one block of text each, best first (communes by population), searched for the beginning of
a word; names are looked up in the index by the beginnings of their words. Every word typed must begin a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import orjson
import tantivy

from gateway import schema, text
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


class WordBlock:
    """Entries in order of preference, found by the beginnings of their words in one block of text."""

    def __init__(self, entries: list[tuple[str, Completion]]) -> None:
        """Each entry with the text it is found by."""
        self._entries = [completion for _, completion in entries]
        self._block = "".join(f"\n {text.fold(said)}\t{number}" for number, (said, _) in enumerate(entries)) + "\n"

    def find(self, words: list[str], limit: int) -> list[Completion]:
        """The first entries that begin with the words typed, then those that merely hold them."""
        begins = self._lines(f"\n {' '.join(words)}", words, limit)
        if len(begins) < limit:
            longest = max(words, key=len)
            begins += [entry for entry in self._lines(f" {longest}", words, limit) if entry not in begins]
        return begins[:limit]

    def _lines(self, needle: str, words: list[str], limit: int) -> list[Completion]:
        found: list[Completion] = []
        place = self._block.find(needle)
        while place >= 0 and len(found) < limit:
            start = self._block.rfind("\n", 0, place + 1)
            end = self._block.find("\n", start + 1)
            said, _, number = self._block[start + 1 : end].rpartition("\t")
            if all(f" {word}" in said for word in words):
                found.append(self._entries[int(number)])
            place = self._block.find(needle, end)
        return found


def communes(typed: str, limit: int) -> list[Completion]:
    """Communes by the beginning of their name or postal code, most populated first."""
    return [
        Completion("commune", commune.code, commune.name, commune.department)
        for commune in territory.complete(typed, limit)
    ]


@lru_cache(maxsize=1)
def themes() -> WordBlock:
    """All themes, by label and synonyms."""
    entries = []
    for value in referentials.values("thematiques"):
        category = referentials.label("thematiques", referentials.category_of(value))
        said = " ".join([value.label, *referentials.synonyms("thematiques", value)])
        entries.append((said, Completion("theme", str(value), value.label, category)))
    return WordBlock(entries)


def names(
    index_schema: tantivy.Schema, searcher: tantivy.Searcher, kind: str, words: list[str], limit: int
) -> list[Completion]:
    """Structures or services whose name has a word for each word typed, shortest names first."""
    terms = [_term(index_schema, schema.COMPLETION, word[: text.GRAM_LETTERS]) for word in words]
    asked = [*terms, tantivy.Query.const_score_query(_term(index_schema, "kind", kind), 0.0)]
    query = tantivy.Query.boolean_query([(tantivy.Occur.Must, term) for term in asked])
    hits = searcher.search(query, limit * 4, count=False).hits
    items = [orjson.loads(generation.stored(searcher.doc(address), "item")) for _, address in hits]
    found = [Completion(kind, item["id"], item["nom"], item.get("commune") or "") for item in items]
    return sorted(found, key=lambda one: (len(one.label), one.label, one.value))[:limit]


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
