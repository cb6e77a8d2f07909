"""What a fault did: printed at the end of every run, and by `make soak` kept for the table of `docs/faults.md`.

Each fault is told by its number, what was done, how many events went by, how many were lost or came twice, how many
seconds after its end all was equal, and what the node itself said of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import orjson
import psutil
import pytest

from tests.conftest import ROOT, TOLD

FIGURES = ROOT / "docs" / "faults.jsonl"
IS_SOAK = bool(os.environ.get("MAILLAGE_SOAK"))
RESULTS: list[Result] = []
_BEGUN: set[str] = set()
"""Files of tests that this run has told something of."""


@dataclass(frozen=True)
class Result:
    """One line of the table. `equal_s`: seconds from the end of the fault until all was equal."""

    fault: int
    what: str
    events: int
    lost: int
    doubled: int
    equal_s: float
    status: str
    test: str

    def __str__(self) -> str:
        return (
            f"{self.fault}. {self.what}: {self.events} events, {self.lost} lost, {self.doubled} doubled, "
            f"equal after {self.equal_s} s; {self.status}"
        )


def tell(result: Result) -> None:
    """Print it now, and again at the end of the run; a long run writes it down."""
    RESULTS.append(result)
    print(f"\n{result}")
    if IS_SOAK:
        _write_down(result)


@pytest.fixture(autouse=True)
def handed_over(request: pytest.FixtureRequest) -> Iterator[None]:
    """What this test told goes to the end of the run. For the conftest of a folder whose tests tell something."""
    yield
    request.node.user_properties.extend((TOLD, str(result)) for result in RESULTS)
    RESULTS.clear()


def _write_down(result: Result) -> None:
    """In the place of all that former runs told of the same file; lines stand in the order of faults."""
    known = [orjson.loads(line) for line in FIGURES.read_bytes().splitlines()] if FIGURES.exists() else []
    rows = [row for row in known if row["test"] != result.test or result.test in _BEGUN]
    _BEGUN.add(result.test)
    rows.append(asdict(result) | {
        "day": datetime.now(UTC).date().isoformat(), "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
    })  # fmt: skip
    rows.sort(key=lambda row: (row["fault"], row["what"]))
    FIGURES.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
