"""The least that search over HTTP can be: tantivy's own queries behind a WSGI function, for `search_http.py`.

One document a service, its JSON stored; terms for themes, categories, department and id, a text with tantivy's French
stemmer, latitude and longitude as fast numbers: a place is a box around its point. No eligibility, no distance, no
order but tantivy's, no check of any parameter, no ETag: what is left is index, count, documents, HTTP.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import tantivy

from services.directory.formats import territory
from services.directory.formats.ids import di_id
from tests.gateway.corpus import SERVICES_A_STRUCTURE, SOURCES, Corpus

ONE = "/api/v1/services/"
FOLDER = "MAILLAGE_BENCH_BARE_FOLDER"
HALF_BOX_DEG = (0.45, 0.65)
"""About 50 km of latitude and, in France, of longitude."""
_ASKED = ("44109", "69123", "13055", "31555", "33063", "59350", "67482", "35238", "38185", "34172", "06088", "76540",
          "44162", "44184", "56121", "29019", "48095", "23096", "09122", "05061", "85191", "49007", "93066",
          "94028")  # fmt: skip


def asked_communes() -> tuple[str, ...]:
    """The communes that are asked for, besides Paris."""
    return _ASKED


def public_id(number: int, services: int) -> str:
    """The data·inclusion id of a synthetic service."""
    owner = number % max(1, services // SERVICES_A_STRUCTURE)
    return di_id(SOURCES[owner % len(SOURCES)], f"v{number}")


def build(path: Path, corpus: Corpus) -> None:
    """Index all services of a corpus."""
    path.mkdir()
    builder = tantivy.SchemaBuilder()
    for name in ("id", "theme", "department"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("text", tokenizer_name="fr_stem", index_option="freq")
    for name in ("lat", "lon"):
        builder.add_float_field(name, fast=True, indexed=True)
    builder.add_bytes_field("item", stored=True)
    writer = tantivy.Index(builder.build(), str(path)).writer(num_threads=1)
    for number in range(corpus.services):
        writer.add_document(_document(corpus.service(number)))
    writer.commit()
    writer.wait_merging_threads()


def _document(record: dict[str, Any]) -> tantivy.Document:
    fields = record["fields"]
    document = tantivy.Document()
    document.add_text("id", di_id(record["source"], record["source_id"]))
    for theme in fields["thematiques"]:
        document.add_text("theme", theme)
    for category in {theme.split("--")[0] for theme in fields["thematiques"]}:
        document.add_text("theme", category)
    document.add_text("department", _department(fields["code_insee"]))
    document.add_text("text", f"{fields['nom']} {fields['description']} {fields['commune']}")
    document.add_float("lat", fields["latitude"])
    document.add_float("lon", fields["longitude"])
    document.add_bytes("item", orjson.dumps(fields))
    return document


def _department(code: str) -> str:
    return code[:3] if code.startswith("97") else code[:2]


@cache
def _index() -> tuple[tantivy.Index, tantivy.Searcher]:
    index = tantivy.Index.open(os.environ[FOLDER])
    return index, index.searcher()


@cache
def _point(code: str) -> tuple[float, float]:
    commune = territory.commune(code)
    return commune.lat, commune.lon


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one question."""
    asked = parse_qs(environ["QUERY_STRING"])
    path = environ["PATH_INFO"]
    size = int(asked.get("size", ["10"])[0])
    must = _conditions(path, asked)
    _, searcher = _index()
    query = tantivy.Query.boolean_query([(tantivy.Occur.Must, each) for each in must or [tantivy.Query.all_query()]])
    found = searcher.search(query, size, count=True)
    items = b",".join(bytes(searcher.doc(address)["item"][0]) for _, address in found.hits)
    body = b'{"items":[%b],"total":%d}' % (items, found.count)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _conditions(path: str, asked: dict[str, list[str]]) -> list[tantivy.Query]:
    index, _ = _index()
    schema = index.schema
    must = []
    if path.startswith(ONE):
        must.append(_term(schema, "id", path.removeprefix(ONE)))
    if "thematiques" in asked:
        must.append(_term(schema, "theme", asked["thematiques"][0]))
    if "code_departement" in asked:
        must.append(_term(schema, "department", asked["code_departement"][0]))
    if "q" in asked:
        must.append(index.parse_query(asked["q"][0].replace("-", " "), ["text"], conjunction_by_default=True))
    if "code_commune" in asked:
        for name, middle, half in zip(("lat", "lon"), _point(asked["code_commune"][0]), HALF_BOX_DEG, strict=True):
            must.append(tantivy.Query.range_query(schema, name, tantivy.FieldType.Float, middle - half, middle + half))
    return must


def _term(schema: tantivy.Schema, name: str, value: str) -> tantivy.Query:
    return tantivy.Query.term_query(schema, name, value, index_option="basic")
