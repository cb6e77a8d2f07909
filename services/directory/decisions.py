"""Decisions about two structures, told to all nodes and heard from them: each a public record of its author.

A node decides once of a pair; deciding again or taking it back is the next version of that record. It says which
identifiers, what, and of a branch which is the head: nothing of people. What comes of all nodes' decisions is worked
out by `deciding.py`; what the public sees by that, by `joining.py`.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from sqlalchemy.orm import Session

from services.directory import events, joining, store_decisions, store_others
from services.directory.asides import Decision
from services.directory.deciding import BRANCH, CAREFUL
from services.directory.formats.ids import is_record_id, record_id
from services.directory.store_decisions import OURS
from services.kernel import clock
from services.kernel.applier import Event
from services.kernel.log import EventLog

KIND: Final = "duplicate"
SOURCE: Final = "decisions"
"""By which a decision's identifier is made, as a record's is: no node can tell another's."""
LONGEST: Final = 16
"""Letters of what is decided; what this release does not know is held, and counts for nothing."""
_logger = structlog.get_logger(__name__)


def say(
    session: Session, log: EventLog, own: str, pair: tuple[str, str], decision: str | None, head: str | None = None
) -> None:
    """Tell the others what this node (`own`, a fingerprint) decided of a pair; `None`: nothing any more.

    What it had said of records that were merged into one of the two goes: a node says one thing of a pair.
    Announces `directory.duplicate.decided.v1`, `directory.duplicate.withdrawn.v1`.
    """
    store_others.take_turn(session)
    a, b = min(pair), max(pair)
    name = _name(own, a, b)
    for each in store_decisions.own_of(session, a, b):
        if each.id != name or decision is None:
            _tell(session, log, own, each, None)
    if decision is not None:
        row = store_decisions.decision(session, name)
        if row is None:
            row = Decision(id=name, node=OURS, a=a, b=b, a_now=a, b_now=b, led=False, epoch=0, version=0)
            session.add(row)
        _tell(session, log, own, row, decision, head)
    joining.settle(session, {a, b})


def regain(session: Session, log: EventLog, own: str, event: Event) -> None:
    """What this node said of a pair and its database forgot, since it was put back: said again, in its later epoch.

    The caller has the turn, as of `joining.settle`.
    """
    if event.type not in events.DECISIONS or event.data is None:
        return
    row = store_decisions.decision(session, event.subject)
    if row is not None and row.version >= event.recordversion:
        return
    a, _, b = str(event.data["source_id"]).partition(".")
    if row is None:
        row = Decision(id=event.subject, node=OURS, a=a, b=b, a_now=a, b_now=b, led=False, decision="", epoch=0)
        session.add(row)
    row.version = event.recordversion - 1
    _tell(session, log, own, row, event.data.get("decision"), event.data.get("head"))
    joining.settle(session, {a, b})


def take(session: Session, event: Event) -> None:
    """Hold what another node decided, where it is newer than what is held of it; what is no decision is passed over."""
    node, said = event.stream.partition("/")[0], event.data
    a, _, b = str(said["source_id"]).partition(".")
    ended = event.type == events.DUPLICATE_WITHDRAWN
    if (why := _why_not(said, a, b, ended)) is not None:
        _logger.warning("no decision about a pair", record=event.subject, stream=event.stream, reason=why)
        return
    store_others.take_turn(session)
    row = store_decisions.decision(session, event.subject)
    place = event.signed.header.epoch, event.recordversion
    if row is not None and not (event.whole or place > (row.epoch, row.version)):
        return
    if row is None:
        row = Decision(id=event.subject, node=node, a=a, b=b, a_now=a, b_now=b, led=False, decision="", kept_at="")
        session.add(row)
    row.decision = said.get("decision", row.decision)
    row.head = said.get("head") if row.decision == BRANCH else None
    row.at, row.heard_at = str(said["changed_at"])[:32], clock.to_text(clock.now())
    (row.epoch, row.version), row.ended = place, ended
    store_decisions.compare_again(session, {a, b})
    joining.settle(session, {a, b})


def forget(session: Session, node: str, ids: list[str] | None = None) -> None:
    """Decisions of another node are no more: all of them, or these; no event says so."""
    store_others.take_turn(session)
    gone = store_decisions.end(session, node, ids)
    joining.settle(session, {each for pair in gone for each in pair})
    store_decisions.forget(session, node, ids)  # last: what follows from them is found by them


def heed(session: Session, node: str) -> None:
    """Another node is shown here again, or no more: what it decided counts, or not."""
    joining.settle(session, {each for pair in store_decisions.of_node(session, node) for each in pair})


def keep(session: Session, own: str, pair: tuple[str, str]) -> bool:
    """Somebody saw what others say otherwise, and keeps this node's decision; whether there is one."""
    rows = store_decisions.own_of(session, *pair)
    for row in rows:
        row.kept_at = clock.to_text(clock.now())
    return bool(rows)


def _name(own: str, a: str, b: str) -> str:
    return str(record_id(own, KIND, SOURCE, f"{a}.{b}"))


def _tell(
    session: Session, log: EventLog, own: str, row: Decision, decision: str | None, head: str | None = None
) -> None:
    row.decision, row.head, row.ended = decision or row.decision, head, decision is None
    row.at = row.heard_at = clock.to_text(clock.now())
    row.version, row.kept_at = row.version + 1, ""
    log.append(session, events.decided(_record(row, own), withdrawn=row.ended))


def _record(row: Decision, own: str) -> dict[str, Any]:
    named = {
        "id": row.id, "kind": KIND, "home": own, "source": SOURCE, "source_id": f"{row.a}.{row.b}",
        "version": row.version, "changed_at": row.at,
    }  # fmt: skip
    if row.ended:
        return named
    return named | {"decision": row.decision} | ({"head": row.head} if row.head else {})


def _why_not(said: dict[str, Any], a: str, b: str, ended: bool) -> str | None:
    if said["kind"] != KIND or said["source"] != SOURCE or not (is_record_id(a) and is_record_id(b) and a < b):
        return "it names no pair"
    if not isinstance(said.get("changed_at"), str):
        return "it does not say when"
    if ended:
        return None
    decision = said.get("decision")
    if not isinstance(decision, str) or len(decision) > LONGEST:
        return "it does not say what"
    if decision in CAREFUL and (decision == BRANCH) != (said.get("head") in (a, b)):
        return "a branch has a head, which is one of the two"
    return None
