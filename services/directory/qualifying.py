"""Acts on many records: the given ones in one transaction, or all of a source, an import or a reason of the work list,
a page a transaction. What cannot be done of one is told, and keeps nothing back of the others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from sqlalchemy.orm import Session

from services.directory import others, store, store_chosen, working
from services.directory.model import Record
from services.directory.qualification import CHECKED, LIVING, QUALIFIED
from services.directory.writing import Desk
from services.kernel import clock
from services.kernel.database import Database
from services.kernel.errors import Conflict, MaillageError

PAGE: Final = 500
"""Records in one transaction: a large source must not hold its locks for minutes."""
SHOWN: Final = 50
"""Records of which a dry run says what they would change; and so many others by their names."""
QUALIFY, PUBLISH, REVIEW = "qualify", "publish", "review"
Done = dict[str, Any]


class Rehearsed(Exception):
    """A dry run came to its end: its transaction is to be rolled back; `done` is what would have been done."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


def these(session: Session, desk: Desk, asked: dict[str, Any], act: str) -> Done:
    """Records by id, structures first; those that cannot be are told, the others done.

    Raises `NotFound`; of a single one, and of any to `PUBLISH`, what keeps it back: `NotHome`, `WrongState`,
    `ValidationError`, `Conflict` (it is not at the version of `versions`); `Rehearsed` after a dry run.
    """
    known = store.records(session, asked["ids"], lock=True)
    for each in asked["ids"]:
        if each not in known:
            raise others.not_ours(session, each)
    records = [known[each] for each in asked["ids"]]
    done = _nothing()
    done["versions"] = {record.id: record.version for record in records}
    for record in sorted(records, key=lambda record: (record.kind != "structure", record.id)):
        _try(session, done, desk, record, asked, act, alone=len(records) == 1 or act == PUBLISH)
    if asked["dry_run"]:
        raise Rehearsed(_answer(done, asked, act))
    return _answer(done, asked, act)


def waiting(db: Database, desk_of: Callable[[Session], Desk], asked: dict[str, Any], act: str) -> Done:
    """What waits of a source or an import, or stands under a reason; what cannot be done is told and left as it was."""
    done = _nothing() | {"at": clock.to_text(clock.now())}
    if asked["dry_run"]:
        with suppress(Rehearsed), db.begin() as session:
            while _page(session, desk_of(session), asked, act, done):
                continue
            raise Rehearsed(done)
        return _answer(done, asked, act)
    more = True
    while more:
        with db.begin() as session:
            more = _page(session, desk_of(session), asked, act, done)
    return _answer(done, asked, act)


def _page(session: Session, desk: Desk, asked: dict[str, Any], act: str, done: Done) -> bool:
    """Act on the next page, structures before services; whether there may be more. `done` holds where it stands."""
    kind, after = done["place"]
    states = {QUALIFIED} if act == REVIEW else LIVING if asked["reason"] else store.WAITING
    soon = clock.to_text(clock.now() + working.SOON)
    page = store_chosen.chosen(session, kind, states, asked, soon, after, PAGE)
    for record in page:
        _try(session, done, desk, record, asked, act)
    if len(page) == PAGE:
        done["place"] = kind, page[-1].id
        return True
    done["place"] = "service", ""
    return bool(kind == "structure")


def _try(
    session: Session, done: Done, desk: Desk, record: Record, asked: dict[str, Any], act: str, alone: bool = False
) -> None:
    shown = _shown(session, record) if asked["dry_run"] else {}
    try:
        _require_as_read(record, asked)
        _count(done, record, _do(desk, record, asked, act), shown)
    except MaillageError as error:
        if alone:
            raise
        done["refused"].append({"id": record.id, "why": error.message, "problems": error.details})


def _do(desk: Desk, record: Record, asked: dict[str, Any], act: str) -> list[Any]:
    if act == REVIEW:
        desk.step(record, "review", asked["why"])
        return []
    return desk.qualify(record, asked["how"], strict=act == PUBLISH)


def _require_as_read(record: Record, asked: dict[str, Any]) -> None:
    """Raises `Conflict` where somebody changed it since the permanent saw what would be done."""
    record.require_version((asked["versions"] or {}).get(record.id))
    if asked["unchanged_since"] is not None and record.changed_at > asked["unchanged_since"]:
        raise Conflict(f"« {_name(record)} » a changé, ou est venue, depuis que vous l’avez vue : voyez-la de nouveau.")


def _shown(session: Session, record: Record) -> dict[str, Any]:
    """A record of a dry run, with what waits in it: `{field: [what the public sees, what waits]}`."""
    changed = working.waiting_in(session, record) if record.waits and record.status in CHECKED else {}
    return {"id": record.id, "name": _name(record), "changed": changed}


def _nothing() -> Done:
    return {
        "done": 0, "public": 0, "kept_back": [], "refused": [], "changing": 0, "changes": [], "others": [],
        "place": ("structure", ""),
    }  # fmt: skip


def _answer(done: Done, asked: dict[str, Any], act: str) -> Done:
    counts: Done = {"reviewed": done["done"]} if act == REVIEW else {
        "qualified": done["done"], "public": done["public"], "kept_back": done["kept_back"]
    }  # fmt: skip
    counts["refused"] = done["refused"]
    if asked["dry_run"]:
        counts |= {"changing": done["changing"], "records": [*done["changes"], *done["others"]]}
        counts |= {name: done[name] for name in ("versions", "at") if name in done}
    return counts


def _count(done: Done, record: Record, barriers: list[Any], shown: dict[str, Any]) -> None:
    done["done"] += 1
    done["public"] += not barriers
    if barriers:
        done["kept_back"].append(
            {"id": record.id, "why": f"« {_name(record)} » n’est pas encore publique.", "problems": barriers}
        )
    if shown:
        done["changing"] += bool(shown["changed"])
        some = done["changes" if shown["changed"] else "others"]
        if len(some) < SHOWN:
            some.append(shown)


def _name(record: Record) -> str:
    return str(record.parts["fields"].get("nom", record.id))
