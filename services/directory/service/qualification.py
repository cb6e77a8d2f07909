"""Doors of permanents: qualifying, the work list, the history of a record."""

from __future__ import annotations

from typing import Any

from services.directory import freshness, qualification, qualifying, reverting, schemas, store, suggesting, working
from services.directory.service.doors import Doors, choice_of, require
from services.directory.views import view
from services.directory.writing import must_exist
from services.kernel import clock
from services.kernel.doors import rpc
from services.kernel.errors import NotFound, ValidationError


class QualificationDoors(Doors):
    """Who checked what."""

    @rpc
    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        """Qualify records that the public may then see: `Qualify` → `{published, refused: [{id, why, problems}]}`.

        Structures before their services. A record that the gate keeps back is refused with every missing part, and is
        as it was. Raises `Forbidden`: only a permanent of this node. Announces `directory.<kind>.published.v1`.
        """
        done = self._many(request, schemas.Qualify, qualifying.PUBLISH)
        return {"published": done["public"], "refused": done["refused"]}

    @rpc
    def qualify(self, request: dict[str, Any]) -> dict[str, Any]:
        """Put a permanent's word behind records: `Qualify` → `{qualified, public, kept_back, refused}`.

        `kept_back` are qualified and not yet public, with what is missing (`{id, why, problems}`): they become public
        by themselves when it comes; `refused` are as they were: one that somebody changed since it was seen with its
        `name`, `version` and what `changed` (`{field: [then, now]}`, of 50 at most).

        `dry_run` does nothing, and says what would be: `records` (`{id, name, public: [is, would be], waits, changed:
        {field: [what the public sees, what waits]}}`, 50 in which something waits and 50 others at most), how many are
        `changing`, and what says later what was seen: the `versions`, of a list of more than 1,000 its time (`at`).
        """
        return self._many(request, schemas.Qualify, qualifying.QUALIFY)

    @rpc
    def review_many(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send qualified records back to review: `ReviewMany` → `{reviewed, refused}`; `dry_run` as of `qualify`."""
        return self._many(request, schemas.ReviewMany, qualifying.REVIEW)

    def _many(self, request: dict[str, Any], shape: type[schemas.Many], act: str) -> dict[str, Any]:
        actor = self.actor()
        actor.require("directory:qualify")
        asked = shape.read(request)
        if asked["ids"] is not None:
            try:
                return self._once(actor, request, lambda db: qualifying.these(db, self._desk(db, actor), asked, act))
            except qualifying.Rehearsed as rehearsed:
                return rehearsed.done
        if asked["source"] is None and asked["import_"] is None and asked["reason"] is None:
            raise ValidationError("Dites lesquelles : ids, source, import ou reason.")
        if asked["import_"] is not None:
            with self.db.read() as session:
                if store.the_import(session, asked["import_"]) is None:
                    raise NotFound(f"Aucun import {asked['import_']}.")
        return qualifying.waiting(self.db, lambda session: self._desk(session, actor), asked, act)

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
        """Note that the structure confirmed its entry: `Confirm` → native record, `confirmed_at` in it.

        By a permanent whom it told, or by who holds the structure's link.
        """
        actor = self.actor()
        asked = schemas.Confirm.read(request)
        with self.db.begin() as session:
            desk, record = self._desk(session, actor), self._locked(session, asked["id"], asked["version"])
            require(actor, "directory:confirm", record)
            desk.confirm(record, asked["how"])
            return view(record, desk.source(record.source))

    @rpc
    def work(self, request: dict[str, Any]) -> dict[str, Any]:
        """What waits for a permanent, the most urgent reason first: `Work` → `{counts, reason, offers, records, next}`.

        `differences`: an import contradicts a correction; `review`: changed since it was qualified; `held`: qualified,
        and kept from the public by what is missing; `expiring`: its verification ends within 30 days, or has;
        `submitted`: nobody looked yet. Each record comes with its `differences` and with the `barriers` that would keep
        it from the public once qualified. `offers`: how many offers of records by other nodes wait for a decision.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = schemas.Work.read(request)
        with self.db.read() as session:
            return working.page(session, asked, self._desk(session, actor))

    @rpc
    def freshness(self, request: dict[str, Any]) -> dict[str, Any]:
        """How fresh what the public sees is: `{}` → `{all, departments: {code: …}, sectors: {code: …}}`.

        Each is `{records, verified, confirmed, changed}`: verified and not expired, the others within a year.
        """
        self.actor().require("directory:write")
        with self.db.read() as session:
            return freshness.figures(store.public_records(session), clock.now())

    @rpc
    def history(self, request: dict[str, Any]) -> dict[str, Any]:
        """What happened to a record, newest first: `{id}` → `{entries: [{version, at, act, by, role, how, changed}]}`.

        `changed` is `{field: [before, after]}`. Who did it is kept on this node alone, and told to those who work
        here: who holds a structure's link reads the role in its place.
        """
        actor = self.actor()
        asked = schemas.ById.read(request)
        with self.db.read() as session:
            record = must_exist(store.record(session, asked["id"]), asked["id"])
            require(actor, "directory:write", record)
            entries = working.history(session, record)
        is_of_staff = actor.roles and actor.may("directory:write")
        return {"entries": entries if is_of_staff else working.without_names(entries)}

    @rpc
    def settle_difference(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take what an import says of a corrected field, or keep the correction: `SettleDifference` → native record.

        It is not shown again until an import says something else. Raises `NotFound`, `Forbidden`, what an edit raises.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = schemas.SettleDifference.read(request)
        with self.db.begin() as session:
            desk, record = self._desk(session, actor), self._locked(session, asked["id"], None)
            differing = store.differences(session, [record.id]).get(record.id, {})
            if asked["field"] not in differing:
                raise NotFound(f"Aucun import ne dit autre chose de {asked['field']}.")
            if asked["take"]:
                desk.edit(record, suggesting.said(asked["field"], differing[asked["field"]]), choice_of(actor))
            store.settle_differences(session, record.id, [asked["field"]])
            return view(record, desk.source(record.source))

    @rpc
    def revert(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take one act back: `Revert` → `{changed: [ids]}`. What may be taken back is told by `history`.

        Raises `NotFound`, `Conflict` (changed again since), `NotHome`, `Forbidden`, what an edit raises. Announces
        what `edit` does.
        """
        actor = self.actor()
        actor.require("directory:write")
        asked = schemas.Revert.read(request)
        with self.db.begin() as session:
            desk, record = self._desk(session, actor), self._locked(session, asked["id"], asked["version"])
            return {"changed": reverting.revert(session, desk, record, asked["of"], choice_of(actor))}
