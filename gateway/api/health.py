"""How the gateway is: alive, ready, measured."""

from __future__ import annotations

import ipaddress
import time

import orjson
from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway import http
from gateway.search import Reader
from services.kernel.errors import Forbidden
from services.kernel.settings import Settings

STALE_AFTER_S = 60


def install(app: Flask, settings: Settings, reader: Reader) -> None:
    """`/healthz`, `/readyz` and `/metrics`."""
    health = Blueprint("health", __name__)
    registry = _measured(app, reader)

    @health.get("/healthz")
    def alive() -> Response:
        return Response(b'{"status":"ok"}', content_type=http.JSON)

    @health.get("/readyz")
    def ready() -> Response:
        status = reader.status()
        age_s = http.age_s(status.as_of)
        body = {
            "reads": bool(status.version), "age_s": age_s if status.as_of else None,
            "current": status.as_of is not None and age_s < STALE_AFTER_S, "position": status.position,
            "services": status.services, "structures": status.structures,
        }  # fmt: skip
        return Response(orjson.dumps(body), 200 if body["reads"] else 503, content_type=http.JSON)

    @health.get("/metrics")
    def metrics() -> Response:
        if not settings.http.metrics and not ipaddress.ip_address(request.remote_addr or "::").is_loopback:
            raise Forbidden("/metrics ne répond qu’à cette machine ([http] metrics = true pour l’ouvrir).")
        return Response(generate_latest(registry), content_type="text/plain; version=0.0.4")

    app.register_blueprint(health)


def _measured(app: Flask, reader: Reader) -> CollectorRegistry:
    registry = CollectorRegistry()
    requests = Counter("maillage_requests", "Requests", ["route", "status"], registry=registry)
    seconds = Histogram("maillage_request_seconds", "Time to answer", ["route"], registry=registry,
                        buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5))  # fmt: skip
    Gauge("maillage_index_position", "Feed position", registry=registry).set_function(lambda: reader.status().position)
    Gauge("maillage_index_age_seconds", "Since the directory last answered", registry=registry).set_function(
        lambda: http.age_s(reader.status().as_of)
    )

    @app.before_request
    def begin() -> None:
        g.began_s = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        route = str(request.url_rule) if request.url_rule else "none"
        requests.labels(route, response.status_code).inc()
        seconds.labels(route).observe(time.perf_counter() - g.get("began_s", time.perf_counter()))
        return response

    return registry
