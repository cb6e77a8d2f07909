"""Imports: rows in batches, each batch one transaction; nothing is lost and nothing doubled if it is cut off.

A batch that was committed and is sent again finds its rows unchanged: that is all that resuming takes. What an import
did to each record is remembered with the state before it, for `undoing`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.directory import events, store
from services.directory.model import Import, Record
from services.directory.qualification import QUALIFIED, WITHDRAWN
from services.directory.rules import require_few_vanished
from services.directory.saved import Saved
from services.directory.writing import Desk
from services.kernel import clock
from services.kernel.errors import NotFound, WrongState
from services.kernel.log import EventLog

PAGE = 500
GONE = "absente du dernier fichier complet de sa source"
RUNNING, FINISHED, UNDONE = "running", "finished", "undone"


def begin(session: Session, source: str, name: str, by: str) -> Import:
    """Open an import of a source."""
    opened = Import(
        id=str(uuid7()), source=source, name=name, state=RUNNING, started_at=clock.to_text(clock.now()), by=by,
        created=0, updated=0, unchanged=0, withdrawn=0, refused=0,
    )  # fmt: skip
    session.add(opened)
    return opened


def take(session: Session, desk: Desk, running: Import, rows: list[dict[str, Any]]) -> list[Saved]:
    """Save one batch and remember what it did. Refused rows are answered, the others saved."""
    for row in rows:
        if isinstance(row, dict):
            row["source"] = running.source
    saved = desk.save(rows)
    changes = [_change(running.id, each) for each in saved if each.done in ("created", "updated")]
    session.flush()
    store.note_changes(session, changes)
    store.mark_seen(session, [each.record.id for each in saved if each.record is not None], running.id)
    for each in saved:
        setattr(running, each.done, getattr(running, each.done) + 1)
    return saved


def finish(session: Session, log: EventLog, desk: Desk, running: Import, complete: bool, force: bool) -> dict[str, Any]:
    """Close an import; where the file was `complete`, withdraw what it no longer holds.

    Raises `ValidationError` where more than a fifth would go and nobody said `force`: nothing is withdrawn then.
    Announces `directory.import.finished.v1`.
    """
    if complete:
        _withdraw_vanished(session, desk, running, force)
    running.state, running.finished_at = FINISHED, clock.to_text(clock.now())
    summary = summary_of(running)
    log.append(session, events.import_finished(summary))
    return summary


def must_run(running: Import | None, import_id: str) -> Import:
    """Raises `NotFound`, or `WrongState` where the import was closed."""
    if running is None:
        raise NotFound(f"Aucun import {import_id}.")
    if running.state != RUNNING:
        raise WrongState(f"L’import {import_id} est terminé.")
    return running


def summary_of(done: Import) -> dict[str, Any]:
    """The counts of an import, as replies and its event carry them."""
    return {
        "import": done.id, "source": done.source, "name": done.name, "state": done.state, "by": done.by,
        "started_at": done.started_at, "finished_at": done.finished_at, "created": done.created,
        "updated": done.updated, "unchanged": done.unchanged, "withdrawn": done.withdrawn, "refused": done.refused,
    }  # fmt: skip


def _withdraw_vanished(session: Session, desk: Desk, running: Import, force: bool) -> None:
    gone = store.unseen(session, running.source, running.id)
    living = store.living(session, running.source)
    require_few_vanished(len(gone), living, force)
    for start in range(0, len(gone), PAGE):
        known = store.records(session, gone[start : start + PAGE], lock=True)
        for record in sorted(known.values(), key=lambda record: record.kind):
            if record.parts.get("sources"):  # another source tells of it too: a permanent looks, and may withdraw it
                if record.status == QUALIFIED:
                    desk.step(record, "review", GONE)
            elif record.status != WITHDRAWN:
                _withdraw_one(session, desk, running, record)


def _withdraw_one(session: Session, desk: Desk, running: Import, record: Record) -> None:
    """A structure takes its services along, those that the file still tells of too: `undo` gives them all back."""
    services = store.services_of(session, record.id) if record.kind == "structure" else ()
    before = {each.id: (each.status, each.structure, each.content) for each in (record, *services)}
    gone = desk.withdraw(record, GONE)
    store.note_changes(session, [_change(running.id, Saved("withdrawn", each, before[each.id])) for each in gone])
    running.withdrawn += len(gone)


def _change(import_id: str, saved: Saved) -> dict[str, Any]:
    assert saved.record is not None
    status, structure, content = saved.before or (None, None, None)
    return {
        "import_id": import_id, "record_id": saved.record.id, "done": saved.done, "version": saved.record.version,
        "before_status": status, "before_structure": structure, "before_content": content,
    }  # fmt: skip
