"""Doors about structures that may be one: what was found, what a permanent decides, taking it back."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from services.directory import duplicates, merging, schemas, store_others, store_pairs
from services.directory.asides import Other, Pair
from services.directory.deciding import SAME
from services.directory.model import Record
from services.directory.service.decisions import DecisionDoors
from services.directory.views import view
from services.directory.writing import Desk
from services.kernel import clock
from services.kernel.access import Actor
from services.kernel.doors import rpc
from services.kernel.errors import Unavailable

POLL_S = 3.0
WHILE_IMPORTING = 20
"""Structures compared at a time while an import is under way: it goes first."""
IMPORT_LASTS = timedelta(hours=2)


class DuplicateDoors(DecisionDoors):
    """Duplicates, from candidates to one record."""

    @rpc
    def duplicates(self, request: dict[str, Any]) -> dict[str, Any]:
        """Pairs that nobody decided, the likeliest first: `Duplicates` → `{pairs, waiting, next}`.

        A pair is `{a, b, said, score, grade, branch, reasons: [[reason, weight]]}`, `a` and `b` native records with
        `public`, one of another node also with `home_node`. `said`: what other nodes decided of it, as
        `duplicate_outcome` tells it. `waiting` structures are still to be compared.
        """
        self.actor().require("directory:qualify")
        asked = schemas.Duplicates.read(request)
        with self.db.read() as session:
            found = store_pairs.open_pairs(session, asked["record"], _place(asked["after"]), asked["limit"])
            last = found[-1][0] if len(found) == asked["limit"] else None
            return {
                "pairs": [self._pair(session, *each) for each in found],
                "waiting": store_pairs.unmatched_count(session),
                "next": f"{last.score!r}|{last.a}|{last.b}" if last else None,
            }

    @rpc
    def duplicate_decide(self, request: dict[str, Any]) -> dict[str, Any]:
        """Say whether two structures are one: `DuplicateDecide` → `{decision, head?, kept?, record?}`; asked once.

        `branch` keeps which of the two is the `head`. `same` merges them into `keep`, by default the one that the
        public sees, else `a`, with the other's word where `fields` says so; `dry_run` shows the record that would be.
        What was decided of the one that goes is then decided of the one that stays. Of a pair of which one is another
        node's nothing is merged: `{decision, head?, outcome}`, as `duplicate_outcome` tells it. Raises `NotFound`,
        `WrongState`, `ValidationError`, `Forbidden`. Announces what `merging.merge` does, and of pairs that others see
        `directory.duplicate.decided.v1`.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = schemas.DuplicateDecide.read(request)
        return self._once(actor, request, lambda session: self._decide(session, asked, actor))

    def _decide(self, session: Session, asked: dict[str, Any], actor: Actor) -> dict[str, Any]:
        store_others.take_turn(session)  # before any record is held: who numbers events waits for none of ours
        pair = self._entries(session, asked["a"], asked["b"])
        one, other = pair
        if isinstance(one, Other) or isinstance(other, Other):
            return self._decide_between(session, asked, actor, pair)
        desk, decision, head = self._desk(session, actor), asked["decision"], asked["head"]
        seen = self._is_seen(session, one, other)
        if decision != SAME:
            if not asked["dry_run"]:
                duplicates.decided(session, one, other, decision, clock.to_text(clock.now()), actor.name, head)
                self._say(session, one.id, other.id, decision if seen else None, head)
            return {"decision": decision} | ({"head": head} if head else {})
        kept, gone = _in_order(one, other, asked["keep"], asked["a"])
        chosen = [name for name, whose in asked["fields"].items() if whose == gone.id]
        if asked["dry_run"]:
            return {"decision": decision, "kept": kept.id, "record": merging.foresee(desk, kept, gone, chosen)}
        merging.merge(session, desk, kept, gone, actor.name, chosen)
        self._say(session, kept.id, gone.id, SAME if seen else None)
        return {"decision": decision, "kept": kept.id, "record": self._view(desk, kept)}

    @rpc
    def merge_undo(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take back the last merge into a record: `{id}` → `{kept, separated}`; both ids live again."""
        actor = self.actor()
        actor.require("directory:qualify")
        asked = schemas.ById.read(request)
        with self.db.begin() as session:
            store_others.take_turn(session)
            kept = self._locked(session, asked["id"], None)
            done = merging.undo(session, self._desk(session, actor), kept)
            self._say(session, done.kept, done.gone, None)
            return {"kept": done.kept, "separated": done.gone}

    @rpc
    def duplicates_find(self, request: dict[str, Any]) -> dict[str, Any]:
        """Compare the next structures that wait for it: `{}` → `{compared, waiting}`; asked again until none does."""
        self.actor().require("directory:qualify")
        with self.db.begin() as session:
            compared = duplicates.compare_some(session)
            return {"compared": compared, "waiting": store_pairs.unmatched_count(session)}

    def _compare(self, stop: threading.Event) -> None:
        while not stop.wait(POLL_S):
            keys_of_before, self.engine.keys_of_before = getattr(self.engine, "keys_of_before", False), False
            while self._compare_once() == duplicates.BATCH and not stop.is_set():
                pass
            if keys_of_before:  # of somebody whom another home erased: they went with the comparing
                with contextlib.suppress(Unavailable):
                    self.db.shed()

    def _compare_once(self) -> int:
        with self.db.read() as session:
            if not store_pairs.unmatched_count(session):
                return 0
            busy = store_pairs.is_importing(session, clock.to_text(clock.now() - IMPORT_LASTS))
        with self.db.begin() as session:
            return duplicates.compare_some(session, WHILE_IMPORTING if busy else duplicates.BATCH)

    def _pair(self, session: Session, pair: Pair, one: Record | Other, other: Record | Other) -> dict[str, Any]:
        return {
            "a": self._entry(session, one), "b": self._entry(session, other),
            "said": self._said(session, pair.a, pair.b),
            "score": pair.score, "grade": pair.grade, "branch": pair.branch, "reasons": orjson.loads(pair.reasons),
        }  # fmt: skip

    def _view(self, desk: Desk, record: Record) -> dict[str, Any]:
        return view(record, desk.source(record.source))


def _in_order(one: Record, other: Record, keep: str | None, first: str) -> tuple[Record, Record]:
    """The one to keep, then the one to take in: as it was said, else the one the public sees, else the first."""
    if keep is None and one.is_public != other.is_public:
        keep = one.id if one.is_public else other.id
    return (one, other) if one.id == (keep or first) else (other, one)


def _place(cursor: str) -> tuple[float, str, str] | None:
    if not cursor:
        return None
    score, a, b = cursor.split("|")
    return float(score), a, b
