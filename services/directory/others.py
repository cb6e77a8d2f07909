"""Records of other nodes: held as their homes signed them, shown beside ours, changed by nobody here.

What federation holds is proved already: signed, in order, of the home that it names (`services/federation/taking.py`).
Here a record is replaced by a newer one of its own, by (term, home, epoch, version), and takes its place in the public
feed. Of one that moved home, what is not proved (`moving.py`) is passed over: held by federation, shown nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
import structlog
from sqlalchemy import event as hooks
from sqlalchemy.orm import Session

from services.directory import decisions, events, joining, moving, store, store_others
from services.directory.asides import GONE, HIDDEN, SHOWN, Hiding, HomeNode, Other
from services.directory.model import Record
from services.kernel import clock
from services.kernel.announce import SHARED
from services.kernel.applier import Event
from services.kernel.errors import Conflict, NotFound, NotHome
from services.kernel.giving import give_way, in_pieces

BLOCKED, REMOVED = "blocked", "removed"
_logger = structlog.get_logger(__name__)
_WAITING = "maillage.others.waiting"


def take(session: Session, event: Event, knows: Callable[[Session], moving.Knows]) -> bool:
    """Hold what another node said of its record; written with the others of this transaction, just before its end.

    Whether it is believed: of a record that moved home only what is proved is. `knows`: the keys of nodes.
    """
    if moving.term_of(event.data) and (why := moving.why_not(event.signed.header, event.data, knows(session))):
        _logger.warning("a record that its home does not prove", record=event.subject, stream=event.stream, reason=why)
        return False
    waiting = session.info.get(_WAITING)
    if waiting is None:
        waiting = session.info[_WAITING] = {}
        hooks.listen(session, "before_commit", _write, once=True)
    waiting[event.subject] = event
    return True


def _write(session: Session) -> None:
    waiting: dict[str, Event] = session.info.pop(_WAITING)
    session.flush()
    held = store_others.versions(session, list(waiting))
    give_way()
    ours = store_others.owners(session, list(waiting))
    newer = [each for each in waiting.values() if _replaces(each, held.get(each.subject), ours.get(each.subject))]
    if not newer:
        return
    store_others.take_turn(session)
    for each in in_pieces(newer):
        if each.subject in ours and ours[each.subject] != _owner(each):
            _concede(session, each)
    known = store_others.homes(session)
    hidden = store_others.hidden_among(session, [each.subject for each in newer])
    rows = [_row(each, known, hidden) for each in in_pieces(newer)]
    store_others.put(session, rows)
    joining.fed(session, [_fed(row, _stream(row["home"])) for row in rows])


def _concede(session: Session, event: Event) -> None:
    """A record of this node is another's, who proves it: the database was put back, or two took it."""
    record = store.record(session, event.subject, lock=True)
    if record is not None:
        term, home = _owner(event)
        record.leave(home, term, clock.now())


def know(session: Session, said: Mapping[str, Any]) -> None:
    """Another node was added, renamed, blocked or removed: its records are shown, hidden or forgotten with it."""
    home = store_others.home(session, said["node"])
    if home is None:
        home = HomeNode(node=said["node"], label="", name="", url="", shown=True)
        session.add(home)
    names = said["label"], said["name"], said["url"]
    renamed = (home.label, home.name, home.url) != names
    home.label, home.name, home.url = names
    home.shown = said["state"] not in (BLOCKED, REMOVED)
    if said.get("keys"):
        home.keys = orjson.dumps(said["keys"])
    session.flush()
    node, shown = home.node, home.shown
    # Its records are told anew where it is known by other names: whoever follows the feed shows them beside.
    followed = (SHOWN, HIDDEN) if renamed else (HIDDEN,)
    states = {REMOVED: (SHOWN, HIDDEN), BLOCKED: (SHOWN,)}.get(said["state"], followed)
    store_others.take_turn(session)
    for some in store_others.others_of(session, node, states):
        _settle(session, some, said["state"], shown)
    if said["state"] == REMOVED:
        decisions.forget(session, node)
    else:
        decisions.heed(session, node)


