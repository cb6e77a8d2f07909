"""An objection goes with a structure that moves home: its new home's imports are checked by it too.

The former home alone knows its objections by its own key; what stays with a structure is salted by that structure's
identifier, and checked by its new home where somebody changes it or its services, and where an import brings something
that may be the same. Inside one transaction each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from services.directory import events, store, store_handing, store_told
from services.directory.asides import Handover
from services.directory.formats import matching
from services.directory.formats.ids import record_id
from services.directory.model import Record
from services.directory.objecting import draft_without
from services.directory.objection_rows import Kept
from services.directory.salted import Check, Salted
from services.kernel.announce import NewEvent
from services.kernel.sealing import sealed

CARRIED: Final = "objections"
AT_ONCE: Final = 500
"""Structures in one message: an event holds a million bytes."""
OF_ONE_AT_MOST: Final = 50
"""Objections that are taken with one structure."""
Respected = Callable[[dict[str, Any]], dict[str, Any]]


def messages(session: Session, made: Handover) -> Iterator[NewEvent]:
    """What goes with the structures of an offer that was accepted, to the node that takes them."""
    by_structure: dict[str, list[Kept]] = {}
    for each in store_told.kept_with(session, store_handing.structures_of(session, made.id)):
        by_structure.setdefault(each.structure_id, []).append(each)
    for start in range(0, len(by_structure), AT_ONCE):
        some = list(by_structure)[start : start + AT_ONCE]
        records = [{"record": each, "checks": [_check(row).written() for row in by_structure[each][:OF_ONE_AT_MOST]]}
                   for each in some]  # fmt: skip
        yield sealed(events.SERVICE, made.node, made.reply or b"", {"kind": CARRIED, "records": records})


def receive(session: Session, node: str, said: Mapping[str, Any]) -> None:
    """Keep what comes with structures that that node offered to this one; the rest changes nothing.

    Accepted or not: a database that was put back hears it again before somebody accepts again.
    """
    try:
        told = [(str(each["record"]), {Check.read(check) for check in each["checks"][:OF_ONE_AT_MOST]})
                for each in said["records"][:AT_ONCE]]  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    for structure_id, checks in told:
        if not store_handing.is_offered(session, node, structure_id):
            continue
        for check in sorted(checks):
            if store_told.kept(session, structure_id, check.digest) is None:
                store_told.add(session, Kept(
                    structure_id=structure_id, key=check.digest, field=check.field, digest=check.digest,
                    words=check.words, letters=check.letters, carried=True,
                ))  # fmt: skip


def respecting(session: Session, home: str, first: Respected) -> Respected:
    """`first`, then what came with structures that moved here. A node to which none did pays nothing for it."""
    rows = store_told.carried(session)
    if not rows:
        return first
    came = Came(session, home, rows)
    return lambda draft: came.respected(first(draft))


class Came:
    """Objections that came with structures, for the drafts of one transaction."""

    def __init__(self, session: Session, home: str, rows: Sequence[Kept]) -> None:
        self._session, self._home = session, home
        self._checks: dict[str, list[Check]] = {}
        known = store.records(session, {each.structure_id for each in rows}).values()
        never_moved = {each.id for each in known if not each.term}  # nobody else's objections concern these
        for row in rows:
            if row.structure_id not in never_moved:
                self._checks.setdefault(row.structure_id, []).append(_check(row))
        self._sketches = {
            each.id: matching.sketch(each.parts["fields"])
            for each in known
            if each.id in self._checks and not each.is_withdrawn
        }
        self._keys = {key for each in self._sketches.values() for key in matching.keys(each)}
        self._alike: dict[str, set[str]] = {}
        self._salted: dict[str, Salted] = {}

    def respected(self, draft: dict[str, Any]) -> dict[str, Any]:
        """A draft without who objected to be named in its structure, or in one that may be the same."""
        if not isinstance(draft.get("fields"), dict):
            return draft
        for structure_id in sorted(self._structures(draft)):
            if structure_id not in self._salted:
                self._salted[structure_id] = Salted(structure_id, self._checks[structure_id])
            draft = draft_without(draft, self._salted[structure_id].sought)
        return draft

    def _structures(self, draft: Mapping[str, Any]) -> set[str]:
        """Those of which the objections concern a draft."""
        if "id" in draft:
            return {str(draft["id"]), str(draft.get("structure"))} & self._checks.keys()
        if not isinstance(draft.get("source"), str):
            return set()
        if draft.get("kind") == "structure":
            return self._concerned(self._id(draft["source"], draft.get("source_id")), draft["fields"])
        own = self._id(draft["source"], draft.get("structure_source_id"))
        if own not in self._alike:
            structure: Record | None = store.record(self._session, own)
            return self._concerned(own, structure.parts["fields"] if structure else {})
        return self._alike[own]

    def _concerned(self, own: str, fields: Mapping[str, Any]) -> set[str]:
        sketch = matching.sketch(fields)
        alike = set() if self._keys.isdisjoint(matching.keys(sketch)) else {
            each for each, theirs in self._sketches.items() if matching.compare(sketch, theirs).grade
        }  # fmt: skip
        self._alike[own] = alike | ({own} & self._checks.keys())
        return self._alike[own]

    def _id(self, source: str, source_id: Any) -> str:
        return str(record_id(self._home, "structure", source, str(source_id)))


def _check(row: Kept) -> Check:
    return Check(row.field, row.digest, row.words, row.letters)
