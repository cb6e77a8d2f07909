"""Whose word a change is, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from services.directory.model import Record
from services.kernel.errors import Problem, ValidationError


class Choice(Enum):
    """Whose word it is, and so what the public sees of it."""

    POLICY = "policy"
    """An import: as the policy of its source says."""
    PERMANENT = "permanent"
    """Somebody who may qualify: their change is a verification, and what is public is so in its new version."""
    OTHERS = "others"
    """Everybody else: as the policy of its source says too, and what waits is a draft."""


@dataclass
class Saved:
    """What became of one draft: `created`, `updated`, `unchanged` or `refused`, and the record before and after."""

    done: str
    record: Record | None = None
    before: tuple[str, str | None, bytes] | None = None
    """Status, structure and content before an update."""
    problems: list[Problem] = field(default_factory=list)
    left_out: list[Problem] = field(default_factory=list)
    """What of it was not taken, since somebody objected to it."""

    def answer(self) -> dict[str, Any]:
        """What the caller of an import is told: `{done, id, problems, left_out}`."""
        return {
            "done": self.done, "id": self.record.id if self.record else None, "problems": self.problems,
            "left_out": self.left_out,
        }  # fmt: skip


def raise_problems(saved: Iterable[Saved]) -> None:
    """Raises `ValidationError` with everything wrong."""
    if problems := [problem for each in saved for problem in each.problems]:
        raise ValidationError("La fiche ne peut pas être enregistrée.", problems)
