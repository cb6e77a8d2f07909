"""Doors for those who have no account and see that something is wrong, and for who answers them."""

from __future__ import annotations

from typing import Any

from services.directory import events, schemas, store, suggesting
from services.directory.service.doors import Doors
from services.directory.writing import must_exist
from services.kernel.doors import rpc
from services.kernel.errors import NotFound


class SuggestionDoors(Doors):
    """Suggestions: made by anybody, decided by permanents."""

    @rpc
    def suggest(self, request: dict[str, Any]) -> dict[str, Any]:
        """Say that something is wrong, or propose a value: `Suggest` → `{suggestion}`. Nobody needs to be known.

        Raises `NotFound` where the public sees no such record, `ValidationError`, `WrongState` where too many wait.
        Announces `directory.suggestion.made.v1`, without what was said.
        """
        asked = schemas.Suggest.read(request)
        with self.db.begin() as session:
            record = must_exist(store.record(session, asked["id"], lock=True), asked["id"])
            made = suggesting.make(session, record, asked)
            self.log.append(session, events.suggestion("made", made.id, record.id, 1))
            return {"suggestion": made.id}

    @rpc
    def suggestions(self, request: dict[str, Any]) -> dict[str, Any]:
        """What was suggested: `Suggestions` → `{suggestions, next}`, each beside what the record says now."""
        self.actor().require("directory:qualify")
        asked = schemas.Suggestions.read(request)
        with self.db.read() as session:
            found = store.suggestions(session, asked["state"], asked["record"], asked["after"], asked["limit"])
            more = len(found) == asked["limit"]
            shown = [suggesting.shown(made, record) for made, record in found]
            return {"suggestions": shown, "next": found[-1][0].id if more else None}

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
            return suggesting.shown(made, record)
