"""A file of records brought in by a page: tried first or taken at once, held for review as its source says.

Large files go by the command line, which shows its progress: a page answers one person in a few seconds.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response as Answer

from gateway.staff.frame import Frame
from services.directory.formats.drafts import Row
from services.directory.formats.ids import SOURCE_NAME
from services.directory.formats.reading import detect, read
from services.kernel.errors import Problem, ValidationError

LARGEST_BYTES: Final = 5_000_000
BATCH, TOLD = 200, 50
COUNTS: Final = ("created", "updated", "unchanged", "refused")


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


def add(staff: Blueprint, frame: Frame) -> None:
    """`/importer`, and taking an import back."""

    @staff.get("/importer")
    def imports() -> Response:
        return _page(frame, report=None, wrong=[], source="")

    @staff.post("/importer")
    def bring_in() -> Response:
        request.max_content_length = LARGEST_BYTES
        frame.visitor()
        source, trial = request.form.get("source", "").strip(), request.form.get("trial") == "oui"
        sent = request.files.get("file")
        try:
            if sent is None or not sent.filename:
                raise ValidationError("Choisissez un fichier : tableur (XLSX, CSV) ou JSON.")
            if source and not re.fullmatch(SOURCE_NAME, source):
                raise ValidationError("Le nom de la source s’écrit en minuscules, chiffres et tirets : relais-44.")
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / (secure_filename(sent.filename) or "fichier")
                sent.save(path)
                report = _load(frame, path, source, trial)
        except ValidationError as error:
            wrong = [error.message, *(f"{each['why']} {each['remedy']}" for each in error.details or ())]
            return _page(frame, 422, report=None, wrong=wrong, source=source)
        return _page(frame, report=report, wrong=[], source=source, trial=trial)

    @staff.post("/importer/annuler")
    def undo_import() -> Answer:
        frame.call("directory", "undo", {"import": request.form.get("import", "")})
        return frame.on("imports", "import-annule")


def _page(frame: Frame, status: int = 200, **given: Any) -> Response:
    done = frame.call("directory", "imports", {})["imports"]
    return frame.page("imports.html", status, imports=done, counts=COUNTS, largest=LARGEST_BYTES // 1_000_000, **given)


def _load(frame: Frame, path: Path, source: str, trial: bool) -> Report:
    """Take the file, or say what would become of it. Raises `ValidationError` where it cannot be read."""
    detected = detect([path], None)
    about: dict[str, Any] = {}
    if detected.mapping is not None:
        known = detected.mapping.source
        source = source or known.name
        about = {"label": known.title, "licence": known.licence, "attribution": known.attribution}
    source = source or detected.source or ""
    if not source:
        raise ValidationError("Dites de quelle source viennent ces fiches : un nom court, toujours le même.")
    report = Report()
    rows = read([path], None, source=source)
    first = next(rows, None)
    if first is None:
        raise ValidationError("Ce fichier n’a aucune ligne.")
    if not trial:
        asked = {"source": source, "name": path.name} | {key: value for key, value in about.items() if value}
        report.import_id = frame.call("directory", "import_begin", asked)["import"]
    for batch in _batches(_taken([first], report), _taken(rows, report)):
        _send(frame, batch, source, report)
    if report.import_id:
        frame.call("directory", "import_finish", {"import": report.import_id, "refused": report.refused})
    return report


def _taken(rows: Iterable[Row], report: Report) -> Iterator[Row]:
    for row in rows:
        report.warnings += row.warnings[: TOLD - len(report.warnings)]
        if row.problems:
            report.refuse(row.problems)
        elif row.drafts:
            yield row


def _send(frame: Frame, batch: list[Row], source: str, report: Report) -> None:
    drafts = [{**draft, "source": source} for row in batch for draft in row.drafts]
    if report.import_id:
        answers = frame.call("directory", "import_rows", {"import": report.import_id, "rows": drafts})["rows"]
    else:
        answers = frame.call("directory", "import_preview", {"source": source, "rows": drafts})["rows"]
    lines = [row.line for row in batch for _ in row.drafts]
    for line, answer in zip(lines, answers, strict=True):
        if answer["done"] == "refused":
            report.refuse([problem | {"line": line} for problem in answer["problems"]])
        else:
            setattr(report, answer["done"], getattr(report, answer["done"]) + 1)


def _batches(*rows: Iterator[Row]) -> Iterator[list[Row]]:
    """So many rows at a time: a row makes two or three drafts."""
    every = chain(*rows)
    while batch := list(islice(every, BATCH)):
        yield batch
