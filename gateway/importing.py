"""A file of records brought in over HTTP: tried first or taken at once, held for review as its source says.

Large files go by the command line, which shows its progress: here one person waits for the answer, a few seconds.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from werkzeug.datastructures import FileStorage

from gateway.tray import file_name
from services.directory.formats import mapping_file
from services.directory.formats.drafts import Row
from services.directory.formats.ids import SOURCE_NAME
from services.directory.formats.mapping import Mapping
from services.directory.formats.reading import detect, read
from services.directory.formats.workbook import require_small
from services.kernel.errors import Problem, ValidationError

NO_FILE: Final = "Choisissez un fichier : tableur (XLSX, CSV) ou JSON."
LARGEST_BYTES: Final = 5_000_000
UNPACKED_AT_MOST_BYTES: Final = 60_000_000
"""What a workbook or a package may be once unpacked: ten times what is usual for the largest that is taken."""
BATCH, TOLD = 200, 50

Call = Callable[[str, dict[str, Any]], Any]
"""A door of the directory by its name, in somebody's name."""


@dataclass
class Report:
    """What became of a file: counts, and the first problems with their lines."""

    import_id: str | None = None
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def refuse(self, problems: list[Problem]) -> None:
        """One row that is not taken."""
        self.refused += 1
        self.problems += problems[: TOLD - len(self.problems)]


def bring_in(call: Call, sent: FileStorage | None, source: str, trial: bool, mapping: str = "") -> Report:
    """Take a file that was sent; the rest as `take`."""
    if sent is None or not sent.filename:
        raise ValidationError(NO_FILE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file_name(sent)
        sent.save(path)
        return take(call, path, source, trial, mapping)


def take(call: Call, path: Path, source: str, trial: bool, mapping: str = "") -> Report:
    """Import a file, or, on `trial`, say what would become of it.

    Args:
        source: its short name, or empty where the file says it.
        mapping: the text of a mapping file that says how its columns are read, where Maillage does not know them.
    Raises `ValidationError` where it cannot be read, with the code `file.columns` where a mapping would help.
    """
    if source and not re.fullmatch(SOURCE_NAME, source):
        raise ValidationError("Le nom de la source s’écrit en minuscules, chiffres et tirets : relais-44.")
    require_small(path, UNPACKED_AT_MOST_BYTES)
    return _load(call, path, source, trial, mapping_file.parse("correspondance", mapping) if mapping.strip() else None)


def _load(call: Call, path: Path, source: str, trial: bool, mapping: Mapping | None) -> Report:
    detected = detect([path], None, mapping)
    about: dict[str, Any] = {}
    if detected.mapping is not None:
        known = detected.mapping.source
        source = source or known.name
        about = {"label": known.title, "licence": known.licence, "attribution": known.attribution}
    source = source or detected.source or ""
    if not source:
        raise ValidationError("Dites de quelle source viennent ces fiches : un nom court, toujours le même.")
    report = Report()
    if detected.mapping is not None and detected.mapping.source.policy == "publish":
        report.warnings.append(_not_followed(source))
    rows = read([path], None, mapping, source)
    first = next(rows, None)
    if first is None:
        raise ValidationError("Ce fichier n’a aucune ligne.")
    if not trial:
        asked = {"source": source, "name": path.name} | {key: value for key, value in about.items() if value}
        report.import_id = call("import_begin", asked)["import"]
    for batch in _batches(_taken([first], report), _taken(rows, report)):
        _send(call, batch, source, report)
    if report.import_id:
        call("import_finish", {"import": report.import_id, "refused": report.refused})
    return report


def _not_followed(source: str) -> Problem:
    why = "Cette ligne de la correspondance n’est pas suivie ici : les fiches d’une source nouvelle sont retenues."
    remedy = f"Qualifiez-les, ou faites publier d’office : maillage source set DOSSIER {source} --policy publish."
    return {"line": None, "field": "policy", "value": "publish", "why": why, "remedy": remedy, "code": "policy.held"}


def _taken(rows: Iterable[Row], report: Report) -> Iterator[Row]:
    for row in rows:
        report.warnings += row.warnings[: TOLD - len(report.warnings)]
        if row.problems:
            report.refuse(row.problems)
        elif row.drafts:
            yield row


def _send(call: Call, batch: list[Row], source: str, report: Report) -> None:
    drafts = [{**draft, "source": source} for row in batch for draft in row.drafts]
    if report.import_id:
        answers = call("import_rows", {"import": report.import_id, "rows": drafts})["rows"]
    else:
        answers = call("import_preview", {"source": source, "rows": drafts})["rows"]
    lines = [row.line for row in batch for _ in row.drafts]
    for line, answer in zip(lines, answers, strict=True):
        if answer["done"] == "refused":
            report.refuse([problem | {"line": line} for problem in answer["problems"]])
        else:
            setattr(report, answer["done"], getattr(report, answer["done"]) + 1)
        unwanted = [each | {"line": line} for each in answer["left_out"]]
        report.warnings += unwanted[: TOLD - len(report.warnings)]


def _batches(*rows: Iterator[Row]) -> Iterator[list[Row]]:
    """So many rows at a time: a row makes two or three drafts."""
    every = chain(*rows)
    while batch := list(islice(every, BATCH)):
        yield batch
