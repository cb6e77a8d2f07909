"""Records move home by agreement of both nodes: one offers, the other accepts, the first lets go, the other adopts.

An offer travels sealed, with all that the records say, and changes nothing; it may be taken back until it is accepted.
On `accept` the home publishes `moved` for each record, which from then on is the other's to change; the other publishes
`adopted` once it holds that, since `moved` is what proves it (`moving.py`). Structures go with their public services.
Inside one transaction each.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.directory import carrying, events, moving, others, store, store_handing, store_others
from services.directory.asides import HandedRecord, Handover
from services.directory.model import Record
from services.directory.regaining import as_told
from services.directory.rules import check_draft
from services.directory.store_handing import ACCEPTED, OFFERED, REFUSED, TAKEN_BACK
from services.directory.views import view
from services.directory.writing import Desk
from services.kernel import clock
from services.kernel.announce import NewEvent
from services.kernel.applier import Event
from services.kernel.envelope import Header, Signed, canonical
from services.kernel.errors import ValidationError, WrongState
from services.kernel.identity import Identity
from services.kernel.sealing import sealed

OFFER, ACCEPT, REFUSE, TAKE_BACK = "offer", "accept", "refuse", "take_back"
KINDS: Final = frozenset({OFFER, ACCEPT, REFUSE, TAKE_BACK})
MESSAGE_BYTES: Final = 300_000
"""Of the records in one message: an event holds a million, and a box is a third larger than what is in it."""
OPEN_AT_MOST, RECORDS_AT_MOST = 20, 200_000
PAGE, TOLD_AT_MOST = 500, 100
_TEXT_AT_MOST: Final = 2_000


def choose(session: Session, desk: Desk, asked: dict[str, Any]) -> tuple[list[Record], list[Record]]:
    """What is to be offered, each structure before its services; and the structures of which a change waits: they stay.

    Raises `NotFound`, `NotHome`, `ValidationError` for an id that is no public structure of this node.
    """
    going: list[Record] = []
    staying: list[Record] = []
    for structure in _asked(session, desk, asked):
        whole = _whole(session, structure)
        going += whole
        staying += [] if whole else [structure]
    return going, staying


def offer(
    session: Session, to: str, keys: tuple[bytes, bytes], records: Sequence[Record], desk: Desk, said: dict[str, str]
) -> tuple[Handover, list[NewEvent]]:
    """Write down what is offered to a node, and the messages that tell it.

    Args:
        keys: its sealing key, and ours for the answer. said: `{note, by}`.
    Raises `ValidationError` where there is nothing to offer, `WrongState` where too many offers wait.
    """
    if not records or len(records) > RECORDS_AT_MOST:
        raise ValidationError("Aucune fiche publique à proposer." if not records else "Trop de fiches : par source.")
    if store_handing.open_ones(session, to, outward=True) >= OPEN_AT_MOST:
        raise WrongState("Trop de propositions attendent déjà la réponse de ce nœud.")
    name = str(uuid7())
    made = Handover(
        id=name, outward=True, node=to, theirs=name, reply=keys[0], state=OFFERED, total=len(records),
        note=said["note"], at=clock.to_text(clock.now()), by=said["by"], decided_at=None, answer="",
    )  # fmt: skip
    session.add(made)
    session.flush()
    session.add_all(_handed(made.id, view(each, desk.source(each.source)), keep=False) for each in records)
    reply = base64.b64encode(keys[1]).decode()
    head = {"kind": OFFER, "id": name, "total": made.total, "note": made.note, "reply": reply}
    parts = _parts([view(each, desk.source(each.source)) for each in records])
    return made, [sealed(events.SERVICE, to, keys[0], head | {"records": part}) for part in parts]


def decide(session: Session, made: Handover, state: str, by: str, answer: str = "") -> NewEvent:
    """Accept or refuse what was offered to this node, or take back what it offered; the message that tells the other.

    Raises `WrongState` where that was decided already, or has not come whole yet.
    """
    if made.state != OFFERED or made.outward != (state == TAKEN_BACK):
        raise WrongState("Cette proposition n’attend pas cette réponse.")
    counted = store_handing.counts(session, made.id)
    if state == ACCEPTED and counted["structures"] + counted["services"] < made.total:
        raise WrongState("Cette proposition n’est pas encore arrivée en entier : réessayez dans un instant.")
    made.state, made.answer, made.by = state, answer.strip(), by if state != TAKEN_BACK else made.by
    made.decided_at = clock.to_text(clock.now())
    if state != ACCEPTED:
        store_handing.forget_contents(session, made.id)
    kind = {ACCEPTED: ACCEPT, REFUSED: REFUSE, TAKEN_BACK: TAKE_BACK}[state]
    said = {"kind": kind, "id": made.theirs, "answer": made.answer}
    return sealed(events.SERVICE, made.node, made.reply or b"", said)


def receive(session: Session, desk: Desk, identity: Identity, node: str, said: dict[str, Any]) -> list[NewEvent]:
    """Take what another node says of an offer; what is to be announced. What makes no sense changes nothing."""
    try:
        name, kind = str(UUID(said["id"])), said["kind"]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []
    if kind == OFFER:
        return _receive_offer(session, node, name, said)
    made = store_handing.handover(session, name if kind != TAKE_BACK else str(uuid5(UUID(name), node)))
    if made is None or made.node != node or made.outward == (kind == TAKE_BACK):
        return []
    if made.state != OFFERED and not (kind == TAKE_BACK and made.state == ACCEPTED):
        return []  # decided already, or taken back meanwhile
    if kind == TAKE_BACK and store_handing.counts(session, made.id)["done"]:
        return []
    made.state = {ACCEPT: ACCEPTED, REFUSE: REFUSED, TAKE_BACK: TAKEN_BACK}[kind]
    made.answer, made.decided_at = str(said.get("answer") or "")[:_TEXT_AT_MOST], clock.to_text(clock.now())
    store_handing.forget_contents(session, made.id)
    carried: list[NewEvent] = []
    if kind == ACCEPT:
        let_go(session, desk, identity, made)
        carried = list(carrying.messages(session, made))
    return [*carried, events.handover("decided", made.id, 2, {"state": made.state, "node": node})]


def let_go(session: Session, desk: Desk, identity: Identity, made: Handover) -> int:
    """Publish `moved` for each record as it is now, and hold it as the other's; how many went.

    A structure that is not public any more, or of which a change waits by now, stays with its services.
    """
    session.flush()
    gone = 0
    for structure_id in store_handing.structures_of(session, made.id):
        structure = store.record(session, structure_id, lock=True)
        if structure is None or structure.home != desk.home:
            continue
        for record in _whole(session, structure):
            desk.showing.let_go(record, made.node, moving.keys_of(identity.public_key, identity.rotations))
            desk.note(record, "move", made.node)
            store_handing.note_done(session, record.id)
            gone += 1
    desk.showing.tell()
    return gone


def is_for(session: Session, event: Event, home: str) -> bool:
    """Whether an event `moved` of another node lets a record go to this one, which accepted it.

    A service is accepted with its structure: one that was public since the offer comes too, and none under another.
    """
    accepted = event.subject if event.data["kind"] == "structure" else str(event.data.get("structure"))
    to, term = moving.told_to(event.signed.header)
    if to != home or not store_handing.is_accepted(session, event.data["home"], accepted):
        return False
    held = store_others.owners(session, [event.subject]).get(event.subject)
    return held is None or held < (term, home)


def adopt(session: Session, desk: Desk, identity: Identity, event: Event) -> None:
    """Take over a record that its home let go, as it was there, and say so to all.

    What somebody objected to here is left out, and its history says of which fields.
    A service whose structure went on meanwhile follows it. Raises `ValidationError` where it says what no record may.
    """
    record = _taken(session, desk, event)
    session.flush()
    desk.showing.adopt(record)
    desk.note(record, "adopt", event.data["home"])
    if unwanted := desk.unwanted(event.data):
        desk.note(record, "forget", f"laissés de côté : {', '.join(unwanted)}")
    store_others.drop(session, record.id)
    store_handing.note_done(session, record.id)
    structure = store.record(session, record.structure) if record.structure else None
    if structure is not None and structure.home != desk.home:
        desk.showing.let_go(record, structure.home, moving.keys_of(identity.public_key, identity.rotations))
        desk.note(record, "move", structure.home)
    desk.showing.tell()


def adopt_late(session: Session, desk: Desk, identity: Identity, made: Handover) -> None:
    """Take over what was let go before this node accepted it: its database was put back, and it accepts anew."""
    session.flush()
    for each in store_handing.let_go_already(session, made):
        event = Event.of(Signed(Header.from_raw(each.header), each.signature, each.data, each.salt))
        if event.data is not None and is_for(session, event, desk.home):
            adopt(session, desk, identity, event)


def _taken(session: Session, desk: Desk, event: Event) -> Record:
    """The record of an event `moved` as it is this node's: what it says, who checked it, and the proof."""
    said = event.data
    record = as_told(session, desk, event.subject, said)
    record.home, record.origin = desk.home, said.get("origin", said["home"])
    record.term, record.version = moving.term_of(said) + 1, event.recordversion + 1
    record.proof = canonical([*said.get("proof", ()), moving.link(event.signed, said)])
    return record


