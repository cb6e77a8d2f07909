"""The accounts of an empty node on each backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.accounts.service import AccountsService
from tests.conftest import Backend
from tests.rooms import OPERATOR, Opened


@pytest.fixture
def accounts(backend: Backend, tmp_path: Path) -> Iterator[Opened]:
    """The operator behind its calls."""
    opened = Opened(AccountsService, backend, tmp_path)
    opened.as_(OPERATOR)
    yield opened
    opened.close()
