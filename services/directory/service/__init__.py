"""The doors of the directory: what others may ask of it. One transaction each; events in the same transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from services.directory.feed import feed_rows
from services.directory.service.duplicates import DuplicateDoors
from services.directory.service.imports import ImportDoors
from services.directory.service.letters import Letters
from services.directory.service.others import OtherDoors
from services.directory.service.qualification import QualificationDoors
from services.directory.service.records import RecordDoors
from services.directory.service.regaining import Regaining


class DirectoryService(RecordDoors, QualificationDoors, Regaining, OtherDoors, DuplicateDoors, ImportDoors, Letters):
    """Structures and services of this node, who checked them, their imports, and the feed of public changes."""

    name = "directory"
    on_numbered = staticmethod(feed_rows)

    def loops(self) -> Iterable[Callable[[threading.Event], None]]:
        """Compares what changed; looks through records for who objected elsewhere; writes to people."""
        return (self._compare, self._look, self._write)
