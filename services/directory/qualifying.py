"""Qualifying many records: the given ones in one transaction, or all that waits of a source, a page a transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy.orm import Session

from services.directory import others, store
from services.directory.model import Record
from services.directory.writing import Desk
from services.kernel.database import Database
from services.kernel.errors import MaillageError

PAGE = 500
"""Records in one transaction: a large source must not hold its locks for minutes."""
Done = dict[str, Any]


class Rehearsed(Exception):
    """A dry run came to its end: its transaction is to be rolled back; `done` is what would have been done."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


def these(session: Session, desk: Desk, asked: dict[str, Any], strict: bool) -> Done:
    """Records by id, structures first: all of them, or none where one cannot be.

    Raises `NotFound`, `NotHome`, `WrongState`, `ValidationError`; `Rehearsed` after a dry run.
    """
    known = store.records(session, asked["ids"], lock=True)
    for each in asked["ids"]:
        if each not in known:
            raise others.not_ours(session, each)
    records = [known[each] for each in asked["ids"]]
    done = _nothing()
    for record in sorted(records, key=lambda record: (record.kind != "structure", record.id)):
        _count(done, record, desk.qualify(record, asked["how"], strict))
    if asked["dry_run"]:
        raise Rehearsed(_answer(done))
    return _answer(done)


def waiting(db: Database, desk_of: Callable[[Session], Desk], asked: dict[str, Any], strict: bool) -> Done:
    """What waits of a source or of an import; what cannot be qualified is told and left as it was."""
    done = _nothing()
    if asked["dry_run"]:
        with suppress(Rehearsed), db.begin() as session:
            while _page(session, desk_of(session), asked, strict, done):
                continue
            raise Rehearsed(done)
        return _answer(done)
    more = True
    while more:
        with db.begin() as session:
            more = _page(session, desk_of(session), asked, strict, done)
    return _answer(done)


def _page(session: Session, desk: Desk, asked: dict[str, Any], strict: bool, done: Done) -> bool:
    """Qualify the next page, structures before services; whether there may be more. `done` holds where it stands."""
    kind, after = done["at"]
    page = store.waiting(session, kind, asked["source"], asked["import_"], after, PAGE)
    for record in page:
        try:
            _count(done, record, desk.qualify(record, asked["how"], strict))
        except MaillageError as error:
            done["refused"].append({"id": record.id, "why": error.message, "problems": error.details})
    if len(page) == PAGE:
        done["at"] = kind, page[-1].id
        return True
    done["at"] = "service", ""
    return bool(kind == "structure")


def _answer(done: Done) -> Done:
    return {name: value for name, value in done.items() if name != "at"}


def _nothing() -> Done:
    return {"qualified": 0, "public": 0, "kept_back": [], "refused": [], "at": ("structure", "")}


def _count(done: Done, record: Record, barriers: list[Any]) -> None:
    done["qualified"] += 1
    done["public"] += not barriers
    if barriers:
        name = record.parts["fields"].get("nom", record.id)
        done["kept_back"].append(
            {"id": record.id, "why": f"« {name} » n’est pas encore publique.", "problems": barriers}
        )