def _settle(session: Session, some: list[Other], state: str, shown: bool) -> None:
    hidden = store_others.hidden_among(session, [each.id for each in some])
    for each in some:
        each.state = SHOWN if shown and each.id not in hidden else HIDDEN
        each.matched = each.kind != "structure"
    session.flush()
    rows = [{"id": each.id, "kind": each.kind, "epoch": each.epoch, "seq": 0, "state": each.state} for each in some]
    joining.fed(session, [_fed(row, _stream(each.home)) for row, each in zip(rows, some, strict=True)])
    if state == REMOVED:  # followed again one day, its records are read from their beginning
        store_others.forget(session, [each.id for each in some], anew=True)


def require_home(session: Session, record: Record, node: str) -> None:
    """Raises `NotHome`, as `not_ours`, on a record that is another node's by now: only its home may change it."""
    if record.home != node:
        raise _not_home(session, record)


def not_ours(session: Session, record_id: str) -> NotFound | NotHome:
    """Why a record that is not of this node cannot be worked on: who holds it and where, or that there is none.

    The details of `NotHome` are `{home, name, url, page}`: fingerprint, name and address of its home, and the record's
    page there; the addresses are empty where this node knows no such peer, whose name is then its fingerprint.
    """
    found, left = store_others.other(session, record_id), store.record(session, record_id)
    if found is None or (left is not None and left.term > found.term and found.state != GONE):
        held: Other | Record | None = left  # its new home has not said more yet
    else:
        held = None if found.state == GONE else found
    return NotFound(f"Aucune fiche {record_id}.") if held is None else _not_home(session, held)


def whose(session: Session, held: Other | Record) -> str:
    """The name and the address of the home of a record; its fingerprint where this node knows no such peer."""
    home = store_others.home(session, held.home)
    return f"{home.name}, {home.url}" if home else f"le nœud {held.home}, que celui-ci ne connaît pas"


def _not_home(session: Session, held: Other | Record) -> NotHome:
    home = store_others.home(session, held.home)
    name, url = (home.name, home.url) if home else (held.home, "")
    page = f"{url.rstrip('/')}/{held.kind}s/{held.id}" if url else ""
    said = {"home": held.home, "name": name, "url": url, "page": page}
    return NotHome(f"Cette fiche est tenue par {whose(session, held)} : elle se change là-bas.", said)


def hide(session: Session, named: str, reason: str, by: str) -> Hiding:
    """Show a record of another node no more, whatever its home publishes of it; said again, the newer reason holds.

    Args:
        named: its id, or the address of its page on this node.

    Raises `NotFound` where no other node publishes it, `Conflict` where two do under the same name.
    """
    store_others.take_turn(session)
    found = _held(session, named)
    made = store_others.hiding(session, found.id)
    if made is None:
        made = Hiding(record_id=found.id, turns=0)
        session.add(made)
    made.reason, made.by, made.at, made.ended = reason, by, clock.to_text(clock.now()), False
    made.turns += 1
    _feed(session, found, HIDDEN)
    return made


def show(session: Session, record_id: str, by: str) -> Hiding:
    """Show it again, as its home publishes it by now. Raises `NotFound` where it was not hidden."""
    store_others.take_turn(session)
    made = store_others.hiding(session, record_id)
    if made is None or made.ended:
        raise NotFound(f"La fiche {record_id} n’est pas masquée par ce nœud.")
    made.by, made.at, made.ended = by, clock.to_text(clock.now()), True
    made.turns += 1
    found = store_others.other(session, record_id)
    home = store_others.home(session, found.home) if found else None
    if found is not None and found.state != GONE and (home is None or home.shown):
        _feed(session, found, SHOWN)
    return made


