"""Files in, rows out: the one door of everything that is imported.

    for row in read([Path("places.csv")], format="france-services"):
        ...  # row.drafts, or row.problems; row.warnings beside

Rows come in the order of the files, structures before the services that belong to them, one at a time: memory stays
flat whatever the size of the files. A row with a problem comes out with it and stops nothing; a file that cannot be
read, or lacks columns, raises `ValidationError` with what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from services.directory.formats import items, jsonfile, package_in, sniff, tables
from services.directory.formats.candidate import Candidate
from services.directory.formats.drafts import Raw, Row
from services.directory.formats.mapped import Mapped
from services.directory.formats.mapping import Mapping
from services.directory.formats.recognise import Detected, detect, formats, own_tables
from services.directory.formats.rowmaking import RowMaker

__all__ = ["Detected", "detect", "formats", "read"]

READERS: Final = b"3"  # to be raised when the same row gives another draft than with the release before

Found = tuple[Raw, Iterable[Candidate] | None]  # a row as it is, with what it says; None when it is left aside


class Part(NamedTuple):
    """One file: the date of the state it describes, where something says it, and its rows, to be read once."""

    path: Path
    date: str | None
    found: Iterator[Found]


def read(
    paths: Sequence[Path],
    format: str | None = None,
    mapping: Mapping | Path | str | None = None,
    source: str | None = None,
    *,
    strict: bool = False,
    known: Callable[[bytes], bool] | None = None,
) -> Iterator[Row]:
    """The rows of files.

    Args:
        format: one of `formats()` or the path of a mapping file; by default the files tell.
        mapping: a mapping, or the name or path of one; stronger than `format`.
        source: the source of all drafts, whatever the mapping or the items say.
        strict: refuse a row for any value that cannot be understood, not only for those that carry it.
        known: told the digest of each row, says whether its drafts are known to change nothing: the row is then passed
            over, marked `known`, at a fraction of the time. Digests change with the row, the mapping, the source and
            the release of the readers, not with the date or the name of the file.
    Raises `ValidationError` at once for files that cannot be read, and on the way for a JSON file that breaks.
    """
    detected = detect(paths, format, mapping)
    chosen = detected.mapping
    if chosen is not None:
        owner = source or chosen.source.name
        parts = [Part(path, chosen.as_of(path), _mapped(path, chosen, owner)) for path in paths]
    else:
        parts = [Part(path, None, _own(path, source)) for path in sorted(paths, key=_holds_services)]
    manner = (READERS, chosen.digest if chosen else b"", (source or "").encode(), b"strict" if strict else b"")
    return _rows(parts, RowMaker(b"|".join(manner), strict=strict, known=known))


def _rows(parts: Sequence[Part], maker: RowMaker) -> Iterator[Row]:
    sizes = [part.path.stat().st_size for part in parts]
    total, before = sum(sizes), 0
    for part, size in zip(parts, sizes, strict=True):
        as_of = part.date or _written_on(part.path)
        for raw, candidates in part.found:
            row = maker.make(raw, candidates, as_of)
            row.progress = (before + raw.progress * size) / total
            yield row
        before += size


def _written_on(path: Path) -> str:
    """The day (UTC) a file was last written: the state that its rows describe, where nothing says better."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()


def _mapped(path: Path, mapping: Mapping, source: str) -> Iterator[Found]:
    table = tables.open_table(path, sniff.nature(path), mapping.columns(), mapping.layout)
    mapped = Mapped(mapping, table.origin)
    return ((raw, mapped.candidates(raw.cells, source) if mapped.takes(raw.cells) else None) for raw in table.rows)


def _own(path: Path, source: str | None) -> Iterator[Found]:
    """The rows of a file in data·inclusion's own shape, or of HSDS."""
    shape = sniff.nature(path)
    if shape == "zip":
        yield from ((raw, package_in.candidates(raw, source)) for raw in package_in.rows(path))
        return
    if shape in ("csv", "xlsx"):
        for table in own_tables(path):
            columns = items.renamed(table.origin.columns)
            kind = items.kind_of(columns)
            for raw in table.rows:
                cells = dict(zip(columns, raw.values, strict=False))
                yield raw, [items.candidate(cells, kind, source)]
        return
    for raw in _structures_first(path) if shape == "json" else _lines(path):
        if isinstance(raw.values, dict):
            yield raw, items.candidates(raw.values, raw.origin.section, source)
        else:
            yield raw, []


def _structures_first(path: Path) -> Iterator[Raw]:
    """The items of a JSON file; it is read twice unless its structures are known to come first."""
    first = next(jsonfile.read_json(path), None)
    if first is None or first.origin.section in ("structures", "organizations"):
        yield from jsonfile.read_json(path)
        return
    yield from _in_passes(lambda: jsonfile.read_json(path))


def _lines(path: Path) -> Iterator[Raw]:
    section = jsonfile.section_of(path)
    if section:
        yield from jsonfile.read_lines(path, section)
        return
    yield from _in_passes(lambda: jsonfile.read_lines(path))


def _in_passes(read_all: Callable[[], Iterator[Raw]]) -> Iterator[Raw]:
    """What is no service first, then the services."""
    for rank in (0, 1):
        for raw in read_all():
            is_service = isinstance(raw.values, dict) and items.kind_of(raw.values, raw.origin.section) == "service"
            if is_service == bool(rank):
                raw.progress = (raw.progress + rank) / 2
                yield raw


def _holds_services(path: Path) -> bool:
    """Whether a file holds services alone, to be read after the others."""
    shape = sniff.nature(path)
    if shape == "zip":
        return False
    if shape == "csv":
        return items.kind_of(items.renamed(own_tables(path)[0].origin.columns)) == "service"
    return jsonfile.section_of(path) == "services"
