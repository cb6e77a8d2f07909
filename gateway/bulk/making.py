"""Making the bulk files: every public record of one commit of the read model, in every format asked for.

Nothing is asked of a service or a database, and nothing waits for it: the index is read as any search reads it, by a
process that has nothing else to do. Where the read model is what the current files already say, nothing is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from gateway.bulk.shelf import Manifest, Shelf
from gateway.index import generation, reading
from gateway.index.folder import Folder
from services.directory.formats.writing import FORMATS, MEDIA_TYPES, Written, write
from services.kernel import clock
from services.kernel.errors import Unavailable
from services.kernel.settings import Settings, erased_mark

PAGE = 1_000
Record = dict[str, Any]


class Public:
    """The public records of one commit of the read model, structures before their services; read as often as wanted.

    Raises `Unavailable` while there is no read model.
    """

    def __init__(self, index: Path) -> None:
        current = Folder(index).current()
        if current is None:
            raise Unavailable("Il n’y a pas encore de modèle de lecture : importez et publiez d’abord des fiches.")
        opened = generation.open_(current)
        self._schema, self._searcher = opened.schema, opened.searcher()
        self._position = generation.position(self._schema, self._searcher)
        self.version = f"{current.name}-{self._position.stamp}"

    def __iter__(self) -> Iterator[Record]:
        structures, joined = set(), {}
        for item in self._of("structure"):
            if item["op"] == "put":
                structures.add(UUID(item["id"]).bytes)
                yield _with_home(item)
            elif "joined" in item:
                joined[item["id"]] = item["joined"]
        for item in self._of("service"):
            if item["op"] != "put":
                continue
            record = _with_home(item)
            under = joined.get(record["structure"], record["structure"])
            if UUID(under).bytes in structures:  # else it is shown when its structure comes
                yield record | {"structure": under}

    def _of(self, kind: str) -> Iterator[Record]:
        after, head = 0, self._position.feed
        while found := reading.changes(self._schema, self._searcher, after, PAGE, head):
            after = found[-1][0]
            for _, written in found:
                item = orjson.loads(written)
                if item["kind"] == kind:
                    yield item


def _with_home(item: dict[str, Any]) -> Record:
    whose = {"home_node": item["home"]} if item.get("home") else {}
    return item["event"]["data"] | whose  # type: ignore[no-any-return]


def make(folder: Path, settings: Settings, *, wait: bool = False) -> Manifest:
    """Make the bulk files of the node in `folder`, unless the current ones say all there is; their manifest.

    Raises `ValidationError` for a format that cannot be written, `Unavailable` without a read model or where something
    was erased meanwhile, `Conflict` where somebody makes them now and `wait` is not said, `OSError` when the disk
    refuses; but for an erasure, the last ones then stay.
    """
    shelf, formats = Shelf.of(folder), formats_of(settings)
    with shelf.lock(wait=wait):
        at, seen, public = clock.now(), seen_of(folder / "index"), Public(folder / "index")
        if Folder(folder / "index").is_older(erased_mark(folder)):
            raise Unavailable("Le modèle de lecture est en train d’être refait, sans ce qui fut effacé : réessayez.")
        about = {"version": public.version, "formats": formats, "made_with": metadata.version("maillage")}
        shown = shelf.manifest()
        if shown is None or shown[1]["of"] != about:
            fresh = shelf.begin()
            made = _made(fresh, formats, public)
            node = {"id": settings.node.id, "name": settings.node.name, "url": settings.node.url}
            shelf.finish(fresh, {"node": node, "made_at": clock.to_text(at), **made, "of": about})
        else:
            shelf.drop_others()
        shelf.checked(seen, at)
        current = shelf.manifest()
        if current is None:
            raise Unavailable("Quelque chose fut effacé pendant que ces fichiers se faisaient : réessayez.")
        return current[1]


def formats_of(settings: Settings) -> list[str]:
    """The formats that the settings ask for."""
    return [name.strip() for name in settings.bulk.formats.split(",") if name.strip()]


def seen_of(index: Path) -> str:
    """What changes whenever the read model may have; empty while there is none. Two `stat`, nothing is opened."""
    current = Folder(index).current()
    try:
        return f"{current.name}-{(current / 'meta.json').stat().st_mtime_ns}" if current else ""
    except FileNotFoundError:  # a rebuild is being switched in: the next look will see it
        return ""


def _made(fresh: Path, formats: list[str], public: Public) -> Manifest:
    rights = _Rights()
    files: list[Manifest] = []
    written = Written()
    for rank, name in enumerate(formats):
        written = write(name, fresh, rights.counting(public) if rank == 0 else public)
        files += [_told(path, name, written) for path in written.files]
    counts = {"structures": written.structures, "services": written.services}
    return counts | {"sources": rights.told(), "files": files}


def _told(path: Path, format: str, written: Written) -> Manifest:
    """What the manifest says of a file."""
    counts = {"structures": written.structures, "services": written.services}
    counts["hsds-organizations"], counts["hsds-services"] = counts.values()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "name": path.name, "format": format, "label": FORMATS[format].label, "media_type": MEDIA_TYPES[path.suffix],
        "records": counts.get(path.stem, written.structures + written.services), "bytes": path.stat().st_size,
        "sha256": digest,
    }  # fmt: skip


class _Rights:
    """Whose data the records are: counts by source of a home, with its licence and attribution."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, bool, str, str, str], dict[str, Any]] = {}

    def counting(self, records: Public) -> Iterator[Record]:
        """The records, counted as they go by."""
        for record in records:
            home, home_node = record["home"], record.get("home_node")
            rights = record.get("licence") or "", record.get("attribution") or ""
            key = record["source"], home_node is not None, home, *rights
            counts = self._counts.setdefault(key, {"home_node": home_node, "structures": 0, "services": 0})
            counts[f"{record['kind']}s"] += 1
            yield record

    def told(self) -> list[Manifest]:
        """One entry for each source of each home and licence, by name, this node's own first; as `/sources` says it."""
        found = sorted(self._counts.items(), key=lambda each: each[0])
        return [
            {"source": source, "home": home, "licence": licence, "attribution": attribution} | counts
            for (source, _, home, licence, attribution), counts in found
        ]
