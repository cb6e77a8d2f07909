"""Doors about people who object to being named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.directory import objecting, schemas, store_objections
from services.directory.asides import Objection
from services.directory.service.doors import Doors
from services.kernel import clock
from services.kernel.access import Actor
from services.kernel.doors import rpc


class ObjectionDoors(Doors):
    """Objections."""

    @rpc
    def object_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take somebody out of this node, the log included, for good: `ObjectTo` → `{records: [ids]}`.

        `dry_run` changes nothing and says where they are named, `{records, found: [{id, kind, name, fields}]}`. Their
        contact fields are emptied, what other texts say of them is replaced, every earlier version is erased, and no
        import brings it back. `object_finish` then erases the log.

        Raises `Forbidden`, `ValidationError`. Announces the records that changed, `directory.stream.redacted.v1`.
        """
        actor = self.actor()
        actor.require("directory:erase")
        asked = schemas.ObjectTo.read(request)
        said = {name: asked[name].strip() for name in objecting.CONTACT if asked[name]}
        objecting.must_be_sayable(said)
        if asked["dry_run"]:
            with self.db.read() as session:
                found = list(objecting.records_naming(session, said))
                return {"records": [each.id for each in found], "found": [objecting.told(each, said) for each in found]}
        with self.db.begin() as session:
            self.keep_objection(session, said, actor)
            changed = objecting.forget(session, self._desk(session, actor), said)
        return {"records": changed}

    def keep_objection(self, session: Session, said: Mapping[str, str], by: Actor) -> None:
        """Remember by digest what somebody objected to, so that no import brings it back."""
        keeper = objecting.Objections(self.engine.runtime.identity, frozenset())
        for name, value in said.items():
            store_objections.add(session, Objection(
                digest=keeper.digest(name, value), id=str(uuid7()), field=name, at=clock.to_text(clock.now()),
                by=by.name,
            ))  # fmt: skip

    @rpc
    def object_finish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Erase somebody from the log, after `object_to`: `ObjectTo` → `{streams}`. Raises `Unavailable`: ask again."""
        self.actor().require("directory:erase")
        asked = schemas.ObjectTo.read(request)
        said = {name: asked[name].strip() for name in objecting.CONTACT if asked[name]}
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
