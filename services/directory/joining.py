"""What the public sees as one since the homes of both say so: worked out anew where what it follows from changed.

It follows from the decisions of all nodes, from whose the records are by now, and from which are shown here: nothing
else, and not from the order in which this came. Of records that are one, the one with the lowest identifier is shown,
at every node, with the sources of all; the others lead to it. Each stays as its home signed it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from services.directory import store, store_decisions
from services.directory.asides import Decision, Joined, Other
from services.directory.deciding import Outcome, Word, outcome
from services.directory.store_decisions import OURS, Stand
from services.kernel.envelope import canonical

STEPS_AT_MOST = 100
"""How often a record is followed from merge to merge: further than anybody goes, and an end to what a peer makes up."""
Link = tuple[str, str]


def fed(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put public changes into the feed, and with them what follows from them."""
    store.feed_append(session, [dict(row) for row in rows])
    settle(session, {row["subject"] for row in rows})


def settle(session: Session, ids: Collection[str]) -> None:
    """Decisions of these records changed, or these records did; the feed tells what the public sees otherwise.

    The caller has the turn (`store_others.take_turn`).
    """
    if not store_decisions.are_any(session):
        return
    session.flush()
    near = _lead(session, store_decisions.touched(session, ids).values())
    if near:
        session.flush()
        _settle(session, near)


def said_of(session: Session, a: str, b: str) -> list[Decision]:
    """What holds of one pair, this node's word first: of it, and of what their homes merged into one of them."""
    said = store_decisions.said_of(session, a, b)
    stands = store_decisions.stands(session, _names(said))
    return [each for each in said if (each.a, each.b) == _ordered(a, b) or _is_led(each, stands)]


def outcome_of(session: Session, a: str, b: str) -> Outcome:
    """What comes of all that was decided of one pair, as it stands here."""
    homes = {stand.home for stand in store_decisions.stands(session, (a, b)).values()}
    return outcome(map(_word, said_of(session, a, b)), homes)


def _word(said: Decision) -> Word:
    return Word(said.node, said.decision, said.a_now if said.head == said.a else said.b_now if said.head else None)


def _lead(session: Session, said: Collection[Decision]) -> set[str]:
    """Call the records of these decisions as they are called by now; those that they were called before, and now."""
    after = _successors(session, {name for each in said for name in (each.a, each.b)})
    near: set[str] = set()
    for each in said:
        near |= {each.a_now, each.b_now}
        ways = _way(after, each.a), _way(after, each.b)
        each.a_now, each.b_now = ways[0][-1], ways[1][-1]
        each.led = not {*ways[0], *ways[1]} <= {each.a, each.b, each.a_now, each.b_now}
        near |= {each.a_now, each.b_now}
    return near


def _successors(session: Session, ids: Collection[str]) -> dict[str, str]:
    """What each of these was merged into by its home, and that one again, however often."""
    after: dict[str, str] = {}
    for _ in range(STEPS_AT_MOST):
        found = store_decisions.successors(session, ids)
        after |= found
        ids = set(found.values()) - after.keys()
        if not ids:
            break
    return after


def _way(after: Mapping[str, str], record_id: str) -> list[str]:
    """A record and what it was merged into, step by step; one that leads back to itself stays what it is."""
    way = [record_id]
    while (step := after.get(way[-1])) is not None and step not in way and len(way) <= STEPS_AT_MOST:
        way.append(step)
    return [record_id] if step in way else way


def _settle(session: Session, near: set[str]) -> None:
    reached, links = _reach(session, near)
    wanted = {each: min(group) for group in _groups(links) for each in group if each != min(group)}
    known = store_decisions.joined(session, reached)
    told: set[str] = set()
    for record_id in known.keys() - wanted.keys():
        told |= {record_id, known[record_id].kept}
        session.delete(known[record_id])
    for record_id, kept in wanted.items():
        told |= _join(session, record_id, kept, known.get(record_id))
    session.flush()
    rows = store_decisions.fed(session, told)
    if rows:
        store.feed_append(session, rows)


def _join(session: Session, record_id: str, kept: str, known: Joined | None) -> set[str]:
    """Keep that it is one with `kept`; the records of which the public sees something else by that."""
    said = canonical(_told(session, record_id))
    if known is None:
        session.add(Joined(record_id=record_id, kept=kept, said=said))
        return {record_id, kept}
    told = {record_id, kept, known.kept} if known.kept != kept else {kept} if known.said != said else set()
    known.kept, known.said = kept, said
    return told


def _reach(session: Session, near: set[str]) -> tuple[set[str], set[Link]]:
    """All records that are one with these, or with one that is; and which of them the homes say are one."""
    reached: set[str] = set()
    links: set[Link] = set()
    waiting = near
    while waiting:
        reached |= waiting
        found = _links(session, store_decisions.said_now(session, waiting))
        links |= found
        waiting = {each for link in found for each in link} - reached
    return reached, links


def _links(session: Session, said: Collection[Decision]) -> set[Link]:
    """The pairs of which every home says that they are one."""
    by_pair: dict[Link, list[Decision]] = defaultdict(list)
    for each in said:
        if each.a_now != each.b_now:
            by_pair[_ordered(each.a_now, each.b_now)].append(each)
    stands = store_decisions.stands(session, _names(said))
    return {pair for pair, of_it in by_pair.items() if _is_one(pair, of_it, stands)}


def _is_one(pair: Link, said: Iterable[Decision], stands: Mapping[str, Stand]) -> bool:
    one, other = (stands.get(each) for each in pair)
    if one is None or other is None or not (one.shown and other.shown):
        return False
    return outcome((_word(each) for each in said if _is_led(each, stands)), {one.home, other.home}).public


def _is_led(said: Decision, stands: Mapping[str, Stand]) -> bool:
    return _leads(said.a, said.a_now, stands) and _leads(said.b, said.b_now, stands)


def _leads(was: str, now: str, stands: Mapping[str, Stand]) -> bool:
    """Whether a record leads where it says: a home merges its own records alone."""
    return was == now or (was in stands and now in stands and stands[was].home == stands[now].home)


def _ordered(one: str, other: str) -> Link:
    return min(one, other), max(one, other)


def _names(said: Iterable[Decision]) -> set[str]:
    return {name for each in said for name in (each.a, each.b, each.a_now, each.b_now)}


def _groups(links: Iterable[Link]) -> list[set[str]]:
    group_of: dict[str, set[str]] = {}
    for one, other in links:
        mine, theirs = group_of.get(one, {one}), group_of.get(other, {other})
        if mine is not theirs:
            mine |= theirs
            for each in mine:
                group_of[each] = mine
    return list({id(group): group for group in group_of.values()}.values())


def _told(session: Session, record_id: str) -> dict[str, Any]:
    """What is told of a record beside the one that it is one with."""
    found = store_decisions.own_with_source(session, record_id)
    theirs = session.get(Other, record_id, populate_existing=True) if found is None or found[0].is_withdrawn else None
    if theirs is not None:
        native = theirs.native
        said = {"home": theirs.home, "source": theirs.source, "source_id": theirs.source_id}
        return said | {"id": record_id} | {name: native.get(name, "") for name in ("licence", "attribution")}
    if found is None:
        return {"id": record_id, "home": OURS, "source": "", "source_id": "", "licence": "", "attribution": ""}
    record, source = found
    return {"id": record_id, "home": OURS, "source": record.source, "source_id": record.source_id,
            "licence": source.licence, "attribution": source.attribution}  # fmt: skip
