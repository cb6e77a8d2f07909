"""What a reading would make of files, in words, before anything is imported: `maillage import --explain`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from services.directory.formats import sniff, tables
from services.directory.formats.drafts import BESIDE, Draft, Row
from services.directory.formats.mapped import Mapped
from services.directory.formats.mapping import Mapping
from services.directory.formats.reading import detect, read

ROWS_SHOWN = 3
LETTERS_SHOWN = 100


def explain(
    paths: Sequence[Path],
    format: str | None = None,
    mapping: Mapping | Path | str | None = None,
    source: str | None = None,
    *,
    rows: int = ROWS_SHOWN,
) -> Iterator[str]:
    """Lines in French: how the files are read, which columns nobody reads, what the first rows become.

    Raises `ValidationError` as `read` does.
    """
    detected = detect(paths, format, mapping)
    yield f"Format : {detected.format}. Source : {source or detected.source or 'à dire par --source'}."
    if detected.mapping is not None:
        yield from _of_mapping(paths[0], detected.mapping)
    for row in islice(read(paths, format, mapping, source or detected.source or "essai"), rows):
        yield ""
        yield from _of_row(row)


def _of_mapping(path: Path, mapping: Mapping) -> Iterator[str]:
    known = mapping.source
    if mapping.about:
        yield mapping.about
    rights = f"Licence : {known.licence or 'non dite'}. Attribution : {known.attribution or 'non dite'}."
    yield f"Politique : {known.policy}. {rights}"
    origin = tables.open_table(path, sniff.nature(path), mapping.columns(), mapping.layout).origin
    unused = Mapped(mapping, origin).unused
    yield f"Colonnes que personne ne lit : {', '.join(unused) or 'aucune'}."


def _of_row(row: Row) -> Iterator[str]:
    where = f"{row.file.name}, ligne {row.line}"
    if row.skipped:
        yield f"{where} : laissée de côté par la correspondance."
        return
    yield f"{where} : {'refusée' if row.problems else 'acceptée'}"
    for draft in row.drafts:
        yield from _of_draft(draft)
    for problem in (*row.problems, *row.warnings):
        yield f"  ! {problem['field']} « {problem['value']} » : {problem['why']} {problem['remedy']}"


def _of_draft(draft: Draft) -> Iterator[str]:
    yield f"  {draft['kind']} {draft['source']}--{draft['source_id']}"
    beside = {name: draft.get(name) for name in BESIDE}
    for name, value in (draft["fields"] | beside).items():
        if value:
            yield f"    {name} = {_shown(value)}"


def _shown(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, list) else " ⏎ ".join(str(value).splitlines())
    return text if len(text) <= LETTERS_SHOWN else f"{text[: LETTERS_SHOWN - 1]}…"
