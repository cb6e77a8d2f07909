"""What every answer of the read side carries: ETag and 304, its age, links to other pages, gzip, CORS."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, request

from gateway.search import Reader
from services.kernel import clock
from services.kernel.errors import ValidationError

GZIP_FROM_BYTES = 1_000
GZIP_LEVEL = 1
RETRY_AFTER_S = 5
ALLOWED = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key"
EXPOSED = "ETag, Link, Age, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
CAREFUL = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "strict-origin-when-cross-origin")]
OPEN = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", EXPOSED)]
KEPT_IN_QUERIES = "%&=+,:;@!$'()*/?~"
LICENCE_LINK = '</api/v1/sources>; rel="license"'
JSON = "application/json"


def cached(
    reader: Reader, make: Callable[[], tuple[bytes | Iterator[bytes], list[str]]], content_type: str = JSON
) -> Response:
    """An answer of the read model, or 304 where the caller already has it.

    The ETag is the read model's version and the address asked: while nothing changed, `make` is not even called. What
    it makes may come in pieces, for an answer of any length.
    """
    version, as_of = reader.version()
    asked = f"{version}{request.path}?".encode() + request.query_string
    tag = hashlib.sha256(asked).hexdigest()[:24]
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
        links: list[str] = []
    else:
        body, links = make()
        response = Response(body, content_type=content_type)
    response.headers.extend(
        [("ETag", f'W/"{tag}"'), ("Cache-Control", "public, max-age=0, must-revalidate"),
         ("Age", str(age_s(as_of))), ("Link", ", ".join([*links, LICENCE_LINK]))]
    )  # fmt: skip
    return response


def age_s(as_of: datetime | None) -> int:
    """Seconds since the read model last heard from the directory; 0 where it never did."""
    return max(int((clock.now() - as_of.astimezone(UTC)).total_seconds()), 0) if as_of else 0


def link(rel: str, **changes: Any) -> str:
    """An RFC 8288 link to the same question with parameters changed; `None` takes one away."""
    pairs = [pair for pair in request.query_string.decode("ascii", "replace").split("&") if pair]
    kept = [pair for pair in pairs if pair.partition("=")[0] not in changes]
    kept += [f"{key}={quote(str(value))}" for key, value in changes.items() if value is not None]
    return f'<{quote(request.path)}?{quote("&".join(kept), safe=KEPT_IN_QUERIES)}>; rel="{rel}"'


def install(app: Flask) -> None:
    """Compress, allow other origins to read, and keep browsers careful."""
    app.before_request(_refuse_bytes)
    app.after_request(_finish)


def _refuse_bytes() -> None:
    """Raises `ValidationError` on an address that is no text: the libraries would fail on it later."""
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        raise ValidationError("L’adresse n’est pas en UTF-8.") from None


def _finish(response: Response) -> Response:
    headers = response.headers
    headers.extend(CAREFUL)
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'self'; form-action 'self'"
    if request.path.startswith(("/api/", "/hsds/", "/data/", "/openapi.json", "/healthz", "/readyz")):
        headers.extend(OPEN)
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
            headers["Access-Control-Allow-Headers"] = ALLOWED
            headers["Access-Control-Max-Age"] = "86400"
    _say_when_to_come_back(response)
    return _compressed(response)


def _say_when_to_come_back(response: Response) -> None:
    if response.status_code == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)


def _compressed(response: Response) -> Response:
    headers = response.headers
    if headers.get("Cache-Control") == "no-store":  # what is secret in a page could be guessed by its compressed size
        return response
    if response.direct_passthrough or response.status_code < 200 or response.is_streamed:
        return response
    headers.add("Vary", "Accept-Encoding")
    size = response.content_length or 0
    if size < GZIP_FROM_BYTES or "Content-Encoding" in headers or not request.accept_encodings.quality("gzip"):
        return response
    response.set_data(gzip.compress(response.get_data(), GZIP_LEVEL, mtime=0))
    headers["Content-Encoding"] = "gzip"
    return response
