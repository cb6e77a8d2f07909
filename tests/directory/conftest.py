"""An open directory on each backend."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.directory.service import DirectoryService
from tests.conftest import Backend
from tests.directory.moves import World, in_files
from tests.rooms import Opened


@pytest.fixture
def directory(backend: Backend, tmp_path: Path) -> Iterator[Opened]:
    """The directory of an empty node, a permanent behind its calls."""
    opened = Opened(DirectoryService, backend, tmp_path)
    yield opened
    opened.close()


def structure(number: int = 1, source: str = "radar", **fields: Any) -> dict[str, Any]:
    """A structure's draft."""
    said = {"nom": f"Association {number}", "date_maj": "2026-01-31", "commune": "Nantes"} | fields
    return {"kind": "structure", "source": source, "source_id": f"s{number}", "fields": said}


def service(number: int = 1, of: int = 1, source: str = "radar", **fields: Any) -> dict[str, Any]:
    """A service's draft."""
    said = {"nom": f"Accueil {number}", "date_maj": "2026-01-31", "description": "On y reçoit chacun."} | fields
    return {
        "kind": "service", "source": source, "source_id": f"v{number}", "structure_source_id": f"s{of}", "fields": said
    }  # fmt: skip


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(params=["embedded", "node"])
def world(request: pytest.FixtureRequest, kept: Path, tmp_path: Path) -> Iterator[World]:
    """RADAR, ORPAN and ANIMATION, on SQLite and on PostgreSQL; ANIMATION has heard of RADAR's structure."""
    url_of = in_files(kept)
    if request.param == "node":
        fresh = request.getfixturevalue("fresh_database")
        url_of = lambda folder: fresh("directory")  # noqa: E731
    made = World(url_of, tmp_path)
    made.hear("animation", "radar")
    yield made
    made.close()
