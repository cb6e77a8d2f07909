"""The doors of the directory: what others may ask of it. One transaction each; events in the same transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy.orm import Session

from services.directory import importing, qualification, qualifying, schemas, store, working
from services.directory.feed import feed_rows
from services.directory.model import OWN, Record, Source, view
from services.directory.repeats import once
from services.directory.writing import Choice, Desk, Saved, must_exist, raise_problems
from services.kernel.access import Actor
from services.kernel.doors import Room, rpc
from services.kernel.envelope import Header, Signed
from services.kernel.errors import NotFound, ValidationError


class DirectoryService(Room):
    """Structures and services of this node, their imports, and the feed of public changes."""

    name = "directory"
    on_numbered = staticmethod(feed_rows)

    @rpc
    def put(self, request: dict[str, Any]) -> dict[str, Any]:
        """Create or change records: `Put` → `{records: [native record]}`; all of them or none.

        A public record changed by a permanent is public in its new version; changed by others it waits in review. A
        repeat under the same `request_id` changes nothing and answers the same.

        Raises:
            ValidationError: fields at fault. Conflict: read at another version. NotHome, Forbidden.
        Announces `directory.<kind>.published.v1` or `directory.<kind>.drafted.v1`.
        """
        actor = self.actor()
        actor.require("directory:write")
        asked = schemas.Put.read(request)
        if asked["version"] is not None and len(asked["records"]) != 1:
            raise ValidationError("version ne vaut que pour une fiche.")
        return self._once(request, lambda session: self._put(session, asked, actor))

    def _put(self, session: Session, asked: dict[str, Any], actor: Actor) -> dict[str, Any]:
        desk = self._desk(session, actor)
        if asked["version"] is not None:
            desk.require_version(asked["records"][0], asked["version"])
        saved = desk.save(asked["records"], _choice(actor))
        raise_problems(saved)
        return {"records": [self._answer(desk, each) for each in saved]}

    @rpc
    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """One record of this node in whatever state: `{id}` → native record. Raises `NotFound`, `Forbidden`."""
        self.actor().require("directory:write")
        asked = schemas.ById.read(request)
        with self.db.read() as session:
            record = must_exist(store.record(session, asked["id"]), asked["id"])
            return view(record, self._source(session, record))

    @rpc
    def edit(self, request: dict[str, Any]) -> dict[str, Any]:
        """Change some of what a record says: `Edit` → native record; a field given as null is emptied.

        What is public of it follows the same rules as `put`. Raises `NotFound`, `ValidationError`, `Conflict`,
        `NotHome`, `Forbidden`. Announces `directory.<kind>.published.v1` or `drafted.v1`, and what the gate changes.
        """
        actor = self.actor()
        actor.require("directory:write")
        asked = schemas.Edit.read(request)
        return self._once(request, lambda session: self._edit(session, asked, actor))

    @rpc
    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Qualify records that the public may then see: `Qualify` → `{published, refused: [{id, why, problems}]}`.

        Structures before their services. A record that the gate keeps back is refused with every missing part, and is
        as it was. Raises `Forbidden`: only a permanent of this node. Announces `directory.<kind>.published.v1`.
        """
        done = self._qualify_all(request, strict=True)
        return {"published": done["public"], "refused": done["refused"]}

    @rpc
    def qualify(self, request: dict[str, Any]) -> dict[str, Any]:
        """Put a permanent's word behind records: `Qualify` → `{qualified, public, kept_back, refused}`.

        `kept_back` are qualified and not yet public, with what is missing (`{id, why, problems}`): they become public
        by themselves when it comes. `dry_run` says what would be, and does nothing.
        """
        return self._qualify_all(request, strict=False)

    @rpc
    def step(self, request: dict[str, Any]) -> dict[str, Any]:
        """`submit` or `review` a record: `Step` → native record. Raises `WrongState`, `NotFound`, `Forbidden`."""
        asked = schemas.Step.read(request)
        actor = self.actor()
        actor.require(qualification.STEPS[asked["step"]].act)
        with self.db.begin() as session:
            desk, record = self._desk(session, actor), self._locked(session, asked["id"], asked["version"])
            desk.step(record, asked["step"], asked["why"])
            return view(record, desk.source(record.source))

    @rpc
    def confirm(self, request: dict[str, Any]) -> dict[str, Any]:
        """Note that the structure confirmed its entry: `Confirm` → native record, `confirmed_at` in it."""
        actor = self.actor()
        actor.require("directory:confirm")
        asked = schemas.Confirm.read(request)
        with self.db.begin() as session:
            desk, record = self._desk(session, actor), self._locked(session, asked["id"], None)
            desk.confirm(record, asked["how"])
            return view(record, desk.source(record.source))

    @rpc
    def work(self, request: dict[str, Any]) -> dict[str, Any]:
        """What waits for a permanent, the most urgent reason first: `Work` → `{counts, reason, records, next}`.

        `differences`: an import contradicts a correction; `review`: changed since it was qualified; `expiring`: its
        verification ends within 30 days, or has; `submitted`: nobody looked yet. Each record comes with its
        `differences` and with the `barriers` that would keep it from the public once qualified.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = schemas.Work.read(request)
        with self.db.read() as session:
            return working.page(session, asked, self._desk(session, actor))

    @rpc
    def history(self, request: dict[str, Any]) -> dict[str, Any]:
        """What happened to a record, newest first: `{id}` → `{entries: [{version, at, act, by, role, how, changed}]}`.

        `changed` is `{field: [before, after]}`. Who did it is kept on this node alone.
        """
        self.actor().require("directory:write")
        asked = schemas.ById.read(request)
        with self.db.read() as session:
            record = must_exist(store.record(session, asked["id"]), asked["id"])
            return {"entries": working.history(session, record)}

    @rpc
    def withdraw(self, request: dict[str, Any]) -> dict[str, Any]:
        """Withdraw a record, a structure with its services: `Withdraw` → `{withdrawn: [ids]}`.

        Announces `directory.<kind>.withdrawn.v1` for what was public. Raises `NotFound`, `WrongState`, `Conflict`.
        """
        actor = self.actor()
        actor.require("directory:write")
        asked = schemas.Withdraw.read(request)
        return self._once(request, lambda session: self._withdraw(session, asked, actor))

    @rpc
    def changes(self, request: dict[str, Any]) -> dict[str, Any]:
        """The feed of public changes, in order: `Changes` → `{items: [{position, op, kind, id, event}], head}`.

        `event` is the signed CloudEvents object of the record's home. Positions rise, with holes: a record stands at
        its last change only, tombstones included.
        """
        asked = schemas.Changes.read(request)
        with self.db.read() as session:
            rows = store.feed_after(session, asked["after"], asked["limit"])
            items = [
                {"position": position, "op": op, "kind": kind, "id": subject,
                 "event": orjson.loads(Signed(Header.from_raw(header), signature, data, salt).body())}
                for position, op, kind, subject, header, signature, data, salt in rows
            ]  # fmt: skip
            return {"items": items, "head": store.feed_head(session)}

    @rpc
    def export(self, request: dict[str, Any]) -> dict[str, Any]:
        """Records of a kind in order of id: `Export` → `{records: [native record], next}`; `next` is null at the end.

        All of the node's own (`public` false) asks for `directory:write`. The public version of a record with a held
        change is in the feed, not here.
        """
        asked = schemas.Export.read(request)
        if not asked["public"]:
            self.actor().require("directory:write")
        with self.db.read() as session:
            page = store.page(
                session, asked["kind"], asked["after"], asked["limit"], asked["public"], asked["source"]
            )  # fmt: skip
            sources: dict[str, Source] = {}
            records = [view(record, self._source(session, record, sources)) for record in page]
        return {"records": records, "next": page[-1].id if len(page) == asked["limit"] else None}

    @rpc
    def sources(self, request: dict[str, Any]) -> dict[str, Any]:
        """All sources: `{sources: [{name, label, policy, licence, attribution, records: {status: count}}]}`."""
        with self.db.read() as session:
            return {"sources": [_source_view(source, counts) for source, counts in store.sources(session)]}

    @rpc
    def source_set(self, request: dict[str, Any]) -> dict[str, Any]:
        """Change a source's label, policy, licence or attribution: `SourceSet` → the source. Made where it is new."""
        actor = self.actor()
        actor.require("directory:sources")
        asked = schemas.SourceSet.read(request)
        with self.db.begin() as session:
            source = self._desk(session, actor).source(asked.pop("name"))
            for key, value in asked.items():
                setattr(source, key, value)
            return _source_view(source, {})

    @rpc
    def import_begin(self, request: dict[str, Any]) -> dict[str, Any]:
        """Open an import: `ImportBegin` → its summary. A source that is new takes what the request says of it."""
        actor = self.actor()
        actor.require("directory:import")
        asked = schemas.ImportBegin.read(request)
        with self.db.begin() as session:
            is_new = store.source(session, asked["source"]) is None
            source = self._desk(session, actor).source(asked["source"])
            for key in ("label", "licence", "attribution", *(("policy",) if is_new else ())):
                if asked[key] is not None:
                    setattr(source, key, asked[key])
            return importing.summary_of(importing.begin(session, asked["source"], asked["name"], actor.name))

    @rpc
    def import_rows(self, request: dict[str, Any]) -> dict[str, Any]:
        """Save one batch: `ImportRows` → `{rows: [{done, id, problems}]}`, one for each row, in order.

        Sent again it changes nothing. Announces `published` or `drafted` for each record created or changed.
        """
        actor = self.actor()
        actor.require("directory:import")
        asked = schemas.ImportRows.read(request)
        with self.db.begin() as session:
            running = importing.must_run(store.the_import(session, asked["import_"], lock=True), asked["import_"])
            saved = importing.take(session, self._desk(session, actor), running, asked["rows"])
            return {"rows": [each.answer() for each in saved]}

    @rpc
    def import_preview(self, request: dict[str, Any]) -> dict[str, Any]:
        """What an import would do with a batch: `ImportPreview` → as `import_rows`; nothing is written."""
        actor = self.actor()
        actor.require("directory:import")
        asked = schemas.ImportPreview.read(request)
        with self.db.read() as session:
            rows = [row | {"source": asked["source"]} for row in asked["rows"]]
            return {"rows": [each.answer() for each in self._desk(session, actor).preview(rows)]}

    @rpc
    def import_finish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Close an import: `ImportFinish` → its summary. Announces `directory.import.finished.v1`.

        Raises `ValidationError` where `complete` would withdraw more than a fifth and `force` is not said.
        """
        actor = self.actor()
        actor.require("directory:import")
        asked = schemas.ImportFinish.read(request)
        with self.db.begin() as session:
            running = importing.must_run(store.the_import(session, asked["import_"], lock=True), asked["import_"])
            running.refused += asked["refused"]
            return importing.finish(
                session, self.log, self._desk(session, actor), running, asked["complete"], asked["force"]
            )

    @rpc
    def imports(self, request: dict[str, Any]) -> dict[str, Any]:
        """The last imports, newest first: `{imports: [summary]}`."""
        self.actor().require("directory:import")
        with self.db.read() as session:
            return {"imports": [importing.summary_of(each) for each in store.imports(session)]}

    @rpc
    def undo(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take an import back: `ImportUndo` → `{restored, withdrawn, kept}`; what was changed since is kept.

        Announces `published`, `drafted` or `withdrawn` for each record. Raises `NotFound`, `WrongState`.
        """
        actor = self.actor()
        actor.require("directory:import")
        asked = schemas.ImportUndo.read(request)
        with self.db.begin() as session:
            done = store.the_import(session, asked["import_"], lock=True)
            if done is None:
                raise NotFound(f"Aucun import {asked['import_']}.")
            return importing.undo(session, self._desk(session, actor), done)

    def _desk(self, session: Session, actor: Actor) -> Desk:
        runtime = self.engine.runtime
        months = runtime.settings.directory.verified_for_months
        return Desk(session, self.log, runtime.identity.name, actor, months=months)

    def _once(self, request: dict[str, Any], act: Callable[[Session], dict[str, Any]]) -> dict[str, Any]:
        with self.db.begin() as session:
            return once(session, request, act)

    def _locked(self, session: Session, record_id: str, version: int | None) -> Record:
        record = must_exist(store.record(session, record_id, lock=True), record_id)
        record.require_version(version)
        return record

    def _edit(self, session: Session, asked: dict[str, Any], actor: Actor) -> dict[str, Any]:
        desk, record = self._desk(session, actor), self._locked(session, asked["id"], asked["version"])
        said = {name: asked[name] for name in ("fields", "sectors", *OWN) if name in asked}
        saved = desk.edit(record, said, _choice(actor))
        store.drop_differences(session, record.id, said.get("fields", {}))
        return self._answer(desk, saved)

    def _qualify_all(self, request: dict[str, Any], strict: bool) -> dict[str, Any]:
        actor = self.actor()
        actor.require("directory:qualify")
        asked = schemas.Qualify.read(request)
        if asked["ids"] is not None:
            try:
                return self._once(request, lambda db: qualifying.these(db, self._desk(db, actor), asked, strict))
            except qualifying.Rehearsed as rehearsed:
                return rehearsed.done
        if asked["source"] is None and asked["import_"] is None:
            raise ValidationError("Dites lesquelles : ids, source ou import.")
        return qualifying.waiting(self.db, lambda session: self._desk(session, actor), asked, strict)

    def _withdraw(self, session: Session, asked: dict[str, Any], actor: Actor) -> dict[str, Any]:
        record = self._locked(session, asked["id"], asked["version"])
        gone = self._desk(session, actor).withdraw(record, asked["reason"])
        return {"withdrawn": [each.id for each in gone]}

    def _answer(self, desk: Desk, saved: Saved) -> dict[str, Any]:
        record = must_exist(saved.record, "")
        return view(record, desk.source(record.source)) | {"done": saved.done}

    def _source(self, session: Session, record: Record, known: dict[str, Source] | None = None) -> Source:
        if known is not None and record.source in known:
            return known[record.source]
        source = store.source(session, record.source) or Source(name=record.source)
        if known is not None:
            known[record.source] = source
        return source


def _choice(actor: Actor) -> Choice:
    return Choice.PERMANENT if actor.may("directory:qualify") else Choice.OTHERS


def _source_view(source: Source, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "name": source.name, "label": source.label, "policy": source.policy, "licence": source.licence,
        "attribution": source.attribution, "public": counts.pop("public", 0), "records": counts,
    }  # fmt: skip
