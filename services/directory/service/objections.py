"""Doors about people who object to being named."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import structlog
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.directory import objecting, salted, schemas, store_objections, store_others, store_told, telling
from services.directory.asides import Objection
from services.directory.ledger import Entry, Ledger
from services.directory.objection_rows import WAITING
from services.directory.salted import Check
from services.directory.service.doors import Doors
from services.kernel import clock, identity
from services.kernel.access import Actor
from services.kernel.doors import rpc
from services.kernel.errors import MaillageError

AT_ONCE: Final = 10
"""Of records for which digests are worked out in one call: up to three each, of some tens of milliseconds."""
_logger = structlog.get_logger(__name__)


class ObjectionDoors(Doors):
    """Objections."""

    @rpc
    def object_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take somebody out of this node, the log included, for good: `ObjectTo` → `{records: [ids]}`.

        `dry_run` changes nothing and says where they are named, `{records, found: [{id, kind, name, fields}],
        elsewhere}`; `elsewhere`: the records of other nodes that name them too, or may be one with ours, as
        `telling.shown`. Their contact fields are emptied, what other texts say of them is replaced, every earlier
        version is erased, and no import brings it back. `object_finish` then erases the log, and `object_tell` tells
        the other homes.

        Raises `Forbidden`, `ValidationError`. Announces the records that changed, `directory.stream.redacted.v1`.
        """
        actor = self.actor()
        actor.require("directory:erase")
        asked = schemas.ObjectTo.read(request)
        said = _said(asked)
        objecting.must_be_sayable(said)
        with self.db.read() as session:
            found = list(objecting.records_naming(session, said))
            beyond, ours = telling.elsewhere(session, said, found), telling.structures_of(found)
            if asked["dry_run"]:
                named = [objecting.told(each, said) for each in found]
                return {"records": [each.id for each in found], "found": named,
                        "elsewhere": telling.shown(session, beyond)}  # fmt: skip
        with self.db.begin() as session:
            self.keep_objection(session, said, actor)
            telling.plan(session, self._keeper(), said, ours, beyond)
            changed = objecting.forget(session, self._desk(session, actor), said)
        return {"records": changed}

    @rpc
    def object_tell(self, request: dict[str, Any]) -> dict[str, Any]:
        """Tell the homes of other nodes' records, after `object_to`: `ObjectTo` → `{told, left, unreached: [names]}`.

        A few at each call: asked again until nothing is left. Who cannot be reached is told by asking again one day.
        Raises `Forbidden`. Announces `directory.message.sealed.v1` to each of these nodes alone.
        """
        self.actor().require("directory:erase")
        said, runtime = _said(schemas.ObjectTo.read(request)), self.engine.runtime
        keeper = self._keeper()
        about, keys = telling.known_as(keeper, said), [keeper.digest(*each) for each in said.items()]
        with self.db.read() as session:
            rows = [(each.id, each.record_id, each.home) for each in store_told.to_tell(session, about)]
            ours = [(each.structure_id, each.key, each.field) for each in store_told.to_work_out(session, keys)]
            names = {node: home.name for node, home in store_others.homes(session).items()}
        ways = {home: self._way_to(home) for _, _, home in rows}
        ready = [each for each in rows if ways[each[2]]]
        unreached = sorted({names.get(home, home) for home, way in ways.items() if way is None})
        made = {each[0]: telling.checks(each[1], said, runtime.executor) for each in ready[:AT_ONCE]}
        kept = {(structure_id, key): salted.check(structure_id, field, said[field], runtime.executor)
                for structure_id, key, field in ours[: AT_ONCE - len(made)]}  # fmt: skip
        with self.db.begin() as session:
            told = self._tell(session, made, ways)
            for place, check in kept.items():
                row = store_told.kept(session, *place)
                if row is not None:
                    row.digest, row.words, row.letters = check.digest, check.words, check.letters
        return {"told": told, "left": len(ready) + len(ours) - len(made) - len(kept), "unreached": unreached}

    def _tell(self, session: Session, made: Mapping[str, list[Check]], ways: Mapping[str, bytes | None]) -> int:
        told = 0
        for told_id, checks in made.items():
            row = store_told.told(session, told_id)
            way = ways.get(row.home) if row is not None else None
            if row is not None and way and row.state == WAITING:
                own_key = bytes(identity.sealing_key(self.engine.runtime.folder).public_key)
                self.log.append(session, telling.tell(row, checks, (way, own_key)))
                told += 1
        return told

    def _way_to(self, node: str) -> bytes | None:
        try:
            return base64.b64decode(self.engine.runtime.ask("federation", "way_to", {"node": node})["sealing"])
        except MaillageError as error:
            _logger.warning("a home cannot be told of an objection now", node=node, reason=error.message)
            return None

    def _keeper(self) -> objecting.Objections:
        return objecting.Objections(self.engine.runtime.identity, frozenset())

    @rpc
    def objections_told(self, request: dict[str, Any]) -> dict[str, Any]:
        """What other nodes were told, or are to be, and their answers: `{}` → `{told}`, as `telling.told_view`."""
        self.actor().require("directory:erase")
        with self.db.read() as session:
            names = {node: home.name for node, home in store_others.homes(session).items()}
            return {"told": [telling.told_view(each, names.get(each.home, each.home))
                             for each in store_told.all_told(session)]}  # fmt: skip

    def keep_objection(self, session: Session, said: Mapping[str, str], by: Actor) -> None:
        """Remember by digest what somebody objected to, so that no import brings it back."""
        keeper, now = self._keeper(), clock.to_text(clock.now())
        kept = [Entry(keeper.digest(*each), str(uuid7()), each[0], now, by.name) for each in said.items()]
        Ledger(self.engine.runtime.folder).add(kept)
        for each in kept:
            store_objections.add(session, Objection(**asdict(each)))

    @rpc
    def object_finish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Erase somebody from the log, after `object_to`: `ObjectTo` → `{streams}`. Raises `Unavailable`: ask again."""
        self.actor().require("directory:erase")
        said = _said(schemas.ObjectTo.read(request))
        with self.db.begin() as session:
            streams = objecting.erase(session, self.log, self.name, said)
        self.db.shed()
        self.engine.runtime.note_erasure()
        return {"streams": streams}

    @rpc
    def objections(self, request: dict[str, Any]) -> dict[str, Any]:
        """What was objected to, without what it was: `{objections: [{id, field, at, by}]}`."""
        self.actor().require("directory:erase")
        with self.db.read() as session:
            return {"objections": [
                {"id": each.id, "field": each.field, "at": each.at, "by": each.by}
                for each in store_objections.objections(session)
            ]}  # fmt: skip


def _said(asked: Mapping[str, Any]) -> dict[str, str]:
    return {name: asked[name].strip() for name in objecting.CONTACT if asked[name]}
