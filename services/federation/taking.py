"""Believe nothing of what another node says of a stream until it is proved, then keep it.

An event is kept where it is the next of its stream, holds the hash of the one before, holds the data that was signed,
tells of a record of that home, and is signed by a key of the home, itself or one after it in the same page: who signs
a header signs the chain that it ends. What fails is charged to the link that brought it, never to the node that it
names: a forger names others. At each checkpoint what is held here is compared with what the home signed there.

Where only the last event of each record is read, no chain holds them together. Who held nothing before believes the
checkpoint at the end, whose root names all their headers, and until then shows nothing; if they are not what it says,
nothing of it is kept, and the next reading proves each by itself. So does who held something before. What no root
names (events about the stream, tombstones) is always proved by its own signature.

Source of the rules: `docs/federation.md`, "What is believed"; why so, `docs/decisions/0012`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from services.federation import store
from services.federation.model import ANEW, Taken
from services.federation.refusals import Bare, Refused, told
from services.kernel.checkpoint import StateRoot, is_about_stream, is_live, last_of, note_heads
from services.kernel.envelope import Forged, Header, Malformed, Signed, check_data, read, verify
from services.kernel.giving import in_pieces
from services.kernel.identity import Keyring
from services.kernel.inbox import MAX_BODY_BYTES
from services.kernel.redaction import REDACTED
from services.kernel.verify import CHECKPOINTED, REOPENED

Tells = Callable[[str, Header, Any], bool]
"""(home, header, data) → whether the data is about a record of that home, the one that the header names."""


Erased = set[tuple[int, int, str]]
"""(epoch, seq, datahash) of events whose data their home erased."""


class Place(NamedTuple):
    """Where a stream is held to: the last event's place and header hash."""

    epoch: int
    seq: int
    hash: str


@dataclass
class Receipt:
    """What became of a page: how many events were kept, and why it ended early."""

    kept: int = 0
    refused: str = ""
    erased: bool = False
    """The home told of events that it erased: they are here, and go from here too."""
    ended: bool = False
    """The checkpoint at the end of the records was there, and they are what it says."""
    bare: bool = False
    """It ended at an event without its data: each record's last event, which has its data, is to be read instead."""
    waiting: list[Signed] = field(default_factory=list)