def hiding_view(made: Hiding, other: Other | None = None) -> dict[str, Any]:
    """`{id, reason, by, at, hidden}`; with the record also `{kind, home, source, source_id, name}`."""
    said = {"id": made.record_id, "reason": made.reason, "by": made.by, "at": made.at, "hidden": not made.ended}
    if other is None:
        return said
    native = orjson.loads(other.data) if other.data else {}
    named = {"kind": other.kind, "home": other.home, "source": other.source, "source_id": other.source_id}
    return said | named | {"name": (native.get("fields") or {}).get("nom", "")}


def _held(session: Session, named: str) -> Other:
    last = unquote(urlsplit(named).path).rpartition("/")[2]
    found = store_others.other(session, last)
    if found is not None and found.state != GONE:
        return found
    source, _, source_id = last.partition("--")
    several = store_others.others_named(session, source, source_id)
    if len(several) > 1:
        ids = ", ".join(each.id for each in several)
        raise Conflict(f"Plusieurs nœuds publient {source}--{source_id} : donnez l’identifiant voulu, parmi {ids}.")
    if not several:
        raise NotFound(f"Aucun autre nœud ne publie la fiche « {named} ».")
    return several[0]


def _feed(session: Session, found: Other, state: str) -> None:
    """Change whether it is shown, in the feed too, where that is a change."""
    if found.state == state:
        return
    found.state, found.matched = state, found.kind != "structure"
    row = {"id": found.id, "kind": found.kind, "epoch": found.epoch, "seq": 0, "state": state}
    joining.fed(session, [_fed(row, _stream(found.home))])


def vanish(session: Session, home: str, ids: Sequence[str]) -> None:
    """These records of another node are no more, and no event of it says so: its stream was read anew."""
    decisions.forget(session, home, list(ids))
    gone = [each for each in store_others.held_of(session, home, ids) if each.state != GONE]
    if not gone:
        return
    store_others.take_turn(session)
    rows = [{"id": each.id, "kind": each.kind, "epoch": each.epoch, "seq": 0, "state": GONE} for each in gone]
    joining.fed(session, [_fed(row, _stream(home)) for row in rows])
    store_others.forget(session, [each.id for each in gone])


def _owner(event: Event) -> tuple[int, str]:
    """In which term it is whose, as an event says."""
    return moving.term_of(event.data), event.data["home"]


def _replaces(event: Event, held: tuple[int, str, int, int] | None, ours: tuple[int, str] | None) -> bool:
    """A newer version does; where the stream is read anew, so does any other than the one held, of that home and term.

    Args:
        held: (term, home, epoch, version) of what is held of others.
        ours: (term, home) as this node's own records have it, of one that is or was its own.
    """
    owner = _owner(event)
    if ours is not None and owner < ours:
        return False
    place = *owner, event.signed.header.epoch, event.recordversion
    return held is None or place > held or (event.whole and owner == held[:2] and place != held)


def _row(event: Event, known: Mapping[str, HomeNode], hidden: Container[str]) -> dict[str, Any]:
    said, signed = event.data, event.signed
    home = known.get(said["home"])
    shown = SHOWN if (home is None or home.shown) and event.subject not in hidden else HIDDEN
    state = GONE if event.type in events.PUBLIC_DELETES else shown
    return {
        "id": event.subject, "kind": said["kind"], "home": said["home"], "source": said["source"],
        "source_id": said["source_id"], "version": event.recordversion, "epoch": signed.header.epoch,
        "term": moving.term_of(said), "seq": event.seq, "state": state, "header": signed.header.raw,
        "signature": signed.signature, "data": signed.data, "salt": signed.salt,
        "matched": said["kind"] != "structure",
    }  # fmt: skip


def _stream(home: str) -> str:
    return f"{home}/{events.SERVICE}/{SHARED}"


def _fed(row: Mapping[str, Any], stream: str) -> dict[str, Any]:
    op = "put" if row["state"] == SHOWN else "delete"
    return {"subject": row["id"], "kind": row["kind"], "epoch": row["epoch"], "seq": row["seq"], "op": op,
            "reach": stream}  # fmt: skip
