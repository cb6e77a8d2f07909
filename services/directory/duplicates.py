"""Finding structures that may be one: each is compared when it is new or changed, with those that share a key.

Those of other nodes are compared too, with ours.

It is done right behind the change, not in its transaction: an import stays as fast as it was. Comparing all from
nothing is the same work, some hundred at a time, so memory stays flat and a killed run goes on where it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy.orm import Session

from services.directory import store, store_decisions, store_pairs
from services.directory.asides import Other, Pair
from services.directory.deciding import BRANCH, DIFFERENT
from services.directory.formats import matching
from services.directory.formats.matching import Likeness, Sketch
from services.directory.model import Record
from services.kernel.errors import WrongState

BATCH = 300
BLOCK_AT_MOST = 60
"""A key that more structures share (a network's telephone) says nothing: it is passed over."""
LASTING = (DIFFERENT, BRANCH)
"""Decisions of two structures that both live on."""
Id2 = tuple[str, str]


def compare_some(session: Session, limit: int = BATCH) -> int:
    """Compare the next structures that changed, and keep what may be one; how many were looked at.

    Ours with ours and with those of other nodes; others' are not compared with each other: their homes see to that.
    """
    own = {record.id: record for record in store_pairs.unmatched(session, limit)}
    far = {each.id: each for each in store_pairs.unmatched_others(session, limit - len(own))}
    if not own and not far:
        return 0
    ours = {each.id for each in own.values() if not each.is_withdrawn}
    sketches = {name: _sketch(own[name]) for name in ours}
    others = store_pairs.others_by_id(session, (own.keys() | far.keys()) - ours)
    sketches |= {name: _sketch(other) for name, other in others.items()}
    keys = {name: set(matching.keys(sketches[name])) if name in sketches else set() for name in own.keys() | far.keys()}
    store_pairs.replace_keys(session, keys, ours)
    said = store_decisions.alike_said(session, keys)
    wanted = _candidates(session, keys) | said
    _sketch_the_rest(session, wanted, sketches)
    found = {pair: matching.compare(sketches[pair[0]], sketches[pair[1]]) for pair in wanted
             if pair[0] in sketches and pair[1] in sketches}  # fmt: skip
    _keep(session, set(keys), {pair: alike for pair, alike in found.items() if alike.grade or pair in said})
    store_pairs.set_matched(session, list(keys))
    return len(own) + len(far)


def _sketch(entry: Record | Other) -> Sketch:
    return matching.sketch(fields_of(entry))


def fields_of(entry: Record | Other) -> dict[str, Any]:
    """What a structure says, whosever it is."""
    fields: dict[str, Any] = entry.parts["fields"] if isinstance(entry, Record) else entry.native["fields"]
    return fields


def _candidates(session: Session, keys: Mapping[str, set[str]]) -> set[Id2]:
    """Pairs of which one is among these, and one is ours, and that share a key that is not everybody's."""
    asked = set().union(*keys.values())
    are_others = store_pairs.are_others(session)
    blocks: dict[str, list[str]] = defaultdict(list)
    for key, name in store_pairs.holders(session, asked, BLOCK_AT_MOST, own=True, at_least=1 if are_others else 2):
        blocks[key].append(name)
    pairs = {
        _ordered(one, other) for ids in blocks.values() for one in ids if one in keys for other in ids if other != one
    }
    if are_others and blocks:
        for key, name in store_pairs.holders(session, blocks, BLOCK_AT_MOST, own=False):
            pairs |= {_ordered(name, each) for each in blocks[key] if name in keys or each in keys}
    return pairs


def _ordered(one: str, other: str) -> Id2:
    return min(one, other), max(one, other)


def _sketch_the_rest(session: Session, wanted: Iterable[Id2], sketches: dict[str, Sketch]) -> None:
    missing = {each for pair in wanted for each in pair} - sketches.keys()
    for record in store.records(session, missing).values():
        if not record.is_withdrawn:
            sketches[record.id] = _sketch(record)
    for name, other in store_pairs.others_by_id(session, missing - sketches.keys()).items():
        sketches[name] = _sketch(other)


def _keep(session: Session, looked_at: set[str], found: dict[Id2, Likeness]) -> None:
    """What was decided stays; the rest is what was found now."""
    known = store_pairs.pairs_of(session, looked_at)
    for ids, pair in known.items():
        if pair.decision is None and ids not in found:
            session.delete(pair)
    for ids, alike in found.items():
        if ids not in known:
            session.add(_pair(ids, alike))
        elif known[ids].decision is None:
            known[ids].score, known[ids].grade = alike.score, _grade(alike)
            known[ids].reasons, known[ids].branch = orjson.dumps(alike.reasons), alike.branch


def require_two(one: Record | Other, other: Record | Other) -> None:
    """Raises `WrongState` unless these are two living structures: what was merged is first separated."""
    if one.kind != "structure" or other.kind != "structure" or one.id == other.id:
        raise WrongState("Il faut deux structures différentes.")
    for record in (one, other):
        if isinstance(record, Record):
            record.require_life()


def decided(
    session: Session,
    one: Record | Other,
    other: Record | Other,
    decision: str,
    at: str,
    by: str,
    head: str | None = None,
) -> Pair:
    """Keep what was decided of two structures, proposed or not."""
    pair = store_pairs.pair(session, one.id, other.id)
    if pair is None:
        pair = _pair(_ordered(one.id, other.id), matching.compare(_sketch(one), _sketch(other)))
        session.add(pair)
    pair.decision, pair.head, pair.at, pair.by = decision, head, at, by
    return pair


def pass_on(session: Session, gone: str, kept: str) -> list[str]:
    """What was decided of `gone` holds of `kept`, unless somebody decided that too; with which others it did."""
    own = {_other(ids, kept): pair for ids, pair in store_pairs.pairs_of(session, [kept]).items()}
    passed = []
    for ids, theirs in store_pairs.pairs_of(session, [gone]).items():
        other = _other(ids, gone)
        if theirs.decision not in LASTING or other == kept or (other in own and own[other].decision is not None):
            continue
        pair = own.get(other) or Pair(
            a=min(kept, other), b=max(kept, other), score=theirs.score, grade=theirs.grade, reasons=theirs.reasons,
            branch=theirs.branch,
        )  # fmt: skip
        pair.decision, pair.at, pair.by = theirs.decision, theirs.at, theirs.by
        pair.head = kept if theirs.head == gone else theirs.head
        session.add(pair)
        passed.append(other)
    return sorted(passed)


def take_back(session: Session, gone: Record, kept: Record, passed: Iterable[str]) -> None:
    """Undo `pass_on`, but for what somebody decided since; both are compared again."""
    for other in passed:
        theirs, pair = store_pairs.pair(session, gone.id, other), store_pairs.pair(session, kept.id, other)
        if theirs and pair and (pair.decision, pair.at, pair.by) == (theirs.decision, theirs.at, theirs.by):
            pair.decision, pair.head, pair.at, pair.by = None, None, None, ""
    kept.matched = gone.matched = False


def _other(ids: Id2, one: str) -> str:
    return ids[1] if ids[0] == one else ids[0]


def _pair(ids: Id2, alike: Likeness) -> Pair:
    return Pair(
        a=ids[0], b=ids[1], score=alike.score, grade=_grade(alike),
        reasons=orjson.dumps(alike.reasons), branch=alike.branch, by="",
    )  # fmt: skip


def _grade(alike: Likeness) -> str:
    """What another node says is one is a candidate, however little alike they are."""
    return alike.grade or "possible"
