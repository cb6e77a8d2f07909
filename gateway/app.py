"""The gateway as one WSGI application: the API, the pages, their documentation. It owns no rule."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Flask, Response, render_template
from flask_smorest import Api
from werkzeug.middleware.proxy_fix import ProxyFix

from gateway import http, limit, problems
from gateway.api import health, shapes
from gateway.api.hsds import hsds_blueprint
from gateway.api.reading import reading_blueprint
from gateway.api.working import working_blueprint
from gateway.api.writing import precondition_failed, writing_blueprint
from gateway.auth import Ask
from gateway.bulk.shelf import Shelf
from gateway.federation import federation_blueprint
from gateway.pages.data import data_blueprint
from gateway.pages.views import pages_blueprint
from gateway.search import Reader
from gateway.staff.views import staff_blueprint
from gateway.tray import Tray
from services.kernel.errors import Conflict
from services.kernel.settings import Settings

BODY_AT_MOST_BYTES = 2_000_000


def create_app(settings: Settings, reader: Reader, ask: Ask, workers: int = 1, shelf: Shelf | None = None) -> Flask:
    """The application over one read model; `ask` calls the rooms, for writes alone.

    `workers`: how many processes serve this application, each enforcing its share of the rate limit. `shelf`: where
    the bulk files lie, which are offered unless the settings say otherwise.
    """
    app = Flask("gateway", static_folder=None)
    app.config |= {
        "API_TITLE": "Maillage",
        "API_VERSION": "1",
        "OPENAPI_VERSION": "3.1.0",
        "MAX_CONTENT_LENGTH": BODY_AT_MOST_BYTES,
        "PROPAGATE_EXCEPTIONS": False,
    }
    if settings.http.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.http.trusted_proxies)  # type: ignore[method-assign]
    http.install(app)  # first: what is registered first has the last word on an answer
    limit.install(app, settings.http.rate_limit_per_minute // max(workers, 1))
    health.install(app, settings, reader)
    api = Api(app)
    problems.install(app)
    app.register_error_handler(Conflict, precondition_failed)
    for name in ("key", "session"):
        api.spec.components.security_scheme(name, {"type": "http", "scheme": "bearer"})
    api.register_blueprint(reading_blueprint(reader))
    api.register_blueprint(writing_blueprint(reader, ask))
    api.register_blueprint(working_blueprint(ask, Tray.of(settings.node.id)))
    api.register_blueprint(hsds_blueprint(reader))
    app.register_blueprint(federation_blueprint(ask))
    app.register_blueprint(pages_blueprint(settings, reader, ask))
    app.register_blueprint(staff_blueprint(settings, ask))
    if shelf is not None and settings.bulk.enabled:
        app.register_blueprint(data_blueprint(settings, shelf))
    _document(app, api)
    return app


def _document(app: Flask, api: Api) -> None:
    spec = _completed(api.spec.to_dict())
    raw = orjson.dumps(spec)

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(raw, content_type=http.JSON)

    @app.get("/docs")
    def docs() -> str:
        return render_template("docs.html", spec=spec, operations=_operations(spec))


def _completed(spec: dict[str, Any]) -> dict[str, Any]:
    """Every operation may answer with a problem document; said once here."""
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    schemas["ProblemDocument"] = _problem_schema()
    answer = {
        "description": "RFC 9457", "content": {
            problems.TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
        },
    }  # fmt: skip
    spec["info"]["license"] = {"name": "EUPL-1.2"}
    for path in spec["paths"].values():
        for name, operation in path.items():
            if name == "parameters":
                continue
            responses = operation["responses"]
            responses.pop("default", None)
            responses |= {str(status): answer for status in _statuses(name, operation)}
            if name == "get":
                responses["304"] = {"description": "Nothing changed since the ETag given."}
    return spec


def _statuses(method: str, operation: dict[str, Any]) -> tuple[int, ...]:
    common = (400, 404, 422, 429, 500, 503)
    if method == "get":
        return (*common, 401, 403, 504) if operation.get("security") else common
    return (*common, 401, 403, 409, 412, 413, 415, 428, 504)


def _problem_schema() -> dict[str, Any]:
    from apispec import APISpec
    from apispec.ext.marshmallow import MarshmallowPlugin

    alone = APISpec("", "", "3.1.0", plugins=[MarshmallowPlugin()])
    alone.components.schema("ProblemDocument", schema=shapes.ProblemDocument)
    found: dict[str, Any] = alone.to_dict()["components"]["schemas"]["ProblemDocument"]
    found["properties"]["errors"]["items"] = {"type": "object"}
    return found


def _operations(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Operations for the page of documentation, in order of path."""
    found = []
    for path, methods in sorted(spec["paths"].items()):
        for method, operation in methods.items():
            if method != "parameters":
                found.append(
                    {"path": path, "method": method.upper(), "summary": operation.get("summary", ""),
                     "parameters": operation.get("parameters", [])}
                )  # fmt: skip
    return found
