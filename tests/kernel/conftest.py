"""A writer and its follower on each backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Backend
from tests.kernel.nodes import Following, Writer


@pytest.fixture
def writer(backend: Backend, tmp_path: Path) -> Iterator[Writer]:
    """A room that only writes."""
    opened = Writer(backend, tmp_path)
    yield opened
    opened.database.close()


@pytest.fixture
def following(backend: Backend, writer: Writer) -> Iterator[Following]:
    """A room that follows it."""
    opened = Following(backend, writer)
    yield opened
    opened.database.close()
