"""The read side of the read model: any number of processes open the same folder and answer from it alone.

Nothing here speaks to a service, a database or a broker. A `Reader` looks at the folder at most every 20 ms (one
`stat`) and takes up what the projector has committed; a rebuild that was switched in is taken up the same way.

Not guaranteed: two pages read by page number show what changed between them (a cursor does not lose or repeat);
a record whose own sort key changes between two pages by cursor is found at its new place only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.query import Kind, Query


@dataclass(frozen=True, slots=True)
class Page:
    """What a `Query` found: finished JSON documents, in order.

    `items` are data·inclusion v1 objects as UTF-8 JSON bytes (a service ends with `"structure":{…}` unless the
    query said otherwise); `distances_km` has one whole number or `None` for each; `ids` their data·inclusion ids
    and `uuids` ours; `total` is exact; `next_cursor` is `None` on the last page; `facets` are counts over all that
    was found (`{"types": {"atelier": 12}}`), most frequent first; `version` changes when anything in the read
    model changes (good for an ETag); `as_of` is when the read model last heard from the directory.
    """

    items: list[bytes]
    distances_km: list[int | None]
    ids: list[str]
    uuids: list[str]
    total: int
    next_cursor: str | None
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    version: str = ""
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One public record: `item` (data·inclusion JSON, without its structure), `native` (our record), `event`
    (the signed event that carried it, a CloudEvents JSON document): all UTF-8 JSON bytes.

    A withdrawn record has `item` None, and `native` its tombstone. `changed_at` is the record's own time, aware.
    """

    kind: Kind
    uuid: str
    id: str
    version: int
    position: int
    withdrawn: bool
    item: bytes | None
    native: bytes
    event: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of the feed: `items` are JSON bytes `{"position","op","kind","id","event"}`, positions rising."""

    items: list[bytes]
    next_after: int
    head: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One completion: `kind` is commune, theme, structure or service; `value` is its code, value or id."""

    kind: str
    value: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """How the read model is: counts of public records, feed position, when the directory last answered (UTC)."""

    services: int
    structures: int
    position: int
    as_of: datetime | None
    version: str
    generation: str
    memory_bytes: int


class Reader:
    """Answers from one read model folder. Safe for threads; one per process is enough.

    Raises `services.kernel.errors.Unavailable` while there is no read model yet (nothing was ever projected).
    """

    def __init__(self, path: Path, *, check_every_s: float = 0.02) -> None:
        raise NotImplementedError

    def search(self, query: Query) -> Page:
        """The page that `query` asks for.

        Raises:
            ValidationError: unknown commune, `lat` without `lon`, a cursor that is not one of this query's,
                `sort="distance"` without a place, `size` or `page` out of range; `details` name the field.
        """
        raise NotImplementedError

    def get(self, kind: Kind, identifier: str) -> Record | None:
        """One record by UUID or data·inclusion id, tombstones included; `None` when there never was one."""
        raise NotImplementedError

    def services_of(self, structure_uuid: str) -> list[bytes]:
        """The data·inclusion JSON of a structure's services (without their structure), by id."""
        raise NotImplementedError

    def changes(self, after: int = 0, limit: int = 100) -> Changes:
        """The feed after position `after`: every public record once, at its latest position, tombstones too."""
        raise NotImplementedError

    def complete(self, text: str, kinds: tuple[str, ...] = (), limit: int = 10) -> list[Suggestion]:
        """Communes, themes, structures and services whose name has a word for every word typed, best first."""
        raise NotImplementedError

    def sources(self) -> list[dict[str, Any]]:
        """Each source with its counts: `{"source", "structures", "services", "licence", "attribution"}`."""
        raise NotImplementedError

    def status(self) -> Status:
        """Counts, position, freshness. Never raises: an absent read model has zero records and no `as_of`."""
        raise NotImplementedError

    def refresh(self) -> bool:
        """Take up now what was committed since, without waiting; true when there was something."""
        raise NotImplementedError
