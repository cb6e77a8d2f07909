"""Bring rows read from files into a node, in batches, through its services; used by `import` and by the demo.

What is refused, by the reader or by the directory, goes to a file beside the one read, to be corrected and imported
again. A batch that was taken is taken for good: cut off and begun again, an import finds those rows unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.client import Client
from services.directory.formats.drafts import Row
from services.directory.formats.refused import RefusedRows, Summary
from services.directory.rules import require_few_vanished
from services.kernel.errors import Problem, ValidationError

KEPT = 200
"""Problems of refused rows that an outcome tells one by one; the files of refused rows have them all."""
BATCH = 400
"""Drafts in one request, about; the drafts of one row always go together."""


@dataclass(frozen=True)
class Plan:
    """What an import is to do. `about`: label, licence, attribution and policy of the source, where the file says."""

    source: str
    name: str
    about: dict[str, Any] = field(default_factory=dict)
    complete: bool = False
    force: bool = False
    dry_run: bool = False


@dataclass
class Outcome:
    """What an import did. `import_id` is what `undo` takes; `None` after a dry run."""

    import_id: str | None = None
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    withdrawn: int = 0
    read: Summary = field(default_factory=Summary)
    problems: list[Problem] = field(default_factory=list)
    refused_files: list[Path] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return vars(self) | {
            "read": self.read.to_dict(), "refused_files": [str(path) for path in self.refused_files]
        }  # fmt: skip


Progress = Callable[[float, int], None]
"""(share of the files read, rows so far)."""


class Loader:
    """One import, from the first row to its end."""

    def __init__(self, node: Client, plan: Plan, refused_folder: Path) -> None:
        self._node = node
        self._plan = plan
        self._refused = RefusedRows(refused_folder)
        self._outcome = Outcome()
        self._living: set[str] = set()

    def run(self, rows: Iterable[Row], progress: Progress = lambda share, count: None) -> Outcome:
        """Import all rows. Raises `services.kernel.errors`; what was taken before that stays taken."""
        plan, outcome = self._plan, self._outcome
        if not plan.dry_run:
            about = {key: value for key, value in plan.about.items() if value}
            opened = self._node.call("directory", "import_begin", {"source": plan.source, "name": plan.name} | about)
            outcome.import_id = opened["import"]
        with self._refused:
            for batch in _batches(self._counted(rows, progress)):
                self._take(batch)
        outcome.refused_files = self._refused.files
        self._finish()
        return outcome

    def _counted(self, rows: Iterable[Row], progress: Progress) -> Iterator[Row]:
        for row in rows:
            self._outcome.read.add(row)
            progress(row.progress, self._outcome.read.read)
            if row.problems:
                self._refuse(row, row.problems)
            elif row.drafts:
                yield row

    def _take(self, batch: list[Row]) -> None:
        drafts = [dict(draft) | {"source": self._plan.source} for row in batch for draft in row.drafts]
        door, key = ("import_preview", "source") if self._plan.dry_run else ("import_rows", "import")
        value = self._plan.source if self._plan.dry_run else self._outcome.import_id
        answers = iter(self._node.call("directory", door, {key: value, "rows": drafts})["rows"])
        for row in batch:
            problems: list[Problem] = []
            for _ in row.drafts:
                answer = next(answers)
                self._outcome.read.warn([unwanted | {"line": row.line} for unwanted in answer["left_out"]])
                if answer["done"] == "refused":
                    problems += [problem | {"line": row.line} for problem in answer["problems"]]
                else:
                    if self._plan.dry_run and answer["id"]:
                        self._living.add(answer["id"])
                    setattr(self._outcome, answer["done"], getattr(self._outcome, answer["done"]) + 1)
            if problems:
                self._refuse(row, problems)

    def _refuse(self, row: Row, problems: list[Problem]) -> None:
        self._outcome.refused += 1
        if not self._plan.dry_run:
            self._refused.add(row.raw, problems)
        room = KEPT - len(self._outcome.problems)
        self._outcome.problems += problems[: max(room, 0)]

    def _finish(self) -> None:
        plan, outcome = self._plan, self._outcome
        if plan.complete and outcome.refused and not plan.force:
            raise ValidationError(
                f"{outcome.refused} lignes sont refusées : on ne peut pas dire ce qui a disparu du fichier. "
                "Corrigez-les et recommencez, ou ajoutez --force pour retirer aussi leurs fiches."
            )
        if plan.dry_run:
            outcome.withdrawn = self._would_vanish() if plan.complete else 0
            return
        request = {"import": outcome.import_id, "complete": plan.complete, "force": plan.force}
        summary = self._node.call("directory", "import_finish", request | {"refused": outcome.refused})
        outcome.withdrawn = summary["withdrawn"]

    def _would_vanish(self) -> int:
        """How many records the file no longer has. Raises `ValidationError` as the import itself would."""
        sources = self._node.call("directory", "sources")["sources"]
        counts: dict[str, int] = next(
            (source["records"] for source in sources if source["name"] == self._plan.source), {}
        )
        living = sum(count for status, count in counts.items() if status != "withdrawn")
        gone = living - len(self._living)
        require_few_vanished(gone, living, self._plan.force)
        return gone


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.drafts)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
