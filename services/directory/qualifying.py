"""Acts on many records: the given ones in one transaction, or all of a source, an import or a reason of the work list,
a page a transaction. What cannot be done of one is told, and keeps nothing back of the others."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final

from sqlalchemy.orm import Session

from services.directory import others, store, store_chosen, working
from services.directory.model import Record
from services.directory.qualification import LIVING, QUALIFIED
from services.directory.writing import Desk
from services.kernel import clock
from services.kernel.database import Database
from services.kernel.errors import Conflict, MaillageError

PAGE: Final = 500
"""Records in one transaction: a large source must not hold its locks for minutes."""
SHOWN: Final = 50
"""Records of which is said what would change, or what changed since; and so many others by their names."""
QUALIFY, PUBLISH, REVIEW = "qualify", "publish", "review"
Done = dict[str, Any]


class Rehearsed(Exception):
    """What a dry run would have done; raised to take everything back."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


def these(session: Session, desk: Desk, asked: dict[str, Any], act: str) -> Done:
    """Records by id, structures first; those that cannot be are told, the others done.

    Raises `NotFound`; of a single one (but in a dry run) and of any to `PUBLISH`, what keeps it back: `NotHome`,
    `WrongState`, `ValidationError`, `Conflict` (changed since it was seen); `Rehearsed` after a dry run.
    """
    known = store.records(session, asked["ids"], lock=True)
    for each in asked["ids"]:
        if each not in known:
            raise others.not_ours(session, each)
    records = sorted(known.values(), key=lambda record: (record.kind != "structure", record.id))
    done = _nothing() | {"versions": {record.id: record.version for record in records}}
    alone = act == PUBLISH or (len(records) == 1 and not asked["dry_run"])
    _each(session, done, desk, records, asked, act, alone)
    if asked["dry_run"]:
        raise Rehearsed(_answer(done, asked, act))
    return _answer(done, asked, act)


def waiting(db: Database, desk_of: Callable[[Session], Desk], asked: dict[str, Any], act: str) -> Done:
    """What waits of a source or an import, or stands under a reason; what cannot be done is told and left as it was."""
    done = _nothing() | {"at": clock.to_text(clock.now())}
    if asked["dry_run"]:
        with suppress(Rehearsed), db.begin() as session:
            versions = store_chosen.versions(session, _states(asked, act), asked, working.soon())
            done |= {"versions": versions} if versions is not None else {}
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
    page = store_chosen.chosen(session, kind, _states(asked, act), asked, working.soon(), after, PAGE)
    _each(session, done, desk, page, asked, act)
    if len(page) == PAGE:
        done["place"] = kind, page[-1].id
        return True
    done["place"] = "service", ""
    return bool(kind == "structure")


def _states(asked: dict[str, Any], act: str) -> Collection[str]:
    return {QUALIFIED} if act == REVIEW else LIVING if asked["reason"] else store.WAITING


def _each(
    session: Session, done: Done, desk: Desk, records: Collection[Record], asked: dict[str, Any], act: str,
    alone: bool = False,
) -> None:  # fmt: skip
    """Act on each as it is. What somebody changed is known before any is done: a structure may change its services."""
    changed = _changed(session, records, asked)
    for record in records:
        shown = _shown(session, done, record) if asked["dry_run"] else {}
        try:
            if record.id in changed:
                raise _seen_otherwise(record)
            _count(done, record, _do(desk, record, asked, act), shown)
        except MaillageError as error:
            if alone:
                raise
            problems = error.details if isinstance(error.details, list) else []
            done["refused"].append({"id": record.id, "why": error.message, "problems": problems})
            if record.id in changed and done["again"] < SHOWN:
                done["again"] += 1
                done["refused"][-1] |= _since(session, record, asked)


def _do(desk: Desk, record: Record, asked: dict[str, Any], act: str) -> list[Any]:
    if act == REVIEW:
        desk.step(record, "review", asked["why"])
        return []
    return desk.qualify(record, asked["how"], strict=act == PUBLISH)


def _changed(session: Session, records: Collection[Record], asked: dict[str, Any]) -> set[str]:
    """Which of them somebody changed or acted on, or which came, since the permanent saw what would be done."""
    versions, since = asked["versions"], asked["unchanged_since"]
    found = set() if versions is None else {each.id for each in records if versions.get(each.id) != each.version}
    if since is not None:
        at = clock.to_text(since)
        found |= {each.id for each in records if each.changed_at > at}
        found |= store_chosen.acted_on(session, [each.id for each in records], at)
    return found


def _seen_otherwise(record: Record) -> Conflict:
    return Conflict(f"« {_name(record)} » a changé, ou est venue, depuis que vous l’avez vue : voyez-la de nouveau.")


def _since(session: Session, record: Record, asked: dict[str, Any]) -> dict[str, Any]:
    """What changed since it was seen (`{field: [then, now]}`), and the version at which it is shown by that."""
    seen = (asked["versions"] or {}).get(record.id)
    at = None if asked["unchanged_since"] is None else clock.to_text(asked["unchanged_since"])
    changed = working.changed_since(session, record, seen, at)
    return {"name": _name(record), "version": record.version, "changed": changed}


def _shown(session: Session, done: Done, record: Record) -> dict[str, Any]:
    """A record of a dry run, with what waits in it: `{field: [what the public sees, what waits]}`."""
    changed = working.waiting_in(session, record) if record.waits and len(done["changes"]) < SHOWN else {}
    return {"id": record.id, "name": _name(record), "changed": changed, "waits": record.waits,
            "public": [record.is_public, record.is_public]}  # fmt: skip


def _nothing() -> Done:
    return {
        "done": 0, "public": 0, "kept_back": [], "refused": [], "changing": 0, "changes": [], "others": [], "again": 0,
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
        shown["public"][1] = record.is_public
        done["changing"] += shown["waits"]
        some = done["changes" if shown["waits"] else "others"]
        if len(some) < SHOWN:
            some.append(shown)


def _name(record: Record) -> str:
    return str(record.parts["fields"].get("nom", record.id))
