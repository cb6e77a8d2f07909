"""A node, and a program that works on it in a permanent's name over HTTP alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.running import RunningNode, running_node

MARIE = "marie@example.org"
WITHIN_S = 40.0
"""What a busy machine may take; a test that promises less says how much."""


class Program:
    """Calls the API of a node as somebody, or as nobody; an answer that is no success raises, unless it is expected."""

    def __init__(self, url: str, bearer: str | None = None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}

    def call(self, method: str, path: str, *, status: int | None = None, **given: Any) -> Any:
        """The answer's JSON. `status` is expected, by default any success; `version` goes as `If-Match`."""
        version = given.pop("version", None)
        headers = self._headers | ({"If-Match": f'"{version}"'} if version is not None else {})
        answer = requests.request(method, self._url + path, headers=headers, timeout=20, **given)
        assert answer.status_code == status if status else answer.ok, f"{method} {path}: {answer.text}"
        return answer.json()

    def until(self, path: str, wanted: Callable[[Any], bool], *, within_s: float = WITHIN_S, **given: Any) -> Any:
        """What a read answers once `wanted` holds: the read model follows a moment later."""
        ends_at = time.monotonic() + within_s
        while True:
            answer = requests.get(self._url + path, headers=self._headers, timeout=20, **given)
            if answer.ok and wanted(answer.json()):
                return answer.json()
            assert time.monotonic() < ends_at, f"{path} says {answer.status_code} {answer.text}"
            time.sleep(0.1)

    def enter(self, link: str) -> Program:
        """The same program, come in by a one-time link."""
        return Program(self._url, self.call("POST", "/api/v1/sessions", json={"secret": link}, status=201)["session"])


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    """An empty node with one permanent, Marie."""
    with running_node(tmp_path / "node") as made:
        made.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        yield made


@pytest.fixture
def visitor(node: RunningNode) -> Program:
    """Nobody in particular."""
    return Program(node.url)


@pytest.fixture
def marie(node: RunningNode, visitor: Program) -> Program:
    """A program in the name of Marie, who came in by her link."""
    return visitor.enter(node.ask("accounts", "link_make", email=MARIE)["url"])
