"""What a person or a program wrote into one field of a record, read as an import reads it.

An import keeps what it cannot read beside the record; who writes one field by hand is there to be told instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from services.directory.formats import territory, values
from services.directory.formats.candidate import Candidate
from services.directory.formats.drafting import PLACE, PLACE_WORDS, Drafter
from services.directory.formats.drafts import Kind
from services.directory.formats.vocabulary import FIELDS
from services.kernel.errors import Problem

AS_IT_IS: Final = PLACE | {"date_maj"}
"""Fields that no reading of one value alone makes better."""


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
    fields, misplaced = _placed(fields, now)
    if not written:
        return dict(fields), misplaced
    made = Drafter(strict=True).make(Candidate(cast("Kind", kind), "x", "x", "x", {"nom": "xxx", **written}), 0)
    faults = [_told(each) for each in made.problems if each["field"] in written]
    clean = made.draft["fields"]
    return {**fields, **{name: clean.get(name, fields[name]) for name in written}}, misplaced + faults


def _placed(fields: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The change with its commune found as an import finds it: by its code, or by name and postal code together.

    Where it is another commune than before and no point is given, the point goes: it was that of the place before.
    """
    given = {name: fields[name] for name in PLACE_WORDS if fields.get(name)}
    new = {name for name, value in given.items() if value != now.get(name)}
    if not given or not all(isinstance(value, str) for value in given.values()):
        return dict(fields), []
    asked = given if "code_insee" in new else {name: fields.get(name, now.get(name)) for name in PLACE_WORDS}
    if new and "code_insee" not in new:  # the words say another place: the code was that of the one before
        asked["code_insee"] = None
    found = values.place(asked.get("code_insee"), asked.get("commune"), asked.get("code_postal"))
    if not isinstance(found, territory.Commune):
        return dict(fields), [{**found, "line": None, "value": str(given.get(found["field"], ""))}] if new else []
    placed = dict(fields) | {"commune": found.name, "code_insee": found.code}
    moved = now.get("code_insee") not in (None, found.code)
    if moved and "latitude" not in fields and "longitude" not in fields:
        placed |= {"latitude": None, "longitude": None}
    return placed, []


def _told(fault: Problem) -> Problem:
    if fault["code"].endswith(".several"):
        fault["why"], fault["remedy"] = "Une seule valeur est attendue ici.", "Mettez le reste dans la description."
    fault["line"] = None
    return fault
