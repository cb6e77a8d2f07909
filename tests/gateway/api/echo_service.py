"""A real nameko service in a process of its own, for the tests of the gateway's RPC client.

Run as `python -m tests.gateway.api.echo_service AMQP_URL NAME`; prints `ready` once it takes calls.
"""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import sys  # noqa: E402
from typing import Any  # noqa: E402

from nameko.containers import ServiceContainer  # noqa: E402
from nameko.extensions import DependencyProvider  # noqa: E402
from nameko.rpc import rpc  # noqa: E402

from services.kernel.errors import ValidationError  # noqa: E402


class Context(DependencyProvider):
    """The context that came with the call."""

    def get_dependency(self, worker_ctx: Any) -> Any:
        return worker_ctx.context_data


class Echo:
    """Says back what it hears."""

    name = "echo"
    context = Context()
    calls = 0

    @rpc
    def say(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"request": request, "actor": self.context.get("actor"), "stack": self.context.get("call_id_stack")}

    @rpc
    def sleep(self, request: dict[str, Any]) -> dict[str, Any]:
        eventlet.sleep(request["for_s"])
        return {"slept_s": request["for_s"]}

    @rpc
    def count(self, request: dict[str, Any]) -> dict[str, Any]:
        Echo.calls += 1
        eventlet.sleep(request.get("for_s", 0))
        return {"calls": Echo.calls}

    @rpc
    def calls_so_far(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"calls": Echo.calls}

    @rpc(expected_exceptions=ValidationError)
    def refuse(self, request: dict[str, Any]) -> dict[str, Any]:
        raise ValidationError("Non.", [{"line": 3, "field": "siret", "value": None, "why": "faux", "remedy": "vrai"}])

    @rpc
    def break_down(self, request: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError("oops")


if __name__ == "__main__":
    Echo.name = sys.argv[2]
    container = ServiceContainer(Echo, config={"AMQP_URI": sys.argv[1], "HEARTBEAT": 5})
    container.start()
    print("ready", flush=True)
    container.wait()
