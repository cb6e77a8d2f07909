"""Doors about objections that other nodes tell: what waits, who it names, what a permanent decides."""

from __future__ import annotations

import threading
from typing import Any

import structlog
from sqlalchemy.orm import Session

from services.directory import carrying, hearing, schemas, store_others, store_told, telling
from services.directory.objection_rows import ACCEPTED, DISMISSED, Heard
from services.directory.service.doors import Doors
from services.kernel.announce import NewEvent
from services.kernel.doors import rpc
from services.kernel.errors import MaillageError, NotFound, WrongState

LOOK_EVERY_S = 2.0
_logger = structlog.get_logger(__name__)


class HearingDoors(Doors):
    """Objections told by other nodes."""

    @rpc
    def objections_heard(self, request: dict[str, Any]) -> dict[str, Any]:
        """What other nodes told and names somebody here, what waits first: `{}` → `{heard}`, as `hearing.view`."""
        self.actor().require("directory:erase")
        with self.db.read() as session:
            names = {node: home.name for node, home in store_others.homes(session).items()}
            return {"heard": [hearing.view(each, names.get(each.node, each.node))
                              for each in store_told.all_heard(session)]}  # fmt: skip

    @rpc
    def objection_named(self, request: dict[str, Any]) -> dict[str, Any]:
        """Who an objection is about, as our own records say it: `ById` → `{said: {field: value}, found}`.

        To be taken out by `object_to`, or to be asked themselves; empty once nothing here names them.

        Raises `NotFound`, `Forbidden`.
        """
        self.actor().require("directory:erase")
        looked = self._look_again(schemas.ById.read(request)["id"])
        return {"said": looked.said, "found": looked.found}

    @rpc
    def objection_decide(self, request: dict[str, Any]) -> dict[str, Any]:
        """Accept an objection, once nothing names them any more, or dismiss it with a reason: `ObjectionDecide` → it.

        Raises `NotFound`, `Forbidden`, `ValidationError`, `WrongState` where it was decided already, or is accepted and
        records still name them (`object_to` first). Announces `directory.message.sealed.v1` to that node alone.
        """
        actor = self.actor()
        actor.require("directory:erase")
        asked = schemas.ObjectionDecide.read(request)
        accepts = asked["decision"] == "accept"
        if accepts and self._look_again(asked["id"]).found:
            raise WrongState("Ces fiches nomment encore la personne : effacez d’abord (object_to), puis acceptez.")
        with self.db.begin() as session:
            row = _must(store_told.heard(session, asked["id"]), asked["id"])
            answer = hearing.decide(row, ACCEPTED if accepts else DISMISSED, actor.name, asked["answer"])
            self.log.append(session, answer)
            home = store_others.home(session, row.node)
            return hearing.view(row, home.name if home else row.node)

    def heard_of_objection(self, session: Session, node: str, said: dict[str, Any]) -> list[NewEvent] | None:
        """What another node says of an objection: what is to be announced; `None` where it says something else."""
        kind = said.get("kind")
        if kind == telling.OBJECTION:
            told = hearing.receive(session, node, said, self.engine.runtime.identity.name)
            return [told] if told else []
        if kind == telling.ANSWER:
            telling.receive_answer(session, node, said)
            return []
        if kind == carrying.CARRIED:
            carrying.receive(session, node, said)
            return []
        return None

    def look_through(self) -> int:
        """Look at the next objections that came; how many."""
        with self.db.read() as session:
            waiting = store_told.unchecked(session)
        for heard_id in waiting:
            looked = self._look_again(heard_id)
            with self.db.begin() as session:
                answer = hearing.settle(_must(store_told.heard(session, heard_id), heard_id), looked)
                self.log.append(session, *([answer] if answer else []))
        return len(waiting)

    def heed_ledger(self) -> None:
        """Take out again whom the database forgot and the ledger did not. Raises `Unavailable`: ask again."""

    def _look(self, stop: threading.Event) -> None:
        is_heeded = False
        while not stop.wait(LOOK_EVERY_S):
            try:
                if not is_heeded:
                    self.heed_ledger()
                    is_heeded = True
                self.look_through()
            except MaillageError as error:
                _logger.warning("objections wait", reason=type(error).__name__)

    def _look_again(self, heard_id: str) -> hearing.Looked:
        with self.db.read() as session:
            row = _must(store_told.heard(session, heard_id, lock=False), heard_id)
            record_id, checks, kin = row.record_id, row.checks, hearing.gather(session, row)
        return hearing.look(record_id, checks, kin, self.engine.runtime.executor)


def _must(row: Heard | None, heard_id: str) -> Heard:
    if row is None:
        raise NotFound(f"Aucune opposition {heard_id}.")
    return row
