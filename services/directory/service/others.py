"""What other nodes say: their public records, and who they are."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy.orm import Session

from services.directory import events, others, store
from services.directory.service.doors import Doors
from services.federation import events as federation
from services.kernel.applier import Event
from services.kernel.doors import on_event
from services.kernel.wakeup import Bell

FEED = "directory.feed"
"""The bell of the public feed, for changes that are no event of this node."""


class OtherDoors(Doors):
    """Applies the public streams of other nodes' directories, as federation holds them."""

    follows: ClassVar = (federation,)
    others: ClassVar = events

    def applied(self) -> None:
        """The feed has more: the read model is woken."""
        engine = self.engine
        if not hasattr(engine, "bell"):
            engine.bell = Bell(engine.runtime.connect, FEED)
        engine.bell.ring()

    def vanished(self, session: Session, stream: str, subjects: list[str]) -> None:
        """Records that another node has no more, as its stream read anew says."""
        others.vanish(session, stream.partition("/")[0], subjects)

    def pruned(self, session: Session, subjects: list[str]) -> None:
        """The feed forgets tombstones with the log."""
        store.feed_forget(session, subjects)

    @on_event(*sorted(events.PUBLIC_PUTS | events.PUBLIC_DELETES))
    def other_record(self, session: Session, event: Event) -> None:
        """A record of another node is public, in this version, or is no more."""
        others.take(session, event)

    @on_event(federation.PEER_CHANGED)
    def peer_changed(self, session: Session, event: Event) -> None:
        """Another node was added, renamed, blocked or removed."""
        others.know(session, event.data)
