"""The records that an act on many is about: of a source, of an import, or of a reason of the work list."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.directory import store
from services.directory.model import ImportChange, Record


def chosen(
    session: Session, kind: str, states: Collection[str], asked: Mapping[str, Any], soon: str, after: str, limit: int
) -> Sequence[Record]:
    """Records of a kind in these states, in order of id, locked.

    Args:
        asked: `source`, `import_`, `reason`, each of which narrows the choice where it is not None.
        soon: what expires before this time is of the reason `expiring`.
    """
    query = select(Record).where(Record.kind == kind, Record.status.in_(states), Record.id > after)
    if asked["source"] is not None:
        query = query.where(Record.source == asked["source"])
    if asked["import_"] is not None:
        ids = select(ImportChange.record_id).where(ImportChange.import_id == asked["import_"])
        query = query.where(Record.id.in_(ids))
    if asked["reason"] is not None:
        query = query.where(*store.of_reason(asked["reason"], soon))
    return session.scalars(query.order_by(Record.id).limit(limit).with_for_update()).all()
