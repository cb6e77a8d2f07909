"""Believe nothing of what another node says of a stream until it is proved, then keep it.

An event is kept where it is the next of its stream, holds the hash of the one before, is signed by a key of the
stream's home, holds the data that was signed, and tells of a record of that home. What fails is charged to the link
that brought it, never to the node that it names: a forger names others. At each checkpoint what is held here is
compared with what the home signed there. Where only the last event of each record is read, no chain holds them
together: each is proved by itself, and that none is missing by the checkpoint at the end. Source of the rules:
`docs/federation.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from services.federation import store
from services.federation.model import ANEW, Taken
from services.kernel.checkpoint import StateRoot, is_about_stream, last_of, note_heads
from services.kernel.envelope import Header, Malformed, Signed, read, verify
from services.kernel.identity import Keyring
from services.kernel.inbox import MAX_BODY_BYTES
from services.kernel.redaction import REDACTED
from services.kernel.verify import CHECKPOINTED, REOPENED

Tells = Callable[[str, Header, Any], bool]
"""(home, header, data) → whether the data is about a record of that home, the one that the header names."""


Place = tuple[int, int, str]
"""(epoch, seq, datahash) of an event."""


class Refused(ValueError):
    """An event that is not kept, and why; what came before it is."""


class Bare(Refused):
    """An event without its data, of which nothing here says that its home erased it."""


@dataclass
class Receipt:
    """What became of a page: how many events were kept, and why it ended early."""

    kept: int = 0
    refused: str = ""
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

    def take(self, session: Session, taken: Taken, bodies: Sequence[bytes]) -> Receipt:
        """Keep the events of a page up to the first that is not true; the caller commits, or calls `forget`."""
        receipt = Receipt()
        erased = self._erased(bodies)
        for body in bodies:
            try:
                event = self._proved(taken, body, erased)
            except ValueError as error:
                receipt.refused = f"({taken.epoch}, {taken.seq + 1}) : {error}"
                receipt.bare = isinstance(error, Bare)
                break
            head = event.header
            if head.type.endswith((CHECKPOINTED, REOPENED)):
                _keep(
                    session, taken.stream, receipt
                )  # the root is made from what is held: what came before stands there first
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
        for body in bodies:
            try:
                event = self._proved_record(taken, body)
            except ValueError as error:
                receipt.refused = f"({taken.read_epoch}, {taken.read_seq}) : {error}"
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
            raise Refused(f"({head.epoch}, {head.seq}) was to come earlier")
        if event.data is None:
            raise Refused("the last event of a record without its data")
        self._believed(taken, event)
        return event

    def _end(self, session: Session, taken: Taken, event: Signed, receipt: Receipt) -> None:
        head, root = event.header, self._root(taken)
        taken.reading = False
        taken.root = root.load(session, head.epoch, head.seq)
        taken.differs = (event.payload() or {}).get("root") != taken.root
        taken.epoch, taken.seq, taken.hash, taken.root_seq = head.epoch, head.seq, head.hash, head.seq
        taken.base_epoch, taken.base_seq = head.epoch, head.seq
        root.moved(head.epoch, head.seq)
        receipt.ended = not taken.differs
        if taken.differs:
            receipt.refused = f"({head.epoch}, {head.seq}) : the records are not those of the checkpoint"

    def forget(self, stream: str) -> None:
        """A commit failed: what was counted did not happen."""
        self._roots.pop(stream, None)

    def _proved(self, taken: Taken, body: bytes, erased: set[Place]) -> Signed:
        event = self._readable(taken, body)
        head = event.header
        if not _follows(taken, event):
            raise Refused(f"({head.epoch}, {head.seq}) does not follow what is held")
        self._believed(taken, event)
        if event.data is None and (head.epoch, head.seq, head.datahash) not in erased:
            raise Bare("without its data, and nothing says that its home erased it")
        return event

    def _erased(self, bodies: Sequence[bytes]) -> set[Place]:
        """What the home says in a page that it erased. Of what it says further on each record's last event tells."""
        erased: set[Place] = set()
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
            raise Refused(f"belongs to {event.header.stream}")
        return event

    def _believed(self, taken: Taken, event: Signed) -> None:
        verify(event, self.keyring.check_event)
        of_a_record = event.data is not None and not is_about_stream(event.header.type)
        if of_a_record and not self.tells(taken.node, event.header, event.payload()):
            raise Refused("tells of a record that is not of its home")

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
    receipt.kept += len(receipt.waiting)
    receipt.waiting = []


def _follows(taken: Taken, event: Signed) -> bool:
    """Whether an event is the next of what is held: by number, by hash, in the same epoch or opening a later one."""
    head = event.header
    if head.seq != taken.seq + 1 or head.prev != taken.hash:
        return False
    if head.epoch == taken.epoch:
        return True
    claims = event.payload() if head.type.endswith(REOPENED) else None
    base = claims and (claims.get("epoch"), claims.get("seq"), claims.get("hash"))
    return head.epoch > taken.epoch and base == (taken.epoch, taken.seq, taken.hash)
