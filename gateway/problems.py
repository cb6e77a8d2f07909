"""Every error as RFC 9457 `application/problem+json`, or a page for browsers: one table from error to HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from gateway.rpc_errors import Unanswered
from services.kernel import errors

STATUS: dict[type[Exception], int] = {
    errors.ValidationError: 422,
    errors.NotFound: 404,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotHome: 403,
    errors.WrongState: 409,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.Unavailable: 503,
    Unanswered: 504,
}
TYPE = "application/problem+json"
FOR_MACHINES = ("/api", "/hsds", "/federation", "/openapi.json", "/healthz", "/readyz", "/metrics")
TITLES = {
    400: ("Demande illisible", "Bad request"), 401: ("Identification nécessaire", "Unauthorized"),
    403: ("Action non permise", "Forbidden"), 404: ("Introuvable", "Not found"),
    405: ("Méthode non permise", "Method not allowed"), 409: ("Conflit", "Conflict"), 410: ("Retiré", "Gone"),
    412: ("Version dépassée", "Precondition failed"), 413: ("Demande trop grande", "Content too large"),
    415: ("Type de contenu refusé", "Unsupported media type"), 422: ("Demande non valable", "Unprocessable content"),
    428: ("Version à préciser", "Precondition required"), 429: ("Trop de demandes", "Too many requests"),
    500: ("Erreur du serveur", "Internal server error"), 503: ("Indisponible pour l’instant", "Service unavailable"),
    504: ("Sans réponse", "Gateway timeout"),
}  # fmt: skip


def problem(
    status: int, detail: str = "", found: list[Any] | None = None, headers: Any = None,
    home_node: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """A problem document, or a page for who reads in a browser.

    `found` are `{field, value, why, remedy, code}`, one for each thing at fault; `home_node` is where the record is
    changed instead, `{home, name, url, page}`.
    """
    vary = "Accept, Accept-Language"
    if for_people():
        page = render_template("problem.html", title=TITLES.get(status, ("Demande refusée",))[0],
                               code=status, detail=detail, found=found or (), home_node=home_node)  # fmt: skip
        response = Response(page, status, content_type="text/html; charset=utf-8", headers=headers)
        response.headers["Vary"] = vary
        return response
    english = request.accept_languages.best_match(("fr", "en"), "fr") == "en"
    title = TITLES.get(status, (HTTPStatus(status).phrase,) * 2)[english]
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if detail:
        body["detail"] = detail
    if found:
        body["errors"] = found
    if home_node:
        body["home_node"] = home_node
    response = Response(orjson.dumps(body), status, content_type=TYPE, headers=headers)
    response.headers["Vary"] = vary
    return response


def too_many(next_in_s: float, of: str = "d’essais") -> Response:
    """The answer to who asks again and again: when to come back."""
    wait_s = int(next_in_s) + 1
    return problem(429, f"Trop {of} : réessayez dans {wait_s} s.", headers={"Retry-After": str(wait_s)})


def for_people() -> bool:
    """Whether a browser asks for a page: it prefers HTML, and the address is none of the API's."""
    accepted = request.accept_mimetypes
    machine = any(request.path == path or request.path.startswith(f"{path}/") for path in FOR_MACHINES)
    return not machine and accepted["text/html"] > max(accepted["application/json"], accepted[TYPE])


def of_error(error: Exception, status: int | None = None) -> Response:
    """The answer to an error of ours; `status` where the request itself decides which."""
    status = status or status_of(error)
    details = getattr(error, "details", None)
    found = details if isinstance(details, list) else None
    return problem(status, str(error), found, home_node=details if isinstance(error, errors.NotHome) else None)


def status_of(error: Exception) -> int:
    """The HTTP status of an error of ours."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def install(app: Flask) -> None:
    """Turn every error of the application into a problem document."""
    app.register_error_handler(errors.MaillageError, of_error)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_bug)


def _of_http(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    headers = [(name, value) for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")]
    data = getattr(error, "data", None) or {}
    found = [
        {"field": name, "value": "", "why": " ".join(map(str, why)) if isinstance(why, list) else str(why),
         "remedy": "Corrigez ce champ.", "code": "request"}
        for place in (data.get("messages") or {}).values() if isinstance(place, dict) for name, why in place.items()
    ]  # fmt: skip
    # Werkzeug's own words are English: the title says it alone, in the language asked for.
    said = "" if found or error.description == type(error).description else error.description or ""
    return problem(error.code or 500, said, found, headers)


def _of_bug(error: Exception) -> Response:
    import structlog

    structlog.get_logger(__name__).exception("unforeseen error", path=request.path)
    return problem(500, "Une erreur imprévue s’est produite ; elle est notée dans le journal du nœud.")
