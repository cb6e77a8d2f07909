"""What the public sees: every record passes here after a change, and nothing becomes public in another way.

The gate (`qualification.gate`) says whether it may; a service also needs its structure. A structure that comes before
the public, or leaves it, takes its services along.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.directory import events, others, qualification, store, store_pairs
from services.directory.model import Record, Source
from services.directory.qualification import REVIEW, SINCE, WITHDRAWN
from services.directory.views import gone_from, hidden, public, view
from services.kernel import clock
from services.kernel.announce import NewEvent
from services.kernel.errors import Problem
from services.kernel.log import EventLog


class Showing:
    """The public's view of the records of one transaction, and what is told of them."""

    def __init__(self, session: Session, log: EventLog, at: datetime, home: str) -> None:
        self._session = session
        self._log = log
        self._at = at
        self._home = home
        self._sources: dict[str, Source] = {}
        self._told: list[NewEvent] = []

    def source(self, name: str) -> Source:
        """The source of this name, made with the careful policy where it is new."""
        if name not in self._sources:
            found = store.source(self._session, name)
            if found is None:
                found = Source(name=name, label=name, policy="hold", licence="", attribution="")
                self._session.add(found)
            self._sources[name] = found
        return self._sources[name]

    def barriers(self, record: Record) -> list[Problem]:
        """Everything that keeps a record from the public."""
        policy = self.source(record.source).policy
        problems = qualification.gate(record.kind, record.status, record.parts, policy)
        if record.kind == "service" and not self._structure_is_public(record):
            problems.append({
                "line": None, "field": "structure", "value": record.structure or "", "code": "gate.structure",
                "why": "la structure de ce service n’est pas publique", "remedy": "Publiez d’abord la structure.",
            })  # fmt: skip
        return problems

    def seen(self, record: Record) -> dict[str, Any]:
        """What the public is told of a record as it is now."""
        return public(view(record, self.source(record.source)))

    def settle(self, record: Record, wanted: bool, seen: dict[str, Any] | None = None) -> None:
        """Show the record as it is now where that is `wanted` and the gate is open; else the public sees what it saw.

        What it saw is taken away where the record may not be public whoever looks at it: incomplete, or without its
        argumentaire. `seen`: what it saw until now, of a record that was qualified; where that goes to review, the
        public is told so.
        """
        record.note_review(self._at)
        was_public = record.is_public
        barriers = self.barriers(record) if wanted else []
        if wanted and not barriers:
            record.show(self._at)
            self._told.append(events.published(self.seen(record)))
        elif was_public and any(each["code"] != "gate.status" for each in barriers):
            self.hide(record)
        else:
            if seen is not None and record.status == REVIEW:
                self._mark(record, seen)
            self._told.append(events.drafted(view(record, self.source(record.source))))
        if record.kind == "structure" and record.version > 1 and record.is_public != was_public:
            self._take_services_along(record)
            if record.is_public and "sources" in record.parts:
                self._lead_along(record)

    def withdraw(self, record: Record, reason: str) -> None:
        """Leave a tombstone, told to whoever could see the record."""
        was_public = record.withdraw(reason, self._at)
        tombstone = view(record, self.source(record.source))
        self._told.append(events.withdrawn(tombstone) if was_public else events.drafted(tombstone))

    def lead(self, tombstone: Record, kept: Record) -> None:
        """Tell the public of a tombstone that it never saw alive, where it sees the record that this one is now."""
        if kept.is_public:
            self.retell(tombstone, public=True)
            self._lead_along(tombstone)

    def retell(self, tombstone: Record, public: bool) -> None:
        """Tell a tombstone anew, whose reason may not be read any more."""
        told = view(tombstone, self.source(tombstone.source))
        self._told.append(events.withdrawn(told) if public else events.drafted(told))

    def let_go(self, record: Record, to: str, keys: dict[str, Any]) -> None:
        """Say that a record is another node's from here on; `keys`: by which this node signs (`moving.keys_of`)."""
        record.version += 1
        self._told.append(events.moved(self.seen(record) | keys, to))
        record.leave(to, record.term + 1, self._at)

    def adopt(self, record: Record) -> None:
        """Say that a record is this node's from here on; where it may not be public here, no more than that."""
        if self.barriers(record):
            self._told.append(events.withdrawn(hidden(record)))
            return
        record.note_review(self._at)
        record.public_version, record.published_at = record.version, clock.to_text(self._at)
        self._told.append(events.adopted(self.seen(record)))

    def bid_farewell(self, record: Record) -> None:
        """Tell a tombstone in the place of what was last said here of a record that moved away."""
        record.version += 1
        self._told.append(events.withdrawn(gone_from(record, self._home)))

    def tell(self) -> None:
        """Write what happened to the log. Raises `NotHome` where a record is another node's by now: nothing did."""
        if foreign := [each.subject for each in self._told if each.data["home"] != self._home]:
            raise others.not_ours(self._session, foreign[0])
        if self._told:
            self._log.append(self._session, *self._told)
            self._told = []

    def hide(self, record: Record) -> None:
        """Take a living record from the public, and tell those who follow the feed."""
        record.hide()
        self._told.append(events.withdrawn(hidden(record)))
        self._told.append(events.drafted(view(record, self.source(record.source))))

    def _mark(self, record: Record, seen: dict[str, Any]) -> None:
        """Tell the public that what it sees is in review, since when, and of what waits nothing.

        It is a version of its own, so that the one that will be shown after it has another number.
        """
        mark = {"status": REVIEW, SINCE: record.trusted[SINCE], "version": record.version, "changed": []}
        self._told.append(events.published(seen | mark))
        record.version += 1

    def _lead_along(self, record: Record) -> None:
        """What was merged into a record leads to it, for the public too."""
        for gone in store_pairs.merged_into(self._session, record.id):
            self.retell(gone, public=True)

    def _take_services_along(self, structure: Record) -> None:
        for service in store.services_of(self._session, structure.id):
            if service.status == WITHDRAWN or service.is_public == structure.is_public:
                continue
            if not structure.is_public:
                self.hide(service)
            elif not self._waits(service) and not self.barriers(service):
                self.settle(service, wanted=True)

    def _waits(self, record: Record) -> bool:
        """Whether nobody looked at it as it is now: it changed since it was qualified, and is not published unseen."""
        return record.status == REVIEW and self.source(record.source).policy != "publish"

    def _structure_is_public(self, record: Record) -> bool:
        structure = store.record(self._session, record.structure or "")
        return structure is not None and structure.is_public
