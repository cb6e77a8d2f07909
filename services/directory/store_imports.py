"""Queries about what imports did, and what became of it since."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from services.directory.asides import Difference
from services.directory.model import Act, Import, ImportChange, Record
from services.directory.qualification import WITHDRAWN


def acts_among(session: Session, ids: Collection[str]) -> dict[str, list[Act]]:
    """What people and programs did to these records, in order, by record."""
    found: dict[str, list[Act]] = {}
    for act in session.scalars(select(Act).where(Act.record_id.in_(ids)).order_by(Act.id)):
        found.setdefault(act.record_id, []).append(act)
    return found


def changed_again(session: Session, import_id: str, ids: Collection[str], undone: str) -> set[str]:
    """Those of these records that another import changed after this one did; not one in the state `undone`."""
    mine = aliased(ImportChange)
    query = (
        select(ImportChange.record_id)
        .join(mine, (mine.record_id == ImportChange.record_id) & (mine.import_id == import_id))
        .join(Import, Import.id == ImportChange.import_id)
        .where(ImportChange.record_id.in_(ids), ImportChange.version > mine.version, Import.state != undone)
    )
    return set(session.scalars(query))


def withdrawn_by(session: Session, import_id: str, ids: Collection[str]) -> set[str]:
    """Those of these records that an import withdrew."""
    query = select(ImportChange.record_id).where(ImportChange.import_id == import_id)
    return set(session.scalars(query.where(ImportChange.record_id.in_(ids), ImportChange.done == "withdrawn")))


def living_services(session: Session, structures: Collection[str]) -> dict[str, list[str]]:
    """The ids of the services of these structures that are not withdrawn, by structure."""
    found: dict[str, list[str]] = {}
    query = select(Record.structure, Record.id).where(Record.structure.in_(structures), Record.status != WITHDRAWN)
    for structure, service in session.execute(query):
        found.setdefault(str(structure), []).append(service)
    return found


def differences_of(session: Session, done: Import, until: str) -> Sequence[Difference]:
    """What an import said otherwise than people, and nobody has decided: told from when it began until it ended.

    It stands beside a record of its source, or beside the one that such a record was merged into.
    """
    merged = select(Record.replaced_by).where(Record.source == done.source, Record.replaced_by.is_not(None))
    into = merged.cte("into", recursive=True)
    further = select(Record.replaced_by).join(into, Record.id == into.c.replaced_by)
    into = into.union(further.where(Record.replaced_by.is_not(None)))
    beside = select(Record.id).where(Record.source == done.source).union(select(into.c.replaced_by))
    told = (Difference.settled.is_(False), Difference.at >= done.started_at, Difference.at <= until)
    return session.scalars(select(Difference).where(*told, Difference.record_id.in_(beside))).all()
