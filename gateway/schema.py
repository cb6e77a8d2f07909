"""What lies in the index: three kinds of documents in one tantivy schema, so that one commit covers them all.

- a **row** document for each record: its finished JSON, its words, and `columns` (what the readers' arrays hold);
  a withdrawn record, or a service whose structure is not there yet, keeps its row without item or words;
- an **event** document for each record: the feed's item with its signed event, read by `/changes` alone;
- the **cursor** document: how far the feed was taken, and the next row and stamp to give out.

A row is a small number given to a record once, for life, one series for each kind: readers hold arrays by row. In
the index it is a `slot`, unique over both kinds.
`stamp` rises with every document written: "what changed since" is a range of stamps, whatever the feed's positions.
"""

from __future__ import annotations

import tantivy

from gateway import text

FORMAT = 4
"""Raised when this file or `documents.py` changes meaning: an index of another format is rebuilt, never read."""

CURSOR_KEY = "cursor"

NAME, LABELS, PLACE, BODY = "name", "labels", "place", "body"
TIERS = {NAME: 5, LABELS: 4, PLACE: 3, BODY: 2}
"""How much a word counts by where it stands: the record's name; labels and synonyms of its themes, audiences,
types and sectors; its structure, commune and network; its description."""

WORDS = "words"  # every word unstemmed: what a mistyped word is compared with
TYPO_TIER = 1

AUDIENCE = "audience"  # labels of the audiences and their free text: `recherche_public`
COMPLETION = "grams"


def build() -> tantivy.Schema:
    """The schema; `basic` postings suffice, since scores are of our own making and no phrase is asked."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("key", stored=True, tokenizer_name="raw", index_option="basic")
    for key in ("kind", "public_id", "structure"):
        builder.add_text_field(key, tokenizer_name="raw", index_option="basic")
    for number in ("slot", "stamp", "position"):
        builder.add_unsigned_field(number, indexed=True, fast=True)
    for field in (NAME, LABELS, PLACE, BODY, AUDIENCE):
        builder.add_text_field(field, tokenizer_name=text.STEMMED, index_option="basic")
    builder.add_text_field(WORDS, tokenizer_name=text.PLAIN, index_option="basic")
    builder.add_text_field(COMPLETION, tokenizer_name=text.GRAMS, index_option="basic")
    for stored in ("item", "structure_item", "columns", "event"):
        builder.add_bytes_field(stored, stored=True)
    return builder.build()


KINDS = ("service", "structure")


def slot(kind: str, row: int) -> int:
    """The number in the index of a row of one kind."""
    return row * len(KINDS) + KINDS.index(kind)


def row(slot: int) -> int:
    """The row, within its kind, of a number in the index."""
    return slot // len(KINDS)


def kind_of(slot: int) -> str:
    """The kind of a number in the index."""
    return KINDS[slot % len(KINDS)]


def event_key(uuid: str) -> str:
    """The key of the document that holds a record's event; the record's own key is its UUID."""
    return f"event:{uuid}"