@dataclass
class Taker:
    """Takes the streams of one home; keeps their state roots in memory between pages."""

    keyring: Keyring
    tells: Tells
    _roots: dict[str, StateRoot] = field(default_factory=dict)
    _doubted: set[str] = field(default_factory=set)
    """Streams whose records were not what their checkpoint says: the next time each proves itself."""

    def take(self, session: Session, taken: Taken, bodies: Sequence[bytes]) -> Receipt:
        """Keep the events of a page up to the first that is not true; the caller commits, or calls `forget`."""
        receipt = Receipt()
        proved = self._proved(taken, bodies, receipt)
        if proved and taken.reading and taken.seq == 0:  # records that no checkpoint has named yet
            store.drop(session, taken)
            self._roots.pop(taken.stream, None)
            taken.reading = False
        for event in in_pieces(proved):
            head = event.header
            if head.type.endswith((CHECKPOINTED, REOPENED)):
                # the root is made from what is held: what came before stands there first
                _keep(session, taken.stream, receipt)
                self._compare(session, taken, event)
            else:
                self._root(taken).note(head)
            receipt.waiting.append(event)
            taken.epoch, taken.seq, taken.hash = head.epoch, head.seq, head.hash
        _keep(session, taken.stream, receipt)
        return receipt

    def take_snapshot(self, session: Session, taken: Taken, bodies: Sequence[bytes]) -> Receipt:
        """Keep a page of records' last events, up to the first that is not true; the last page ends at a checkpoint.

        Where the records are not what the checkpoint says, `refused` says so and nothing more is taken from there.
        """
        receipt = Receipt()
        self._count_in(session, taken)
        for body in in_pieces(bodies):
            try:
                event = self._proved_record(taken, body)
            except ValueError as error:
                receipt.refused = told(taken.read_epoch, taken.read_seq, error)
                break
            receipt.waiting.append(event)
            taken.read_epoch, taken.read_seq = event.header.epoch, event.header.seq
        last = receipt.waiting[-1] if receipt.waiting else None
        note_heads(session, taken.stream, last_of(event.header for event in receipt.waiting))
        _keep(session, taken.stream, receipt)
        if last is not None and last.header.type.endswith(CHECKPOINTED):
            self._end(session, taken, last, receipt)
        return receipt

    def _count_in(self, session: Session, taken: Taken) -> None:
        """Before the first page: the state is brought from the last checkpoint to what is held."""
        if taken.reading:
            return
        self._roots.pop(taken.stream, None)
        note_heads(
            session, taken.stream, store.heads_between(session, taken.stream, taken.epoch, taken.root_seq, taken.seq)
        )
        taken.reading, taken.read_epoch, taken.read_seq = True, taken.epoch, taken.seq

    def _proved_record(self, taken: Taken, body: bytes) -> Signed:
        event = self._readable(taken, body)
        head = event.header
        if (head.epoch, head.seq) <= (taken.read_epoch, taken.read_seq):
            raise Refused(f"({head.epoch}, {head.seq}) devait venir plus tôt")
        if event.data is None:
            raise Refused("le dernier événement d’une fiche, vidé de son contenu")
        if not (self._by_root(taken) and is_named_by_root(head)):
            self.keyring.check_event(head, event.signature)
        self._believed(taken, event)
        return event

    def _by_root(self, taken: Taken) -> bool:
        """Whether records are believed at the end, by the checkpoint: nothing of theirs was held or shown before."""
        return taken.seq == 0 and taken.stream.removesuffix(ANEW) not in self._doubted

    def _end(self, session: Session, taken: Taken, event: Signed, receipt: Receipt) -> None:
        head, root = event.header, self._root(taken)
        by_root, stream = self._by_root(taken), taken.stream.removesuffix(ANEW)
        found = root.load(session, head.epoch, head.seq)
        taken.reading, taken.differs = False, (event.payload() or {}).get("root") != found
        if taken.differs:
            receipt.refused = f"({head.epoch}, {head.seq}) : les fiches ne sont pas celles du point de contrôle"
            if by_root:  # which of them is the lie is not known yet
                self._doubted.add(stream)
                self._roots.pop(taken.stream, None)
                store.drop(session, taken)
                receipt.kept = 0
                return
        elif by_root:
            store.drop_superseded(session, taken.stream, (head.epoch, head.seq))
        self._doubted.discard(stream)
        taken.root = found
        taken.epoch, taken.seq, taken.hash, taken.root_seq = head.epoch, head.seq, head.hash, head.seq
        taken.base_epoch, taken.base_seq = head.epoch, head.seq
        root.moved(head.epoch, head.seq)
        receipt.ended = not taken.differs

    def forget(self, stream: str) -> None:
        """A commit failed: what was counted did not happen."""
        self._roots.pop(stream, None)

    def _proved(self, taken: Taken, bodies: Sequence[bytes], receipt: Receipt) -> list[Signed]:
        """The events of a page that are proved; `receipt.refused` says why not the next one."""
        events: list[Signed] = []
        place, erased = Place(taken.epoch, taken.seq, taken.hash), self._erased(bodies)
        for body in in_pieces(bodies):
            try:
                event = self._next(taken, place, body, erased)
            except ValueError as error:
                receipt.refused = told(place.epoch, place.seq + 1, error)
                receipt.bare = isinstance(error, Bare)
                break
            events.append(event)
            place = Place(event.header.epoch, event.header.seq, event.header.hash)
        while events:  # the last that is signed proves all before it, whose hashes it signs
            try:
                self.keyring.check_event(events[-1].header, events[-1].signature)
                break
            except Forged as error:
                head = events.pop().header
                receipt.refused = told(head.epoch, head.seq, error)
        return events

    def _next(self, taken: Taken, place: Place, body: bytes, erased: Erased) -> Signed:
        """The event after a place, all but its signature proved."""
        event = self._readable(taken, body)
        if not _follows(place, event):
            raise Refused(f"({event.header.epoch}, {event.header.seq}) n’est pas la suite de ce qui est tenu")
        self._believed(taken, event)
        if event.data is None and (event.header.epoch, event.header.seq, event.header.datahash) not in erased:
            raise Bare("vidé de son contenu, et rien ne dit que son nœud l’a effacé")
        if not is_named_by_root(event.header):
            self.keyring.check_event(event.header, event.signature)
        return event

    def _erased(self, bodies: Sequence[bytes]) -> Erased:
        """What the home says in a page that it erased. Of what it says further on each record's last event tells."""
        erased: Erased = set()
        for body in bodies:
            if REDACTED.encode() not in body:
                continue
            try:
                event = read(body)
                verify(event, self.keyring.check_event)
                listed = event.payload()["redacted"] if event.header.type.endswith(REDACTED) else ()
                erased |= {(each["epoch"], each["seq"], each["datahash"]) for each in listed}
            except (ValueError, KeyError, TypeError):
                continue  # it is refused in its turn
        return erased

    def _readable(self, taken: Taken, body: bytes) -> Signed:
        if len(body) > MAX_BODY_BYTES:
            raise Malformed(f"{len(body)} bytes, at most {MAX_BODY_BYTES}")
        event = read(body)
        if event.header.stream != taken.stream.removesuffix(ANEW):
            raise Refused(f"est du flux {event.header.stream}")
        return event

    def _believed(self, taken: Taken, event: Signed) -> None:
        """Raises `ValueError` unless the data is what the header says, and about a record of that home."""
        check_data(event)
        of_a_record = event.data is not None and not is_about_stream(event.header.type)
        if of_a_record and not self.tells(taken.node, event.header, event.parsed):
            raise Refused("dit une fiche qui n’est pas de son nœud")

    def _compare(self, session: Session, taken: Taken, event: Signed) -> None:
        root, claims = self._root(taken), event.payload() or {}
        taken.root = root.advance(session, taken.epoch, taken.root_seq, taken.seq)
        if event.header.type.endswith(CHECKPOINTED):
            taken.differs = claims.get("root") != taken.root
        taken.root_seq = event.header.seq
        root.moved(event.header.epoch, event.header.seq)

    def _root(self, taken: Taken) -> StateRoot:
        root = self._roots.get(taken.stream)
        if root is None:
            root = self._roots[taken.stream] = StateRoot(taken.stream, store.heads_between)
        return root


def _keep(session: Session, stream: str, receipt: Receipt) -> None:
    """Write what waits; a redaction takes away what it names, which may stand just before it."""
    if not receipt.waiting:
        return
    store.carry(session, stream, receipt.waiting)
    for event in receipt.waiting:
        if event.header.type.endswith(REDACTED):
            places = [(each["epoch"], each["seq"]) for each in (event.payload() or {}).get("redacted", ())]
            store.erase(session, stream, places)
            receipt.erased = True
    receipt.kept += len(receipt.waiting)
    receipt.waiting = []


def is_named_by_root(head: Header) -> bool:
    """Whether a state root may name this event: it is a record's, and the record still exists after it."""
    return is_live(head.type) and not is_about_stream(head.type)


def _follows(place: Place, event: Signed) -> bool:
    """Whether an event is the next of what is held: by number, by hash, in the same epoch or opening a later one."""
    head = event.header
    if head.seq != place.seq + 1 or head.prev != place.hash:
        return False
    if head.epoch == place.epoch:
        return True
    claims = event.payload() if head.type.endswith(REOPENED) else None
    base = claims and (claims.get("epoch"), claims.get("seq"), claims.get("hash"))
    return head.epoch > place.epoch and base == place
