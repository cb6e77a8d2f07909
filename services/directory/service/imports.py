"""Doors about sources and their imports."""

from __future__ import annotations

from typing import Any

from services.directory import foreseeing, importing, schemas, store, undoing
from services.directory.model import Import, Source
from services.directory.service.doors import Doors
from services.kernel.doors import rpc
from services.kernel.errors import Conflict, NotFound


class ImportDoors(Doors):
    """Sources, and what comes from them."""

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
        """Save one batch: `ImportRows` → `{rows: [{done, id, problems, left_out}]}`, one for each row, in order.

        `left_out`: what of the row was not taken since somebody objected to it, as problems, by field. Sent again it
        changes nothing. Announces `published` or `drafted` for each record created or changed.
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
            return {"rows": [each.answer() for each in foreseeing.preview(session, self._desk(session, actor), rows)]}

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
    def undo_preview(self, request: dict[str, Any]) -> dict[str, Any]:
        """What taking an import back would do: `ImportUndo` → as `undo`; nothing is written."""
        self.actor().require("directory:import")
        asked = schemas.ImportUndo.read(request)
        with self.db.read() as session:
            return undoing.foresee(session, _must_be(store.the_import(session, asked["import_"]), asked), asked["all"])

    @rpc
    def undo(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take an import back: `ImportUndo` → `{source, name, restored, withdrawn, kept, by_people, differences, …}`.

        What a person qualified or edited since is kept unless `all` is said; what another import or a program changed
        since, and what others need, in any case. `records` names 20 of each fate: `{id, kind, name, done, why}`, `why`
        being `people`, `changed`, `needed` or nothing; `differences` counts what it said otherwise than people, gone
        with it. Announces `published`, `drafted` or `withdrawn` for each record.

        Raises `NotFound`, `WrongState`; `Forbidden`: `all` is for who may qualify; `Conflict` where people qualified or
        edited others than the `by_people` that were shown.
        """
        actor = self.actor()
        actor.require("directory:import")
        asked = schemas.ImportUndo.read(request)
        if asked["all"]:  # it takes a person's word back
            actor.require("directory:qualify")
        with self.db.begin() as session:
            done = _must_be(store.the_import(session, asked["import_"], lock=True), asked)
            told = undoing.undo(session, self._desk(session, actor), done, asked["all"])
            if asked["all"] and asked["by_people"] not in (None, told["by_people"]):
                raise Conflict(
                    f"Des personnes ont qualifié ou modifié {told['by_people']} fiches depuis, et non "
                    f"{asked['by_people']} : rien n’est fait, regardez de nouveau."
                )
            return told


def _must_be(done: Import | None, asked: dict[str, Any]) -> Import:
    if done is None:
        raise NotFound(f"Aucun import {asked['import_']}.")
    return done


def _source_view(source: Source, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "name": source.name, "label": source.label, "policy": source.policy, "licence": source.licence,
        "attribution": source.attribution, "public": counts.pop("public", 0), "records": counts,
    }  # fmt: skip
