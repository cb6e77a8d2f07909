"""The projector: pulls the directory's feed of public changes into the read model, and nothing else writes there.

One cursor, kept as a document in the same commit as what it covers, makes it safe to kill at any point: what was
committed is never pulled again, what was not is. Messages only wake it; it also looks every `poll_s` seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Fetch = Callable[[int, int], dict[str, Any]]
"""`fetch(after, limit)` → `{"items": [{"position", "op", "kind", "id", "event"}], "head": int}`, positions rising."""


class Projector:
    """The one writer of a read model folder; a second one on the same folder raises `Conflict`."""

    def __init__(self, path: Path, fetch: Fetch, *, poll_s: float = 1.0) -> None:
        raise NotImplementedError

    def wake(self) -> None:
        """Look at the feed now; callable from any thread or greenlet, any number of times."""
        raise NotImplementedError

    def pull(self) -> int:
        """Take up all there is in the feed and commit; returns how many changes were taken."""
        raise NotImplementedError

    def run(self, stop: threading.Event) -> None:
        """Follow the feed until `stop` is set: the first change is committed at once, then changes are grouped."""
        raise NotImplementedError

    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Build a new index from the whole feed beside the old one, switch, return the number of records."""
        raise NotImplementedError

    def close(self) -> None:
        """Commit what is whole, release the folder."""
        raise NotImplementedError
