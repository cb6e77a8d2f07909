"""After the database was put back: what a peer still holds of what this node said, taken in again."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import structlog
from sqlalchemy.orm import Session

from services.directory import decisions, objecting, regaining, restoring, store_others
from services.directory.ledger import Ledger
from services.directory.service.objections import ObjectionDoors
from services.kernel.access import Actor
from services.kernel.applier import Event
from services.kernel.errors import Unavailable, ValidationError

_PEERS_COPY = Actor("copie d’un pair", ("administrator",))
_LEDGER = Actor("opposition retenue", ("administrator",))
_logger = structlog.get_logger(__name__)


class Regaining(ObjectionDoors):
    """Called by the engine before it opens a new epoch."""

    def regain(self, events: Sequence[Event]) -> None:
        """Take in a page. An event that no record can be made of is passed over; an objection is repeated."""
        erased = False
        with self.db.begin() as session:
            store_others.take_turn(session)  # before any record is held, as who hears other nodes does
            for event in events:
                try:  # which is raised before anything is changed
                    regaining.regain(session, self._desk(session, _PEERS_COPY), event)
                    decisions.regain(session, self.log, self.engine.runtime.identity.name, event)
                except ValidationError as error:
                    _logger.warning("not taken in again", record=event.subject, reason=error.message)
                erased |= self._object_again(session, event)
        if erased:
            self.db.shed()
            self.engine.runtime.note_erasure()

    def put_back(self) -> None:
        """Who objected since and is named again is taken out again, before anybody is told anything.

        Where an event of theirs has no number yet, a moment later (`_look`).
        """
        with contextlib.suppress(Unavailable):
            self.heed_ledger()

    def heed_ledger(self) -> None:
        """Take out again whom the database forgot and the ledger did not. Raises `Unavailable`: ask again."""
        runtime = self.engine.runtime
        with self.db.begin() as session:
            gone = restoring.missing(session, Ledger(runtime.folder).entries())
            if not gone:
                return
            known = objecting.Objections(runtime.identity, frozenset(each.digest for each in gone))
            named = restoring.named(session, known)
            for said in named:
                objecting.forget(session, self._desk(session, _LEDGER), said)
        with self.db.begin() as session:  # of what was just said there may be events that have no number yet
            for said in named:
                objecting.erase(session, self.log, self.name, said)
            restoring.keep_again(session, gone)
        _logger.warning("objections of before the database was put back", known_again=len(gone), erased=len(named))
        if named:
            self.db.shed()
            runtime.note_erasure()

    def _object_again(self, session: Session, event: Event) -> bool:
        """Erase again what an event tells to have been erased, and keep it away from imports again."""
        erased = False
        for said in list(regaining.objected(session, event)):
            self.keep_objection(session, said, _PEERS_COPY)
            objecting.forget(session, self._desk(session, _PEERS_COPY), said)
            objecting.erase(session, self.log, self.name, said)
            erased = True
        return erased
