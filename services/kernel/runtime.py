"""What the composition of a node (`deploy/node.py`) gives to each room: plain objects, no framework.

It travels in nameko's configuration under `RUNTIME`; `doors.py` is the only reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kombu.connection import Connection

from services.kernel.database import Executor
from services.kernel.identity import Identity
from services.kernel.settings import Settings, erased_mark

RUNTIME = "maillage"


class Ask(Protocol):
    """Call another room and wait for its answer; raises `services.kernel.errors`."""

    def __call__(self, service: str, method: str, request: dict[str, Any], *, actor: str | None = None) -> Any:
        """The room's answer to `service.method(request)`."""


class Answers(Protocol):
    """What this node's gateway answers to a `GET` of the wire between nodes."""

    def __call__(self, path: str, query: str, headers: Mapping[str, str], who: str) -> tuple[int, bytes]:
        """Status and body. `who` asks: each has so many questions a minute, as at the gateway."""


def nothing(path: str, query: str, headers: Mapping[str, str], who: str) -> tuple[int, bytes]:
    """The answers of a process that has no gateway."""
    return 503, b""


@dataclass(frozen=True)
class Runtime:
    """One node, as its rooms see it."""

    folder: Path
    settings: Settings
    identity: Identity
    executor: Executor
    connect: Callable[[], Connection]
    ask: Ask
    hang_up: Callable[[], None] = lambda: None
    """Give up what is asked of other rooms and not answered yet: this process ends."""
    answers: Answers = nothing

    def database_url(self, room: str) -> str:
        """Where a room keeps its rows: its own file, or its own schema of the one database."""
        return self.settings.database.url or f"sqlite:///{self.folder / 'data' / f'{room}.sqlite3'}"

    def witness_path(self, room: str) -> Path:
        """The file that remembers how far the room's streams went, outside the database."""
        return self.folder / "witness" / f"{room}.json"

    def note_erasure(self) -> None:
        """Something was erased for good: what was made from it before (read model, bulk files) is to be made anew."""
        erased_mark(self.folder).touch()
