"""The doors of the directory: what others may ask of it. One transaction each; events in the same transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from sqlalchemy.orm import Session

from services.directory import events, importing, schemas, store
from services.directory.model import PUBLISHED, Record, Request, Source, view
from services.directory.writing import Choice, Desk, Saved, must_exist, raise_problems
from services.kernel import clock
from services.kernel.doors import Room, rpc
from services.kernel.envelope import Header, Signed, canonical
from services.kernel.errors import Conflict, NotFound, ValidationError, WrongState

PUBLISH_PAGE = 500


def feed_rows(session: Session, numbered: Sequence[Signed]) -> None:
    """Put what was just numbered into the public feed, in the sequencer's own transaction: same order, no gap."""
    rows = []
    for signed in numbered:
        head = signed.header
        if head.type in events.PUBLIC_PUTS or head.type in events.PUBLIC_DELETES:
            rows.append(
                {"subject": head.subject, "kind": head.type.split(".")[1], "epoch": head.epoch, "seq": head.seq,
                 "op": "put" if head.type in events.PUBLIC_PUTS else "delete", "reach": head.stream.split("/", 2)[2]}
            )  # fmt: skip
    if rows:
        store.feed_append(session, rows)


class DirectoryService(Room):
    """Structures and services of this node, their imports, and the feed of public changes."""

    name = "directory"
    on_numbered = staticmethod(feed_rows)

    @rpc
    def put(self, request: dict[str, Any]) -> dict[str, Any]:
        """Create or change records: `Put` → `{records: [native record]}`; all of them or none.

        A public record changed by who may publish stays public in its new version; by others it is held. A repeat
        under the same `request_id` changes nothing and answers the same.

        Raises:
            ValidationError: fields at fault. Conflict: read at another version. NotHome, Forbidden.
        Announces `directory.<kind>.published.v1` or `directory.<kind>.drafted.v1`.
        """
        actor = self.actor()
        actor.require("directory:write")
        asked = schemas.Put.read(request)
        if asked["version"] is not None and len(asked["records"]) != 1:
            raise ValidationError("version ne vaut que pour une fiche.")
        return self._once(request, lambda session: self._put(session, asked, actor.may("directory:publish")))

    def _put(self, session: Session, asked: dict[str, Any], may_publish: bool) -> dict[str, Any]:
        desk = self._desk(session)
        if asked["version"] is not None:
            self._require_version(session, asked)
        saved = desk.save(asked["records"], Choice.PUBLIC_STAYS if may_publish else Choice.DRAFT)
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
    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make records public: `Publish` → `{published, refused: [{id, why}]}`; structures before their services.

        Announces `directory.<kind>.published.v1` for each. Raises `Forbidden`: machine keys never publish.
        """
        self.actor().require("directory:publish")
        asked = schemas.Publish.read(request)
        if asked["ids"] is not None:
            return self._once(request, lambda session: self._publish(session, asked["ids"]))
        if asked["source"] is None and asked["import_"] is None:
            raise ValidationError("Dites quoi publier : ids, source ou import.")
        return self._publish_waiting(asked["source"], asked["import_"])

    @rpc
    def withdraw(self, request: dict[str, Any]) -> dict[str, Any]:
        """Withdraw a record, a structure with its services: `Withdraw` → `{withdrawn: [ids]}`.

        Announces `directory.<kind>.withdrawn.v1` for what was public. Raises `NotFound`, `WrongState`, `Conflict`.
        """
        actor = self.actor()
        actor.require("directory:write")
        asked = schemas.Withdraw.read(request)
        return self._once(request, lambda session: self._withdraw(session, asked))

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
        self.actor().require("directory:publish")
        asked = schemas.SourceSet.read(request)
        with self.db.begin() as session:
            source = self._desk(session).source(asked.pop("name"))
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
            source = self._desk(session).source(asked["source"])
            for key in ("label", "licence", "attribution", *(("policy",) if is_new else ())):
                if asked[key] is not None:
                    setattr(source, key, asked[key])
            return importing.summary_of(importing.begin(session, asked["source"], asked["name"], actor.name))

    @rpc
    def import_rows(self, request: dict[str, Any]) -> dict[str, Any]:
        """Save one batch: `ImportRows` → `{rows: [{done, id, problems}]}`, one for each row, in order.

        Sent again it changes nothing. Announces `published` or `drafted` for each record created or changed.
        """
        self.actor().require("directory:import")
        asked = schemas.ImportRows.read(request)
        with self.db.begin() as session:
            running = importing.must_run(store.the_import(session, asked["import_"], lock=True), asked["import_"])
            saved = importing.take(session, self._desk(session), running, asked["rows"])
            return {"rows": [_row_answer(each) for each in saved]}

    @rpc
    def import_preview(self, request: dict[str, Any]) -> dict[str, Any]:
        """What an import would do with a batch: `ImportPreview` → as `import_rows`; nothing is written."""
        self.actor().require("directory:import")
        asked = schemas.ImportPreview.read(request)
        with self.db.read() as session:
            rows = [row | {"source": asked["source"]} for row in asked["rows"]]
            return {"rows": [_row_answer(each) for each in self._desk(session).preview(rows)]}

    @rpc
    def import_finish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Close an import: `ImportFinish` → its summary. Announces `directory.import.finished.v1`.

        Raises `ValidationError` where `complete` would withdraw more than a fifth and `force` is not said.
        """
        self.actor().require("directory:import")
        asked = schemas.ImportFinish.read(request)
        with self.db.begin() as session:
            running = importing.must_run(store.the_import(session, asked["import_"], lock=True), asked["import_"])
            running.refused += asked["refused"]
            return importing.finish(session, self.log, self._desk(session), running, asked["complete"], asked["force"])

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
        self.actor().require("directory:import")
        asked = schemas.ImportUndo.read(request)
        with self.db.begin() as session:
            done = store.the_import(session, asked["import_"], lock=True)
            if done is None:
                raise NotFound(f"Aucun import {asked['import_']}.")
            return importing.undo(session, self._desk(session), done)

    def _desk(self, session: Session) -> Desk:
        return Desk(session, self.log, self.engine.runtime.identity.name)

    def _once(self, request: dict[str, Any], act: Callable[[Session], dict[str, Any]]) -> dict[str, Any]:
        """Do it, unless it was done under the same `request_id`. Raises `Conflict` where that was another request."""
        key = request.get("request_id")
        with self.db.begin() as session:
            if key is None:
                return act(session)
            digest = hashlib.sha256(canonical(request)).hexdigest()
            done = store.request(session, key)
            if done is not None:
                if done.digest != digest:
                    raise Conflict("Cette clé d’idempotence a déjà servi pour une autre demande.")
                answer: dict[str, Any] = orjson.loads(done.answer)
                return answer
            answer = act(session)
            now = clock.to_text(clock.now())
            session.add(Request(id=key, digest=digest, answer=orjson.dumps(answer), at=now))
            return answer

    def _require_version(self, session: Session, asked: dict[str, Any]) -> None:
        draft = asked["records"][0]
        found = store.records(session, [self._desk(session).id_of(draft)], lock=True)
        for record in found.values():
            record.require_version(asked["version"])

    def _publish(self, session: Session, ids: list[str]) -> dict[str, Any]:
        desk = self._desk(session)
        known = store.records(session, ids, lock=True)
        for record_id in sorted(ids, key=lambda each: known[each].kind != "structure" if each in known else True):
            desk.publish(must_exist(known.get(record_id), record_id))
        return {"published": len(ids), "refused": []}

    def _publish_waiting(self, source: str | None, import_id: str | None) -> dict[str, Any]:
        """A page a transaction, structures first: a large source must not hold its locks for minutes."""
        published, refused = 0, []
        for kind in ("structure", "service"):
            after = ""
            while True:
                with self.db.begin() as session:
                    desk = self._desk(session)
                    page = store.waiting(session, kind, source, import_id, after, PUBLISH_PAGE)
                    for record in page:
                        try:
                            desk.publish(record)
                            published += 1
                        except (ValidationError, WrongState) as error:
                            refused.append({"id": record.id, "why": error.message, "problems": error.details})
                if len(page) < PUBLISH_PAGE:
                    break
                after = page[-1].id
        return {"published": published, "refused": refused}

    def _withdraw(self, session: Session, asked: dict[str, Any]) -> dict[str, Any]:
        record = must_exist(store.record(session, asked["id"], lock=True), asked["id"])
        record.require_version(asked["version"])
        gone = self._desk(session).withdraw(record, asked["reason"])
        return {"withdrawn": [each.id for each in gone]}

    def _answer(self, desk: Desk, saved: Saved) -> dict[str, Any]:
        record = must_exist(saved.record, "")
        return view(record, desk.source(record.source)) | {"done": saved.done}

    def _source(self, session: Session, record: Record, known: dict[str, Source] | None = None) -> Source:
        if known is not None and record.source in known:
            return known[record.source]
        source = self._desk(session).source(record.source)
        if known is not None:
            known[record.source] = source
        return source


def _row_answer(saved: Saved) -> dict[str, Any]:
    return {"done": saved.done, "id": saved.record.id if saved.record else None, "problems": saved.problems}


def _source_view(source: Source, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "name": source.name, "label": source.label, "policy": source.policy, "licence": source.licence,
        "attribution": source.attribution, "records": counts, "public": counts.get(PUBLISHED, 0),
    }  # fmt: skip
