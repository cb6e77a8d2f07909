"""Doors for those who have no account and see that something is wrong, and for who answers them."""

from __future__ import annotations

import base64
from typing import Any

import structlog
from sqlalchemy.orm import Session

from services.directory import events, messages, schemas, store, store_others, suggesting
from services.directory.service.handing import HandingDoors
from services.directory.service.hearing import HearingDoors
from services.directory.writing import must_exist
from services.kernel import identity
from services.kernel.announce import TO
from services.kernel.applier import Event
from services.kernel.doors import on_event, rpc
from services.kernel.errors import NotFound
from services.kernel.sealing import opened

_logger = structlog.get_logger(__name__)


class SuggestionDoors(HandingDoors, HearingDoors):
    """Suggestions: made by anybody, decided by permanents."""

    @rpc
    def suggest(self, request: dict[str, Any]) -> dict[str, Any]:
        """Say that something is wrong, or propose a value: `Suggest` → `{suggestion}`. Nobody needs to be known.

        For a record of another node it goes to its home, sealed, and the answer comes back: `{suggestion, home}`; an
        address that was left stays here. Raises `NotFound` where the public sees no such record, `ValidationError`,
        `WrongState` where too many wait, `Conflict` where that node cannot be reached. Announces
        `directory.suggestion.made.v1`, without what was said, or `directory.message.sealed.v1` to that node alone.
        """
        asked = schemas.Suggest.read(request)
        with self.db.begin() as session:
            record = store.record(session, asked["id"], lock=True)
            if record is not None and record.home == self.engine.runtime.identity.name:
                made = suggesting.make(session, record, asked)
                self.log.append(session, events.suggestion("made", made.id, record.id, 1))
                return {"suggestion": made.id}
            messages.must_be_shown(session, asked["id"])
        return self.send(asked["id"], asked)

    def send(self, record_id: str, asked: dict[str, Any]) -> dict[str, Any]:
        """To the home of a record of another node, which comes for it. Raises as `suggest` does."""
        runtime = self.engine.runtime
        with self.db.read() as session:
            home = messages.of_other(session, record_id).home
        key = base64.b64decode(runtime.ask("federation", "way_to", {"node": home})["sealing"])
        own_key = bytes(identity.sealing_key(runtime.folder).public_key)
        with self.db.begin() as session:
            sent, message = messages.send(session, messages.of_other(session, record_id), asked, key, own_key)
            self.log.append(session, message)
            return {"suggestion": sent.id, "home": home}

    @on_event(events.MESSAGE)
    def message(self, session: Session, event: Event) -> None:
        """What the directory of another node wrote to this one; what this node's key does not open is nothing."""
        node, _, reach = event.stream.split("/", 2)
        runtime = self.engine.runtime
        if reach != f"{TO}{runtime.identity.name}":
            return
        said = opened(event.data, identity.sealing_key(runtime.folder))
        if said is None:
            _logger.warning("a message that this node cannot open", sender=node)
            return
        told = self.heard_of_offer(session, node, said)
        if told is None:
            told = self.heard_of_objection(session, node, said)
        if told is None:
            told = messages.receive(session, node, said, runtime.identity.name)
        self.log.append(session, *told)

    @rpc
    def suggestions(self, request: dict[str, Any]) -> dict[str, Any]:
        """What was suggested: `Suggestions` → `{suggestions, next}`, each beside what the record says now.

        `from_node` is the fingerprint of the node where it was made, `from_name` what people call that one.
        """
        self.actor().require("directory:qualify")
        asked = schemas.Suggestions.read(request)
        with self.db.read() as session:
            found = store.suggestions(session, asked["state"], asked["record"], asked["after"], asked["limit"])
            more = len(found) == asked["limit"]
            shown = [self._named(session, suggesting.shown(made, record), "from") for made, record in found]
            return {"suggestions": shown, "next": found[-1][0].id if more else None}

    @rpc
    def sent_suggestions(self, request: dict[str, Any]) -> dict[str, Any]:
        """What was suggested here for records of other nodes, newest first: `{}` → `{suggestions}`, 100 at most.

        Each is `{id, record, name, home, home_name, state, at, decided_at, answer}`; never the address that was left.
        """
        self.actor().require("directory:qualify")
        with self.db.read() as session:
            sent = [messages.shown(made) for made in store_others.sent_lately(session)]
            return {"suggestions": [self._named(session, each, "home") for each in sent]}

    @staticmethod
    def _named(session: Session, shown: dict[str, Any], side: str) -> dict[str, Any]:
        """With the name of the other node, while it is a peer."""
        node = shown["from_node"] if side == "from" else shown["home"]
        known = store_others.home(session, node) if node else None
        return shown | {f"{side}_name": known.name if known else None}

    @rpc
    def decide(self, request: dict[str, Any]) -> dict[str, Any]:
        """Accept a suggestion, which changes the record, or refuse it: `Decide` → the suggestion.

        Raises `NotFound`, `WrongState` (decided already), what an edit raises. Announces
        `directory.suggestion.decided.v1`, and the record where it changed.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = schemas.Decide.read(request)
        with self.db.begin() as session:
            made = store.suggestion(session, asked["suggestion"])
            if made is None:
                raise NotFound(f"Aucune proposition {asked['suggestion']}.")
            record = must_exist(store.record(session, made.record_id, lock=True), made.record_id)
            desk = self._desk(session, actor)
            suggesting.decide(session, desk, made, record, actor.name, asked["accept"], asked["answer"])
            self.log.append(session, events.suggestion("decided", made.id, record.id, 2))
            told = messages.answer(made)
            self.log.append(session, *([told] if told else []))
            return suggesting.shown(made, record)
