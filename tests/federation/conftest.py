"""A node's federation room on a real database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.kernel.database import Database
from tests.conftest import Backend


@pytest.fixture
def database(backend: Backend) -> Iterator[Database]:
    """The database of the room, empty."""
    opened = Database(backend.migrated_url("federation"), "federation")
    yield opened
    opened.close()
