"""Everything public in one file of each standard, made while it is read: always as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from flask import Blueprint, Response, render_template, stream_with_context

from gateway.search import Reader
from services.directory.formats import document
from services.kernel.errors import NotFound

PAGE = 500


def add(pages: Blueprint, reader: Reader) -> None:
    """`/telecharger` and its files."""

    @pages.get("/telecharger")
    def downloads() -> str:
        return render_template("downloads.html", formats=document.SECTIONS, sources=reader.sources())

    @pages.get("/telecharger/<name>.json")
    def download(name: str) -> Response:
        if name not in document.SECTIONS:
            raise NotFound(f"Aucun fichier « {name} » : il y a {', '.join(document.SECTIONS)}.")
        body = stream_with_context(document.pieces(name, lambda: _public(reader)))
        headers = {"Content-Disposition": f'attachment; filename="annuaire-{name}.json"'}
        return Response(body, 200, headers, content_type="application/json")


def _public(reader: Reader) -> Iterator[dict[str, Any]]:
    """Every public record, from the feed."""
    after = 0
    while True:
        page = reader.changes(after, PAGE)
        for raw in page.items:
            item = orjson.loads(raw)
            if item["op"] == "put":
                yield item["event"]["data"]
        if page.next_after == after or page.next_after >= page.head:
            return
        after = page.next_after
