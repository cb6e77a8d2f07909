"""Doors about pairs of which other nodes decide too: what each said, what comes of it, and taking one's word back."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from services.directory import (
    decisions,
    duplicates,
    events,
    joining,
    schemas,
    store,
    store_decisions,
    store_others,
    store_pairs,
)
from services.directory.asides import GONE, Decision, HomeNode, Other
from services.directory.model import Record
from services.directory.service.doors import Doors
from services.directory.store_decisions import OURS
from services.directory.views import view
from services.kernel import clock
from services.kernel.access import Actor
from services.kernel.applier import Event
from services.kernel.doors import on_event, rpc
from services.kernel.errors import NotFound, Problem, ValidationError, WrongState

Pair2 = tuple[Record | Other, Record | Other]


class DecisionDoors(Doors):
    """Decisions about pairs, shared between nodes."""

    @rpc
    def duplicate_outcome(self, request: dict[str, Any]) -> dict[str, Any]:
        """What all nodes decided of a pair, and what comes of it: `PairOf` → `{decision, head, public, kept, said}`.

        `said`: `[{node, name, decision, head, at, home, ours}]`, `home` whether a record of the pair is its own;
        `public`: the public sees one record, `kept`. `decision` is null where nobody decided.
        """
        self.actor().require("directory:qualify")
        asked = schemas.PairOf.read(request)
        with self.db.read() as session:
            return self._outcome(session, asked["a"], asked["b"])

    @rpc
    def duplicate_undo(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take this node's decision about a pair back: `PairOf` → as `duplicate_outcome`; it may be asked again.

        Raises `NotFound` where this node decided nothing of it, `WrongState` where its two records were merged here
        (`merge_undo` separates them). Announces `directory.duplicate.withdrawn.v1`.
        """
        self.actor().require("directory:qualify")
        asked = schemas.PairOf.read(request)
        a, b = asked["a"], asked["b"]
        with self.db.begin() as session:
            store_others.take_turn(session)
            pair = store_pairs.pair(session, a, b)
            is_decided = pair is not None and pair.decision is not None
            if not is_decided and not store_decisions.own_of(session, a, b):
                raise NotFound(f"Ce nœud n’a rien décidé des fiches {a} et {b}.")
            records = store.records(session, (a, b))
            if any(each.replaced_by in (a, b) for each in records.values()):
                raise WrongState("Ces deux fiches ont été fusionnées : défaites la fusion de celle qui est gardée.")
            store_decisions.compare_again(session, {a, b})  # locks the two before the pair, as who compares does
            if pair is not None:
                pair.decision, pair.head, pair.at, pair.by = None, None, None, ""
            self._say(session, a, b, None)
            return self._outcome(session, a, b)

    @rpc
    def duplicates_contrary(self, request: dict[str, Any]) -> dict[str, Any]:
        """This node's decisions of which others said otherwise since somebody looked: `{}` → `{pairs}`, 100 at most.

        A pair is `{a, b, names, decision, head, outcome}`, `outcome` as `duplicate_outcome` tells it.
        """
        self.actor().require("directory:qualify")
        with self.db.read() as session:
            return {"pairs": [self._contrary(session, each) for each in store_decisions.contrary(session)]}

    @rpc
    def duplicate_keep(self, request: dict[str, Any]) -> dict[str, Any]:
        """Keep this node's decision though others decided otherwise, told no more until one says something new:
        `PairOf` → as `duplicate_outcome`. Raises `NotFound` where this node told nothing of the pair."""  # fmt: skip
        self.actor().require("directory:qualify")
        asked = schemas.PairOf.read(request)
        with self.db.begin() as session:
            if not decisions.keep(session, self._own_name(), (asked["a"], asked["b"])):
                raise NotFound(f"Ce nœud n’a rien dit aux autres des fiches {asked['a']} et {asked['b']}.")
            return self._outcome(session, asked["a"], asked["b"])

    @on_event(*sorted(events.DECISIONS))
    def other_decided(self, session: Session, event: Event) -> None:
        """Another node decided of a pair, or decides no more."""
        decisions.take(session, event)

    def _decide_between(self, session: Session, asked: dict[str, Any], actor: Actor, pair: Pair2) -> dict[str, Any]:
        """A decision about records of which one at least is of another node: told, and nothing is merged."""
        _require_plain(asked)
        one, other = pair
        decision, head = asked["decision"], asked["head"]
        if not asked["dry_run"]:
            duplicates.decided(session, one, other, decision, clock.to_text(clock.now()), actor.name, head)
            self._say(session, one.id, other.id, decision, head)
        told = {"decision": decision} | ({"head": head} if head else {})
        return told | {"outcome": self._outcome(session, one.id, other.id)}

    def _say(self, session: Session, a: str, b: str, decision: str | None, head: str | None = None) -> None:
        decisions.say(session, self.log, self._own_name(), (a, b), decision, head)

    def _is_seen(self, session: Session, one: Record, other: Record) -> bool:
        """Whether other nodes know both: of what they never saw they are told nothing."""
        told = bool(store_decisions.said_of(session, one.id, other.id))
        return told or (one.is_public and other.is_public)

    def _entries(self, session: Session, a: str, b: str) -> Pair2:
        """Two structures that live, whosever they are; ours are locked. Raises `NotFound`, `WrongState`."""
        first, second = (self._one_of(session, each) for each in sorted((a, b)))
        duplicates.require_two(first, second)
        return first, second

    def _one_of(self, session: Session, record_id: str) -> Record | Other:
        record = store.record(session, record_id, lock=True)
        if record is not None and record.home == self._own_name():
            return record
        other = store_others.other(session, record_id)
        if other is None or other.state == GONE:
            raise NotFound(f"Aucune fiche {record_id}, ni ici ni chez les nœuds que celui-ci suit.")
        return other

    def _entry(self, session: Session, entry: Record | Other) -> dict[str, Any]:
        if isinstance(entry, Record):
            return view(entry, self._source(session, entry)) | {"public": entry.is_public}
        home = store_others.home(session, entry.home)
        return entry.native | {"public": True, "home_node": _named(entry.home, home)}

    def _said(self, session: Session, a: str, b: str) -> list[dict[str, Any]]:
        stands = store_decisions.stands(session, (a, b)).values()
        homes = {stand.home for stand in stands}
        return [
            {
                **_named(each.node, store_others.home(session, each.node) if each.node else None, self),
                "decision": each.decision, "head": each.head, "at": each.at, "home": each.node in homes,
                "ours": each.node == OURS,
            }
            for each in joining.said_of(session, a, b)
        ]  # fmt: skip

    def _outcome(self, session: Session, a: str, b: str) -> dict[str, Any]:
        found = joining.outcome_of(session, a, b)
        joined = store_decisions.joined(session, (a, b))
        shown = {joined[each].kept if each in joined else each for each in (a, b)}
        kept = shown.pop() if len(shown) == 1 else None
        return {
            "decision": found.decision, "head": found.head, "public": kept is not None,
            "kept": kept, "said": self._said(session, a, b),
        }  # fmt: skip

    def _contrary(self, session: Session, mine: Decision) -> dict[str, Any]:
        a, b = (mine.a, mine.b) if mine.a_now == mine.b_now else (mine.a_now, mine.b_now)
        names = [self._name_of(session, each) for each in (a, b)]
        return {"a": a, "b": b, "names": names, "decision": mine.decision, "head": mine.head,
                "outcome": self._outcome(session, a, b)}  # fmt: skip

    def _name_of(self, session: Session, record_id: str) -> str:
        record, other = store.record(session, record_id), store_others.other(session, record_id)
        fields = other.native.get("fields", {}) if other is not None else record.parts["fields"] if record else {}
        return str(fields.get("nom", record_id))

    def _own_name(self) -> str:
        name: str = self.engine.runtime.identity.name
        return name


def _named(node: str, home: HomeNode | None, room: DecisionDoors | None = None) -> dict[str, Any]:
    if node == OURS and room is not None:
        runtime = room.engine.runtime
        return {"node": runtime.identity.name, "name": runtime.settings.node.name, "url": ""}
    return {"node": node, "name": home.name if home else node, "url": home.url if home else ""}


def _require_plain(asked: dict[str, Any]) -> None:
    """Raises `ValidationError` for what only a merge knows: of two homes each record stays as its home signed it."""
    for name in ("keep", "fields"):
        if asked[name]:
            remedy = (
                f"Ôtez {name} : la fiche montrée est la même à tous les nœuds, celle dont l’identifiant vient avant."
            )
            problem = Problem(
                field=name, value=str(asked[name]), code="duplicate.between_nodes", remedy=remedy,
                why="l’une de ces deux fiches est d’un autre nœud, rien n’est fusionné",
            )  # fmt: skip
            raise ValidationError(f"{name} : l’une de ces deux fiches est d’un autre nœud. {remedy}", [problem])
