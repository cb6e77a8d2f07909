"""What the doors of the directory share: a desk, a record held, an answer, a repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from services.directory import carrying, others, store, store_objections
from services.directory.model import Record, Source
from services.directory.objecting import Objections
from services.directory.repeats import once
from services.directory.saved import Choice, Saved
from services.directory.views import view
from services.directory.writing import Desk, must_exist
from services.kernel.access import Actor
from services.kernel.doors import Room
from services.kernel.errors import Forbidden


class Doors(Room):
    """A room whose doors write at a desk."""

    def _desk(self, session: Session, actor: Actor) -> Desk:
        runtime = self.engine.runtime
        months = runtime.settings.directory.verified_for_months
        objections = Objections(runtime.identity, store_objections.digests(session))
        respected = carrying.respecting(session, runtime.identity.name, objections.respected)
        return Desk(session, self.log, runtime.identity.name, actor, months=months, respected=respected)

    def _once(self, actor: Actor, request: dict[str, Any], act: Callable[[Session], dict[str, Any]]) -> dict[str, Any]:
        with self.db.begin() as session:
            return once(session, actor.name, request, act)

    def _locked(self, session: Session, record_id: str, version: int | None) -> Record:
        record = store.record(session, record_id, lock=True)
        if record is None or record.home != self.engine.runtime.identity.name:
            raise others.not_ours(session, record_id)
        record.require_version(version)
        return record

    def _current(self, session: Session, record_id: str) -> Record:
        """The record of an id, or the one that it was merged into. Raises `NotFound`, `NotHome`."""
        record = store.record(session, record_id)
        while record is not None and record.replaced_by:
            record_id = record.replaced_by
            record = store.record(session, record_id)
        if record is None or record.home != self.engine.runtime.identity.name:
            raise others.not_ours(session, record_id)
        return record

    def _answer(self, desk: Desk, saved: Saved) -> dict[str, Any]:
        record = must_exist(saved.record, "")
        return view(record, desk.source(record.source)) | {"done": saved.done}

    def _source(self, session: Session, record: Record, known: dict[str, Source] | None = None) -> Source:
        if known is not None and record.source in known:
            return known[record.source]
        source = store.source(session, record.source) or Source(name=record.source)
        if known is not None:
            known[record.source] = source
        return source


def require(actor: Actor, act: str, record: Record) -> None:
    """Raises `Forbidden` unless this actor may do `act` to any record, or to this one, which is its own."""
    if not actor.may(act) and actor.may("directory:own"):
        if not {record.id, record.structure} & set(actor.structures):
            raise Forbidden("Ce lien n’ouvre pas cette fiche.", {"act": "directory:own"})
        return
    actor.require(act)


def choice_of(actor: Actor) -> Choice:
    """Whose word a change is, by what its author may do."""
    return Choice.PERMANENT if actor.may("directory:qualify") else Choice.OTHERS
