"""Doors about records: writing, reading, withdrawing, and the feed of what is public."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from services.directory import schemas, store, store_objections, store_others, working
from services.directory.corrections import read_by_now
from services.directory.formats.own import OWN
from services.directory.formats.territory_names import words
from services.directory.model import Source
from services.directory.saved import raise_problems
from services.directory.service.doors import Doors, choice_of, require
from services.directory.views import public, view
from services.directory.writing import as_typed
from services.kernel.access import Actor
from services.kernel.doors import rpc
from services.kernel.errors import NotFound, ValidationError


class RecordDoors(Doors):
    """Records, one or many."""

    @rpc
    def put(self, request: dict[str, Any]) -> dict[str, Any]:
        """Create or change records: `Put` → `{records: [native record]}`; all of them or none.

        A public record changed by a permanent is public in its new version; changed by others it waits in review. A
        repeat under the same `request_id` changes nothing and answers the same.

        Raises:
            ValidationError: fields at fault, and what somebody objected to. Conflict: read at another version.
            NotHome, Forbidden.
        Announces `directory.<kind>.published.v1` or `directory.<kind>.drafted.v1`.
        """
        actor = self.actor()
        actor.require("directory:write")
        asked = schemas.Put.read(request)
        if asked["version"] is not None and len(asked["records"]) != 1:
            raise ValidationError("version ne vaut que pour une fiche.")
        return self._once(actor, request, lambda session: self._put(session, asked, actor))

    def _put(self, session: Session, asked: dict[str, Any], actor: Actor) -> dict[str, Any]:
        desk = self._desk(session, actor)
        if asked["version"] is not None:
            desk.require_version(asked["records"][0], asked["version"])
        saved = desk.save(asked["records"], choice_of(actor))
        raise_problems(saved)
        return {"records": [self._answer(desk, each) for each in saved]}

    @rpc
    def edit(self, request: dict[str, Any]) -> dict[str, Any]:
        """Change some of what a record says: `Edit` → native record; a field given as null is emptied.

        What is public of it follows the same rules as `put`. Raises `NotFound`, `ValidationError`, `Conflict`,
        `NotHome`, `Forbidden`. Announces `directory.<kind>.published.v1` or `drafted.v1`, and what the gate changes.
        """
        actor = self.actor()
        asked = schemas.Edit.read(request)
        return self._once(actor, request, lambda session: self._edit(session, asked, actor))

    def _edit(self, session: Session, asked: dict[str, Any], actor: Actor) -> dict[str, Any]:
        desk, record = self._desk(session, actor), self._locked(session, asked["id"], asked["version"])
        require(actor, "directory:write", record)
        said = as_typed(record, {name: asked[name] for name in ("fields", "sectors", *OWN) if name in asked})
        saved = desk.edit(record, said, choice_of(actor))
        store.settle_differences(session, record.id, [*said.get("fields", {}), *(set(said) & set(OWN))])
        return self._answer(desk, saved)

    @rpc
    def forget_unread(self, request: dict[str, Any]) -> dict[str, Any]:
        """Drop what an import could not read of a field and kept beside the record: `{id, field}` → native record.

        Raises `NotFound` where there is nothing, what an edit raises. It was never public.
        """
        actor = self.actor()
        asked = schemas.ForgetUnread.read(request)
        with self.db.begin() as session:
            desk, record = self._desk(session, actor), self._locked(session, asked["id"], None)
            require(actor, "directory:write", record)
            extra = record.parts.get("extra") or {}
            if asked["field"] not in extra.get("unread", {}):
                raise NotFound(f"Rien n’est gardé à côté de {asked['field']}.")
            saved = desk.edit(record, {"extra": read_by_now(extra, [asked["field"]])}, choice_of(actor))
            return self._answer(desk, saved)

    @rpc
    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """One record in whatever state, or what it was merged into: `{id}` → native record.

        Raises `NotFound`, `Forbidden`.
        """
        actor = self.actor()
        asked = schemas.ById.read(request)
        with self.db.read() as session:
            record = self._current(session, asked["id"])
            require(actor, "directory:write", record)
            return view(record, self._source(session, record))

    @rpc
    def open_record(self, request: dict[str, Any]) -> dict[str, Any]:
        """One record with what somebody who works on it wants beside it: `OpenRecord` → native record, and more.

        More: `{public, waits, waiting?: {field: [seen, waiting]}, barriers, differences, services: [{id, nom, status,
        public}], branch_of: [{id, nom}], branches: [{id, nom}], score, next_question}`, and with `seen`
        `changed_since`: `{field: [in that version, now]}`. Raises `NotFound`, `Forbidden`.
        """
        actor = self.actor()
        asked = schemas.OpenRecord.read(request)
        with self.db.read() as session:
            record = self._current(session, asked["id"])
            require(actor, "directory:write", record)
            opened = working.opened(session, record, self._desk(session, actor))
            if asked["seen"] is not None:
                opened["changed_since"] = working.changed_since(session, record, asked["seen"])
            return opened

    @rpc
    def find(self, request: dict[str, Any]) -> dict[str, Any]:
        """Records of this node in whatever state, by words of their names: `Find` → `{records, next}`.

        Each with `public`, and with the `name` that a tombstone had.
        """
        self.actor().require("directory:write")
        asked = schemas.Find.read(request)
        with self.db.read() as session:
            page = store.find(session, words(asked["q"]), asked["after"], asked["limit"])
            sources: dict[str, Source] = {}
            found = [
                view(record, self._source(session, record, sources))
                | {"public": record.is_public, "name": record.parts["fields"].get("nom")}
                for record in page
            ]
        return {"records": found, "next": page[-1].id if len(page) == asked["limit"] else None}

    @rpc
    def withdraw(self, request: dict[str, Any]) -> dict[str, Any]:
        """Withdraw a record, a structure with its services: `Withdraw` → `{withdrawn: [ids]}`.

        Announces `directory.<kind>.withdrawn.v1` for what was public. Raises `NotFound`, `WrongState`, `Conflict`.
        """
        actor = self.actor()
        actor.require("directory:write")
        asked = schemas.Withdraw.read(request)
        return self._once(actor, request, lambda session: self._withdraw(session, asked, actor))

    def _withdraw(self, session: Session, asked: dict[str, Any], actor: Actor) -> dict[str, Any]:
        record = self._locked(session, asked["id"], asked["version"])
        gone = self._desk(session, actor).withdraw(record, asked["reason"])
        return {"withdrawn": [each.id for each in gone]}

    @rpc
    def changes(self, request: dict[str, Any]) -> dict[str, Any]:
        """The feed of public changes, in order: `Changes` → `{items: [{position, op, kind, id, event, home?}], head}`.

        `event` is the signed CloudEvents object of the record's home; `home` of another node's is
        `{id, name, url}`. Positions rise, with holes: a record stands at
        its last change only, tombstones included.
        """
        asked = schemas.Changes.read(request)
        with self.db.read() as session:
            known = store_others.homes(session)
            items = list(store_others.feed_after(session, asked["after"], asked["limit"], known))
            return {"items": items, "head": store.feed_head(session)}

    @rpc
    def export(self, request: dict[str, Any]) -> dict[str, Any]:
        """Records of a kind in order of id: `Export` → `{records: [native record], next}`; `next` is null at the end.

        All of the node's own (`public` false) asks for `directory:write`. Of a record with a held change the public
        is given what it was last told.
        """
        asked = schemas.Export.read(request)
        if not asked["public"]:
            self.actor().require("directory:write")
        with self.db.read() as session:
            page = store.page(
                session, asked["kind"], asked["after"], asked["limit"], asked["public"], asked["source"]
            )  # fmt: skip
            sources: dict[str, Source] = {}
            records = [
                store_objections.shown(session, record.id) or {} if asked["public"] and record.waits
                else view(record, self._source(session, record, sources))
                for record in page
            ]  # fmt: skip
            records = [public(each) for each in records if each] if asked["public"] else records
        return {"records": records, "next": page[-1].id if len(page) == asked["limit"] else None}
