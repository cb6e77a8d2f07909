"""What this node's gateway answers to other nodes, for a node that is asked by its own calls: no port, no socket.

The same blueprint, the same errors and the same limit of questions a minute as at the gateway, and nothing else of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask
from werkzeug.test import Client

from gateway import limit, problems
from gateway.auth import Ask
from gateway.federation import federation_blueprint
from services.kernel.settings import Settings

HELD_OPEN_S = 5.0
"""How long `wait` waits here: who calls answers one question at a time, and the next should not wait for long."""


class Alone:
    """Answers as `/federation/v1/…` does: `services.kernel.runtime.Answers`."""

    def __init__(self, settings: Settings, ask: Ask) -> None:
        app = Flask("gateway", static_folder=None)
        app.config["PROPAGATE_EXCEPTIONS"] = False
        limit.install(app, settings.http.rate_limit_per_minute)
        problems.install(app)
        app.register_blueprint(federation_blueprint(ask, HELD_OPEN_S))
        self._client = Client(app, use_cookies=False)

    def __call__(self, path: str, query: str, headers: Mapping[str, str], who: str) -> tuple[int, bytes]:
        """Status and body of a `GET`."""
        answer = self._client.get(
            path, query_string=query, headers=dict(headers), environ_overrides={"REMOTE_ADDR": who}
        )
        return answer.status_code, answer.data