def unwanted(session: Session, desk: Desk, made: Handover) -> list[dict[str, Any]]:
    """Records of an offer of which somebody objected here to a part, `{id, name, fields}`, a hundred at most."""
    found: list[dict[str, Any]] = []
    after = ""
    while len(found) < TOLD_AT_MOST and (page := store_handing.handed(session, made.id, after, PAGE)):
        after = page[-1].record_id
        said = [(each, desk.unwanted(orjson.loads(each.data)) if each.data else []) for each in page]
        found += [{"id": each.record_id, "name": each.name, "fields": fields} for each, fields in said if fields]
    return found[:TOLD_AT_MOST]


def shown(session: Session, made: Handover) -> dict[str, Any]:
    """An offer as both sides see it, with what came of it."""
    home = store_others.home(session, made.node)
    return {
        "id": made.id, "outward": made.outward, "node": made.node, "name": home.name if home else made.node,
        "state": made.state, "total": made.total, "note": made.note, "at": made.at, "by": made.by,
        "decided_at": made.decided_at, "answer": made.answer, **store_handing.counts(session, made.id),
    }  # fmt: skip


def _asked(session: Session, desk: Desk, asked: dict[str, Any]) -> Iterator[Record]:
    if asked["ids"] is None:
        yield from store_handing.public_structures(session, asked["source"])
        return
    for each in dict.fromkeys(asked["ids"]):
        record = store.record(session, each)
        if record is None:
            raise others.not_ours(session, each)
        others.require_home(session, record, desk.home)
        if record.kind != "structure" or not record.is_public:
            raise ValidationError(f"{each} n’est pas une structure publique : un service part avec sa structure.")
        yield record


