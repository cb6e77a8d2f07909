"""What a person or a program wrote into one field of a record, read as an import reads it.

An import keeps what it cannot read beside the record; who writes one field by hand is there to be told instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from services.directory.formats.candidate import Candidate
from services.directory.formats.drafting import PLACE, Drafter
from services.directory.formats.drafts import Kind
from services.directory.formats.vocabulary import FIELDS
from services.kernel.errors import Problem

AS_IT_IS: Final = PLACE | {"date_maj"}
"""Fields that no reading of one value alone makes better: a commune is found from all of them together."""


def read(kind: str, fields: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The clean form of what changes, and what cannot be read.

    Args:
        fields: data·inclusion's fields of the change: a telephone as people write it becomes `+33240000077`.
        now: what the record says: a value that stays is left alone, however it was once written.
    """
    written = {
        name: value for name, value in fields.items()
        if name in FIELDS[kind] and name not in AS_IT_IS and value not in (None, "", [], now.get(name))
    }  # fmt: skip
    if not written:
        return dict(fields), []
    made = Drafter(strict=True).make(Candidate(cast("Kind", kind), "x", "x", "x", {"nom": "xxx", **written}), 0)
    faults = [_told(each) for each in made.problems if each["field"] in written]
    clean = made.draft["fields"]
    return {**fields, **{name: clean.get(name, fields[name]) for name in written}}, faults


def _told(fault: Problem) -> Problem:
    if fault["code"].endswith(".several"):
        fault["why"], fault["remedy"] = "Une seule valeur est attendue ici.", "Mettez le reste dans la description."
    fault["line"] = None
    return fault
