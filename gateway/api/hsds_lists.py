"""The lists under `/hsds`: a page of them, all of them as JSON lines, or identifiers and dates alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import orjson
from flask import Response
from marshmallow import Schema

from gateway import http
from gateway.api.hsds_asked import MOST_A_PAGE, PER_PAGE, Asked, asked_of, query_of
from gateway.query import MAX_SIZE, Kind, Query
from gateway.search import Reader
from services.kernel import clock

NDJSON: Final = "application/x-ndjson"
Object = dict[str, Any]
Make = Callable[[Object, bool], Object]
"""An object of a list from a native record; whole, or with the columns of a list."""


def records(reader: Reader, kind: Kind, schema: Schema, made: Make) -> Response:
    """The list of what the read model holds, as it was asked for. Raises `ValidationError`."""
    asked = asked_of(schema)
    query = query_of(reader, kind, asked)
    full = asked["full"] or asked.get("full_service", False)
    if asked["format"] == "ndjson":
        if asked.get("minimal"):
            return _lines(reader, (_brief(*one) for one in _all_briefly(reader, query)))
        return _lines(reader, (made(each, full) for each in _all(reader, query)))

    def make() -> tuple[bytes, list[str]]:
        if asked.get("minimal"):
            return orjson.dumps(_minimal(reader, query, asked)), []
        page, size = asked.get("page", 1), asked.get("per_page", PER_PAGE)
        found = reader.brief(replace(query, page=page, size=size))
        contents = [made(one, full) for uuid, _ in found.found if (one := native(reader, kind, uuid)) is not None]
        return orjson.dumps(_enveloped(contents, found.total, page, size)), []

    return http.cached(reader, make)


def values(reader: Reader, schema: Schema, every: Iterable[Object]) -> Response:
    """The list of our taxonomies, or of their terms, as it was asked for. Raises `ValidationError`."""
    asked = asked_of(schema)
    said = asked["search"].casefold()
    found = [
        each for each in every
        if said in each["name"].casefold()
        and asked.get("taxonomy_id") in (None, each.get("taxonomy_id")) and "parent_id" not in asked
    ]  # fmt: skip
    if asked["format"] == "ndjson":
        return _lines(reader, iter(found))
    page, size = asked.get("page", 1), asked.get("per_page", PER_PAGE)
    contents = found[(page - 1) * size : page * size]
    return http.cached(reader, lambda: (orjson.dumps(_enveloped(contents, len(found), page, size)), []))


def native(reader: Reader, kind: Kind, identifier: str) -> Object | None:
    """The native record of what is public under an identifier."""
    record = reader.get(kind, identifier)
    if record is None or record.item is None:
        return None
    found: Object = orjson.loads(record.native)
    return found


def _lines(reader: Reader, objects: Iterator[Object]) -> Response:
    return http.cached(reader, lambda: ((orjson.dumps(each) + b"\n" for each in objects), []), NDJSON)


def _all(reader: Reader, query: Query) -> Iterator[Object]:
    """Every record found, some hundreds read at a time."""
    cursor: str | None = None
    while True:
        page = reader.brief(replace(query, size=MOST_A_PAGE, cursor=cursor))
        for uuid, _ in page.found:
            if (found := native(reader, query.kind, uuid)) is not None:
                yield found
        cursor = page.next_cursor
        if cursor is None:
            return


def _all_briefly(reader: Reader, query: Query) -> Iterator[tuple[str, Any]]:
    cursor: str | None = None
    while True:
        page = reader.brief(replace(query, size=MAX_SIZE, cursor=cursor))
        yield from page.found
        cursor = page.next_cursor
        if cursor is None:
            return


def _minimal(reader: Reader, query: Query, asked: Asked) -> Object:
    """Identifiers and dates: all of them on one page, unless pages of a size are asked for."""
    number = asked.get("page", 1)
    if "per_page" in asked:
        page = reader.brief(replace(query, page=number, size=asked["per_page"]))
        return _enveloped([_brief(*one) for one in page.found], page.total, number, asked["per_page"])
    found = [_brief(*one) for one in _all_briefly(reader, query)]
    return _enveloped(found if number == 1 else [], len(found), number, max(len(found), 1))


def _brief(uuid: str, changed: Any) -> Object:
    return {"id": uuid, "last_modified": clock.to_text(changed)}


def _enveloped(contents: list[Object], total: int, page: int, size: int) -> Object:
    pages = -(-total // size)
    return {
        "total_items": total, "total_pages": pages, "page_number": page, "size": len(contents),
        "first_page": page == 1, "last_page": page >= pages, "empty": not contents, "contents": contents,
    }  # fmt: skip
