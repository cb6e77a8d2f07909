"""What an import would do with its rows, without doing it: nothing is written, nobody is kept waiting."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from services.directory import corrections, store
from services.directory.model import Record
from services.directory.qualification import WITHDRAWN
from services.directory.rules import check_draft, left_out
from services.directory.saved import Saved
from services.directory.writing import Desk, stays


def preview(session: Session, desk: Desk, drafts: list[dict[str, Any]]) -> list[Saved]:
    """What `Desk.save` would do as an import; whether a service's structure exists is not asked.

    Without its record where it does not live: what is new, or was merged into another.
    """
    given, drafts = drafts, [desk.respected(draft) for draft in drafts]
    checked = [check_draft(draft) for draft in drafts]
    ids = [None if problems else desk.ids(draft) for draft, problems in zip(drafts, checked, strict=True)]
    known = store.records(session, {name for pair in ids if pair for name in pair if name})
    saved = [
        Saved("refused", problems=problems) if pair is None
        else _foreseen(session, known.get(pair[0]), draft, _current(session, pair[1], known))
        for draft, problems, pair in zip(drafts, checked, ids, strict=True)
    ]  # fmt: skip
    for said, kept, each in zip(given, drafts, saved, strict=True):
        each.left_out = [] if each.problems else left_out(said, kept)
    return saved


def _foreseen(session: Session, record: Record | None, draft: dict[str, Any], structure: str | None) -> Saved:
    if record is None:
        return Saved("created")
    if record.replaced_by:
        return Saved("unchanged")
    if record.status == WITHDRAWN:
        return Saved("updated")
    draft = corrections.held(record, corrections.with_given(session, record, draft)).draft
    content = corrections.content(draft, record)
    return Saved("unchanged" if stays(record, draft, content, structure) else "updated", record)


def _current(session: Session, structure: str | None, known: dict[str, Record]) -> str | None:
    while structure is not None:
        found = known.get(structure) or store.record(session, structure)
        if found is None or not found.replaced_by:
            return structure
        structure = found.replaced_by
    return None
