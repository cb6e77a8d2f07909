"""What other nodes say: their public records, and who they are."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

import structlog
from sqlalchemy.orm import Session

from services.directory import events, others, schemas, store, store_others, store_pairs
from services.directory.asides import Hiding
from services.directory.schemas import between
from services.directory.service.suggestions import SuggestionDoors
from services.federation import events as federation
from services.kernel import catchup
from services.kernel.applier import Event
from services.kernel.doors import on_event, rpc
from services.kernel.errors import MaillageError, Unavailable
from services.kernel.wakeup import Bell

_logger = structlog.get_logger(__name__)
FEED = "directory.feed"
"""The bell of the public feed, for changes that are no event of this node."""


class OtherDoors(SuggestionDoors):
    """Applies the public streams of other nodes' directories, as federation holds them."""

    follows: ClassVar = (federation,)
    others: ClassVar = events

    def applied(self) -> None:
        """The feed has more: the read model is woken."""
        engine = self.engine
        if not hasattr(engine, "bell"):
            engine.bell = Bell(engine.runtime.connect, FEED)
        engine.bell.ring()
        if getattr(engine, "erased", False):
            engine.erased, engine.keys_of_before = False, True
            with self.db.begin() as session:
                store_pairs.forget_stale_keys(session)
            with contextlib.suppress(Unavailable):  # somebody reads what was before: the room's loop goes on
                self.db.shed()
            engine.runtime.note_erasure()

    @rpc
    def hide(self, request: dict[str, Any]) -> dict[str, Any]:
        """Show a record of another node no more: `Hide` → `{id, reason, by, at, hidden, told}`. Its home is not
        touched; it is told why where that is asked for (`tell`), as by any suggestion, and can be (`told`).

        Raises `NotFound` where no other node publishes it, `Conflict` where two do under one name, `Forbidden`.
        Announces `directory.other.hidden.v1`.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = between.Hide.read(request)
        with self.db.begin() as session:
            made = others.hide(session, asked["id"], asked["reason"], actor.name)
            said = self._decided(session, "hidden", made)
        return said | {"told": asked["tell"] and self._tell_home(made)}

    def _tell_home(self, made: Hiding) -> bool:
        """Say to the home of a record why it is hidden here; whether it will come for that."""
        why = f"{self.engine.runtime.settings.node.name} ne montre plus cette fiche : {made.reason}"
        try:
            self.send(made.record_id, {"field": None, "value": None, "message": why, "contact": None})
        except MaillageError as error:
            _logger.warning("a home was not told of a hiding", record=made.record_id, reason=error.message)
            return False
        return True

    @rpc
    def show(self, request: dict[str, Any]) -> dict[str, Any]:
        """Show again what was hidden, as its home publishes it by now: `ById` → as `hide`.

        Raises `NotFound` where it is not hidden, `Forbidden`. Announces `directory.other.shown.v1`.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = schemas.ById.read(request)
        with self.db.begin() as session:
            return self._decided(session, "shown", others.show(session, asked["id"], actor.name))

    @rpc
    def hidings(self, request: dict[str, Any]) -> dict[str, Any]:
        """What this node does not show of others: `Hidings` → `{hidings, next}`, each with what the record is."""
        self.actor().require("directory:qualify")
        asked = between.Hidings.read(request)
        with self.db.read() as session:
            found = store_others.hidings(session, asked["after"], asked["limit"])
            more = len(found) == asked["limit"]
            return {"hidings": [others.hiding_view(*each) for each in found],
                    "next": found[-1][0].record_id if more else None}  # fmt: skip

    def _decided(self, session: Session, fact: str, made: Hiding) -> dict[str, Any]:
        said = others.hiding_view(made)
        self.log.append(session, events.other(fact, made.record_id, made.turns, said))
        return said

    def vanished(self, session: Session, stream: str, subjects: list[str]) -> None:
        """Records that another node has no more, as its stream read anew says."""
        others.vanish(session, stream.partition("/")[0], subjects)

    def pruned(self, session: Session, subjects: list[str]) -> None:
        """The feed forgets tombstones with the log."""
        store.feed_forget(session, subjects)

    @on_event(*sorted(events.PUBLIC_PUTS | events.PUBLIC_DELETES))
    def other_record(self, session: Session, event: Event) -> None:
        """A record of another node is public, in this version, or is no more."""
        if others.take(session, event, self.knows) and event.type in events.MOVES:
            self.adopt(session, event)

    @on_event(events.REDACTED)
    def other_redacted(self, session: Session, event: Event) -> None:
        """A home erased somebody: once this is committed, nothing made of what was said before stays here either."""
        self.engine.erased = True

    @on_event(federation.PEER_CHANGED)
    def peer_changed(self, session: Session, event: Event) -> None:
        """Another node was added, renamed, blocked or removed."""
        others.know(session, event.data)
        if event.data["state"] == others.REMOVED:
            catchup.forget_node(session, event.data["node"])
