"""The read side of the read model: any number of processes open the same folder and answer from it alone.

Nothing here speaks to a service, a database or a broker. A `Reader` looks at the folder at most every 20 ms (one
`stat`) and takes up what the projector has committed; a rebuild that was switched in is taken up the same way.

Not guaranteed: two pages read by page number show what changed between them (a cursor does not lose or repeat);
a record whose own sort key changes between two pages by cursor is found at its new place only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson

from gateway import schema
from gateway.index import completion, generation, reading
from gateway.index.answering import answer_of, check, place_of
from gateway.index.completion import shared_out
from gateway.index.latest import Latest
from gateway.query import Kind, Query
from gateway.text import fold
from services.directory.formats.ids import di_id
from services.kernel.errors import Unavailable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


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
class Brief:
    """A page of what was found: UUID and time (UTC) of the last change of each; `total` and `next_cursor` as `Page`."""

    found: list[tuple[str, datetime]]
    total: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """One public record: `item` (data·inclusion JSON, without its structure), `native` (our record), `event`
    (the signed event that carried it, a CloudEvents JSON document): all UTF-8 JSON bytes.

    A withdrawn record has `item` None, and `native` its tombstone; so has a service whose structure is not public,
    which is not `withdrawn`.
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
    is_of_another: bool = False
    replaced_by: str | None = None
    """The record that this one was merged into."""

    @property
    def address(self) -> str:
        """The last part of the address of its page: readable where it is this node's own."""
        return self.uuid if self.is_of_another else quote(self.id, safe="")


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
    """Answers from one read model folder. Safe for threads; one for each process is enough.

    Raises `services.kernel.errors.Unavailable` while there is no read model yet (nothing was ever projected).
    """

    def __init__(self, path: Path, *, check_every_s: float = 0.005) -> None:
        """`check_every_s`: how often, at most, to look whether the projector committed (one `stat`)."""
        self._latest = Latest(path, check_every_s)

    def search(self, query: Query) -> Page:
        """The page that `query` asks for.

        Raises:
            ValidationError: unknown commune, `lat` without `lon`, a cursor that is not one of this query's,
                `sort="distance"` without a place, `size` or `page` out of range; `details` name the field.
        """
        check(query)
        place = place_of(query)
        view = self._latest.view()
        with view.lock:
            answer = answer_of(query, place, view.records[query.kind], view.rows_of(query.structure))
            stamps = view.records[query.kind].stamps[answer.rows].tolist()
            searcher, version = view.searcher, view.version
        slots = [schema.slot(query.kind, row) for row in answer.rows]
        found = view.items.fetch(searcher, slots, stamps, embed_structure=query.embed_structure)
        return Page(
            found,
            answer.distances_km,
            [public_id for public_id, _ in answer.ids],
            [uuid for _, uuid in answer.ids],
            answer.total,
            answer.next_cursor,
            answer.facets,
            version,
            self._latest.as_of(),
        )

    def brief(self, query: Query) -> Brief:
        """What `search` finds, as identifiers and dates alone: no document is read. Raises as `search` does."""
        check(query)
        place = place_of(query)
        view = self._latest.view()
        with view.lock:
            records = view.records[query.kind]
            answer = answer_of(query, place, records, view.rows_of(query.structure))
            changed = records.table.changed[answer.rows].tolist()
        uuids = [uuid for _, uuid in answer.ids]
        at = [_EPOCH + timedelta(microseconds=round(one * 1e6)) for one in changed]
        return Brief(list(zip(uuids, at, strict=True)), answer.total, answer.next_cursor)

    def item(self, kind: Kind, identifier: str) -> tuple[str, bytes] | None:
        """UUID and data·inclusion JSON of a public record, a service with its structure; by UUID or public id."""
        view = self._latest.view()
        key = str(UUID(identifier)) if _is_uuid(identifier) else identifier
        return reading.item(view.schema, view.searcher, kind, key)

    def get(self, kind: Kind, identifier: str) -> Record | None:
        """One record by UUID or data·inclusion id, tombstones included; `None` when there never was one.

        Where several homes use one data·inclusion id, a public record goes before a withdrawn one, this node's own
        before another's, then by UUID.
        """
        view = self._latest.view()
        searcher = view.searcher
        uuids = [str(UUID(identifier))] if _is_uuid(identifier) else []
        uuids = uuids or reading.uuids_of(view.schema, searcher, kind, identifier)
        found = [(uuid, reading.record(view.schema, searcher, uuid)) for uuid in uuids]
        records = [_record(uuid, self._under(one)) for uuid, one in found if one and one.feed_item["kind"] == kind]
        return min(records, key=lambda record: (record.withdrawn, record.is_of_another, record.uuid), default=None)

    def successor(self, kind: Kind, identifier: str) -> Record | None:
        """The record that this one was merged into, however often; `None` where it was not, or that one is gone."""
        record = self.get(kind, identifier)
        seen: set[str] = set()
        while record is not None and record.replaced_by and record.uuid not in seen:
            seen.add(record.uuid)
            record = self.get(kind, record.replaced_by)
        return record if seen and record is not None and record.item else None

    def services_of(self, structure_uuid: str) -> list[bytes]:
        """The data·inclusion JSON of a structure's services (without their structure), by id."""
        view = self._latest.view()
        rows = generation.with_term(view.schema, view.searcher, "structure", structure_uuid)
        items = [document.get_first("item") for _, document in rows]
        return sorted((item for item in items if item), key=lambda item: str(orjson.loads(item)["id"]))

    def changes(self, after: int = 0, limit: int = 100) -> Changes:
        """The feed after position `after`: every public record once, at its latest position, tombstones too."""
        view = self._latest.view()
        with view.lock:
            searcher, head = view.searcher, view.position.feed
        found = reading.changes(view.schema, searcher, after, limit, head)
        return Changes([item for _, item in found], found[-1][0] if found else after, head)

    def complete(self, text: str, kinds: tuple[str, ...] = (), limit: int = 10) -> list[Suggestion]:
        """Communes, themes, structures and services whose name has a word for every word typed, best first."""
        typed = text[: completion.LONGEST_TEXT]
        if not fold(typed):
            return []
        by_kind = [self._completed(kind, typed, limit) for kind in kinds or completion.KINDS]
        return [Suggestion(one.kind, one.value, one.label, one.detail) for one in shared_out(by_kind, limit)]

    def sources(self) -> list[dict[str, Any]]:
        """Each source of each home, by name, this node's own first.

        `{"source", "home", "home_node", "structures", "services", "licence", "attribution"}`: fingerprint of the home,
        and its names unless it is this node; counts of public records.
        """
        view = self._latest.view()
        found: dict[tuple[str, bool, str], dict[str, Any]] = {}
        with view.lock:
            for kind, records in view.records.items():
                counts = records.table.sets["rights"].counts(records.postings.all_rows())
                for rights, number in counts.items():
                    source, home, home_node, licence, attribution = orjson.loads(rights)
                    fresh = {"source": source, "home": home, "structures": 0, "services": 0}
                    entry = found.setdefault((source, home_node is not None, home), fresh)
                    entry[f"{kind}s"] += number
                    entry.update(home_node=home_node, licence=licence, attribution=attribution)
        return [found[key] for key in sorted(found)]

    def status(self) -> Status:
        """Counts, position, freshness. Never raises: an absent read model has zero records and no `as_of`."""
        try:
            view = self._latest.view()
        except Unavailable:
            return Status(0, 0, 0, self._latest.as_of(), "", "", 0)
        with view.lock:
            counts = {kind: len(records.postings.all_rows()) for kind, records in view.records.items()}
            held = sum(records.nbytes for records in view.records.values()) + view.items.nbytes
            position, version = view.position.feed, view.version
        return Status(
            counts["service"], counts["structure"], position, self._latest.as_of(), version, view.path.name, held
        )

    def version(self) -> tuple[str, datetime | None]:
        """What changes when anything in the read model does, and when the directory last answered; never raises."""
        try:
            return self._latest.view().version, self._latest.as_of()
        except Unavailable:
            return "", self._latest.as_of()

    def refresh(self) -> bool:
        """Take up now what was committed or rebuilt since; true when there was something."""
        return self._latest.refresh()

    def _under(self, found: reading.Found) -> reading.Found:
        """A service whose structure is shown as one with another stands under that one."""
        native = found.feed_item["event"]["data"]
        if native["kind"] == "service" and "structure" in native:
            view = self._latest.view()
            structure = reading.record(view.schema, view.searcher, native["structure"])
            if structure is not None and (kept := structure.feed_item.get("joined")):
                return reading.Found(found.item, found.feed_item | {"under": native | {"structure": kept}})
        return found

    def _completed(self, kind: str, typed: str, limit: int) -> list[completion.Completion]:
        words = fold(typed).split()
        if kind == "commune":
            return completion.communes(typed, limit)
        if kind == "theme":
            return completion.themes(words, limit)
        view = self._latest.view()
        return completion.names(view.schema, view.searcher, kind, words, limit)


def _is_uuid(text: str) -> bool:
    return UUID_TEXT.fullmatch(text) is not None


def _record(uuid: str, found: reading.Found) -> Record:
    item = found.feed_item
    native = item.get("under", item["event"]["data"])
    if item.get("sources"):
        native = native | {"sources": [*native.get("sources", ()), *item["sources"]]}
    if item.get("home"):
        native = native | {"home_node": item["home"]}
    return Record(
        kind=item["kind"],
        uuid=uuid,
        id=di_id(native["source"], native["source_id"]),
        version=native["version"],
        position=item["position"],
        withdrawn=item["op"] == "delete",
        item=found.item,
        native=orjson.dumps(native),
        replaced_by=native.get("replaced_by"),
        event=orjson.dumps(item["event"]),
        is_of_another=bool(item.get("home")),
    )
