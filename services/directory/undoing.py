"""Taking an import back: what would go and what would stay, record by record; then that, the same way.

What a person qualified or edited since stays as it is, unless that is asked for too. What another import, a program or
a merge changed since stays in any case, and so does a structure that services which stay need. What the import said
otherwise than people had corrected goes with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy.orm import Session

from services.directory import store, store_imports
from services.directory.importing import GONE, PAGE, UNDONE
from services.directory.model import Act, Import, ImportChange, Record
from services.directory.qualification import WITHDRAWN
from services.directory.reminding import REMIND
from services.directory.writing import Desk
from services.kernel import clock
from services.kernel.errors import WrongState

TOLD: Final = 20
"""Records told by name, of each fate."""
ACT, WHY = "undo", "import annulé"
RESTORED, TAKEN, KEPT = "restored", "withdrawn", "kept"
PEOPLE, CHANGED, NEEDED = "people", "changed", "needed"
_OF_PEOPLE: Final = {"create", "edit", "qualify", "submit", "review", "confirm", "withdraw", "give_back"}
"""Acts by which a person puts their word behind a record, or against it."""
_PASSED_OVER: Final = {ACT, REMIND, "forget"}
"""Acts that say nothing for a record: an import was taken back, a letter was sent, somebody objected."""


class Fate(NamedTuple):
    """What becomes of a record: `restored`, `withdrawn` or `kept`; `why` says who changed it since, or who needs it."""

    change: ImportChange
    record: Record
    done: str
    why: str


def foresee(session: Session, done: Import, everything: bool) -> dict[str, Any]:
    """What `undo` would do, without doing it; the same answer. Raises `WrongState` where that was done already."""
    _require_done(done)
    said = _Told()
    for fate in _fates(session, done, everything, lock=False):
        said.add(fate)
    return said.answer(done, len(_differences(session, done)))


def undo(session: Session, desk: Desk, done: Import, everything: bool) -> dict[str, Any]:
    """Take back what an import did, where nobody changed it since: counts, and some of the records by name.

    Args:
        everything: also what people qualified or edited since.
    Returns:
        `{source, name, restored, withdrawn, kept, by_people, differences, records: [{id, kind, name, done, why}]}`;
        `by_people`: how many of all of them a person qualified or edited since.
    Raises `WrongState` where that was done already.
    """
    _require_done(done)
    said = _Told()
    for fate in _fates(session, done, everything, lock=True):
        said.add(fate)
        if fate.done == TAKEN:
            desk.withdraw(fate.record, WHY)
        elif fate.done == RESTORED:
            _restore(desk, done, fate)
    differences = _differences(session, done)
    for each in differences:
        session.delete(each)
    done.state = UNDONE
    return said.answer(done, len(differences))


class _Told:
    """Counts of fates, and the first records of each."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._records: list[dict[str, Any]] = []

    def add(self, fate: Fate) -> None:
        """One record; told before anything becomes of it."""
        self._counts[fate.done, fate.why] += 1
        if self._counts[fate.done, fate.why] <= TOLD:
            name = fate.record.parts["fields"].get("nom")
            self._records.append(
                {"id": fate.record.id, "kind": fate.record.kind, "name": name, "done": fate.done, "why": fate.why}
            )

    def answer(self, done: Import, differences: int) -> dict[str, Any]:
        """As `undo` returns it."""
        by_done, by_why = Counter[str](), Counter[str]()
        for (fate, why), count in self._counts.items():
            by_done[fate] += count
            by_why[why] += count
        counts = {name: by_done[name] for name in (RESTORED, TAKEN, KEPT)} | {"by_people": by_why[PEOPLE]}
        of = {"source": done.source, "name": done.name}
        return {**of, **counts, "differences": differences, "records": self._records}


def _require_done(done: Import) -> None:
    if done.state == UNDONE:
        raise WrongState("Cet import est déjà annulé.")


def _differences(session: Session, done: Import) -> Any:
    return store_imports.differences_of(session, done, done.finished_at or clock.to_text(clock.now()))


def _fates(session: Session, done: Import, everything: bool, lock: bool) -> Iterator[Fate]:
    """Services first: a structure withdrawn before them would take them along, and those that stay need theirs."""
    leaving: set[str] = set()
    for kind in ("service", "structure"):
        after = ""
        while page := store.changes_of(session, done.id, kind, after, PAGE):
            after = page[-1].record_id
            ids = [change.record_id for change in page]
            known = store.records(session, ids, lock=lock)
            acts = store_imports.acts_among(session, ids)
            again = store_imports.changed_again(session, done.id, ids, UNDONE)
            homeless = _homeless(session, done, page)
            services = store_imports.living_services(session, ids) if kind == "structure" else {}
            for change in page:
                record = known[change.record_id]
                since = "" if record.id not in again | homeless else CHANGED
                fate = _fate(change, record, since or _since(change, record, acts.get(record.id, ())), everything)
                if fate.done == TAKEN and any(each not in leaving for each in services.get(record.id, ())):
                    fate = fate._replace(done=KEPT, why=NEEDED)
                if fate.done == TAKEN or (fate.done == RESTORED and change.before_structure != record.structure):
                    leaving.add(record.id)
                yield fate


def _fate(change: ImportChange, record: Record, since: str, everything: bool) -> Fate:
    if since and not (since == PEOPLE and everything):
        return Fate(change, record, KEPT, since)
    back_to = None if change.before_content is None else change.before_status
    return Fate(change, record, TAKEN if back_to in (None, WITHDRAWN) else RESTORED, since)


def _since(change: ImportChange, record: Record, acts: Collection[Act]) -> str:
    """Who changed a record since, or put their word behind it: a first qualification gives no new version."""
    if record.replaced_by or (record.is_withdrawn and change.done != TAKEN):
        return CHANGED
    later = [act for act in acts if act.version >= change.version]
    later = [act for act in later if act.act not in _PASSED_OVER and act.how not in (GONE, WHY)]  # imports' own
    if any(act.role == "machine" or act.act not in _OF_PEOPLE for act in later):
        return CHANGED
    return PEOPLE if later else ""


def _homeless(session: Session, done: Import, page: Collection[ImportChange]) -> set[str]:
    """Services whose structure of before is withdrawn by now, and would not come back with them."""
    living = [change for change in page if change.before_status != WITHDRAWN]
    of = {change.record_id: change.before_structure for change in living if change.before_structure}
    formers = store.records(session, set(of.values()))
    gone = {each.id for each in formers.values() if each.is_withdrawn}
    gone -= store_imports.withdrawn_by(session, done.id, gone)
    return {service for service, structure in of.items() if structure in gone}


def _restore(desk: Desk, done: Import, fate: Fate) -> None:
    change, before = fate.change, fate.record.content
    assert change.before_content is not None
    desk.restore(fate.record, str(change.before_status), change.before_structure, change.before_content)
    desk.note(fate.record, ACT, f"{done.source} : {done.name}", before)