def _whole(session: Session, structure: Record) -> list[Record]:
    """A structure and its public services, as the public sees them; nothing where it does not see one as it is now."""
    services = [each for each in store.services_of(session, structure.id, lock=False) if each.is_public]
    whole = [structure, *services]
    return whole if all(each.public_version == each.version for each in whole) else []


def _handed(handover_id: str, native: dict[str, Any], keep: bool) -> HandedRecord:
    return HandedRecord(
        handover_id=handover_id, record_id=native["id"], kind=native["kind"], done=False,
        name=str(native["fields"].get("nom") or native["source_id"])[:500],
        data=orjson.dumps(native) if keep else None,
    )  # fmt: skip


def _parts(natives: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The records of an offer by messages, each of a size that one event may have."""
    part: list[dict[str, Any]] = []
    size = 0
    for native in natives:
        bytes_ = len(orjson.dumps(native))
        if part and size + bytes_ > MESSAGE_BYTES:
            yield part
            part, size = [], 0
        part.append(native)
        size += bytes_
    yield part


def _receive_offer(session: Session, node: str, name: str, said: dict[str, Any]) -> list[NewEvent]:
    own_id = str(uuid5(UUID(name), node))
    try:
        reply, total = base64.b64decode(said["reply"], validate=True), int(said["total"])
        offered = {str(UUID(each["id"])): each for each in said["records"] if _is_of(node, each)}
        note = str(said.get("note") or "")[:_TEXT_AT_MOST]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []
    made = store_handing.handover(session, own_id)
    told = []
    if made is None:
        if len(reply) != 32 or not 0 < total <= RECORDS_AT_MOST:
            return []
        if store_handing.open_ones(session, node, outward=False) >= OPEN_AT_MOST:
            return []
        made = Handover(
            id=own_id, outward=False, node=node, theirs=name, reply=reply, state=OFFERED, total=total, note=note,
            at=clock.to_text(clock.now()), by="", decided_at=None, answer="",
        )  # fmt: skip
        session.add(made)
        session.flush()
        told = [events.handover("offered", own_id, 1, {"node": node, "total": total})]
    if made.state == OFFERED:
        known = store_handing.handed_among(session, own_id, offered)
        session.add_all(_handed(own_id, each, keep=True) for key, each in offered.items() if key not in known)
        session.flush()
    return told


def _is_of(node: str, native: Any) -> bool:
    """Whether a record that a node offers is one that it says to hold, and makes sense."""
    return native["home"] == node and not check_draft({**native, "structure_source_id": "-"})
