"""What the API answers is what `/openapi.json` says it answers, whatever is asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from gateway.app import create_app
from gateway.search import Reader
from services.kernel.errors import Unauthorized
from services.kernel.settings import Http, Node, Settings
from tests.gateway import world as w
from tests.gateway.world import random_records


def _no_key(service: str, method: str, request: dict[str, Any], *, actor: str | None = None) -> Any:
    raise Unauthorized("Cette clé n’existe pas, ou plus.")


def test_no_answer_is_undocumented_and_none_is_a_server_error(tmp_path: Path) -> None:
    with w.world(tmp_path / "index") as made:
        made.publish(*random_records(20, seed=3))
        node = Settings(Node("essai", "Essai"), Http(rate_limit_per_minute=1_000_000))
        app = create_app(node, Reader(tmp_path / "index"), _no_key)
        schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
        operations = [operation.ok() for operation in schema.get_all_operations()]
        assert len(operations) >= 12
        for operation in operations:
            _ask_anything(operation)


def _ask_anything(operation: Any) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(checks=[not_a_server_error, status_code_conformance, content_type_conformance])

    ask()
