"""After the database was put back: what a peer still holds of what this node said, taken in again."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy.orm import Session

from services.directory import decisions, objecting, regaining, store_others
from services.directory.service.objections import ObjectionDoors
from services.kernel.access import Actor
from services.kernel.applier import Event
from services.kernel.errors import ValidationError

_PEERS_COPY = Actor("copie d’un pair", ("administrator",))
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

    def _object_again(self, session: Session, event: Event) -> bool:
        """Erase again what an event tells to have been erased, and keep it away from imports again."""
        erased = False
        for said in list(regaining.objected(session, event)):
            self.keep_objection(session, said, _PEERS_COPY)
            objecting.forget(session, self._desk(session, _PEERS_COPY), said)
            objecting.erase(session, self.log, self.name, said)
            erased = True
        return erased
