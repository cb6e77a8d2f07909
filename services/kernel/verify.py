"""Prove a log offline: authenticity, chain, data and checkpoints of every stream of a room.

What it proves: every event was signed by the key it names, the numbers have no gaps, each header holds the hash of the
one before it, the data is what was signed, each checkpoint's root is that of the records at that point. What it cannot
prove: that the node never rewrote what nobody else had seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, select, tuple_
from sqlalchemy.orm import Session

from services.kernel.checkpoint import is_about_stream, is_live, root_of
from services.kernel.envelope import GENESIS, Header, Signed, verify
from services.kernel.identity import Keyring, Rotation, fingerprint
from services.kernel.redaction import REDACTED
from services.kernel.rows import LogRow, StreamRow

PAGE = 1_000
CHECKPOINTED, REOPENED, REKEYED = ".stream.checkpointed.v1", ".stream.reopened.v1", ".stream.rekeyed.v1"
REPEATED = ("epoch", "seq", "id", "type", "subject", "recordversion", "time", "causation")
"""Columns of the log that repeat the signed header for queries' sake."""


@dataclass
class Proof:
    """What was found in one stream. `faults` is empty where everything holds."""

    stream: str
    events: int = 0
    checkpoints: int = 0
    erased: int = 0
    faults: list[str] = field(default_factory=list)


class Chain:
    """Follows one stream from its beginning, event by event."""

    def __init__(self, stream: str, keyring: Keyring, base: tuple[int, int] = (0, 0)) -> None:
        """`base`: up to there only the last event of each record is kept; no chain holds those together."""
        self.proof = Proof(stream)
        self._base = base
        self._keyring = keyring
        self._epoch, self._seq, self._hash = 1, 0, GENESIS
        self._keyid = stream.partition("/")[0]
        self._heads: dict[str, str] = {}
        self._absent: dict[tuple[int, int, str], Header] = {}
        """Headers whose data is gone and of which no event said yet that it was erased."""

    def add(self, event: Signed) -> None:
        """Check the next event; what does not hold is written into the proof."""
        head = event.header
        self.proof.events += 1
        if event.data is None:
            self.proof.erased += 1
            self._absent[head.epoch, head.seq, head.datahash] = head
        self._check_key(event)
        compacted = (head.epoch, head.seq) <= self._base
        if not compacted:
            self._check_place(head)
        elif (head.epoch, head.seq) <= (self._epoch, self._seq):
            self._fault(head, "stands in the wrong place")
        try:
            verify(event, self._keyring.check_event)
        except ValueError as error:
            self._fault(head, str(error))
        else:
            self._check_claims(event, compacted)
        if not is_about_stream(head.type):
            self._heads[head.subject] = head.hash
            if not is_live(head.type):
                del self._heads[head.subject]
        self._epoch, self._seq, self._hash = head.epoch, head.seq, head.hash

    @property
    def place(self) -> tuple[int, int, str]:
        """Epoch, number and header hash of the last event."""
        return self._epoch, self._seq, self._hash

    def end(self) -> Proof:
        """Nothing more comes: what is absent without a word is a fault."""
        for head in self._absent.values():
            self._fault(head, "its data is gone, and no event of the stream says that it was erased")
        return self.proof

    def compare(self, head: Header, row: Row[Any]) -> None:
        """Note each column of the log that no longer says what was signed."""
        for name in REPEATED:
            if getattr(row, name) != getattr(head, name):
                self._fault(head, f"column {name} is not what was signed")

    def _check_place(self, head: Header) -> None:
        if head.stream != self.proof.stream:
            self._fault(head, f"belongs to {head.stream}")
        if head.epoch != self._epoch and not (head.epoch > self._epoch and head.type.endswith(REOPENED)):
            self._fault(head, f"epoch {head.epoch} after {self._epoch}")
        if head.seq != self._seq + 1:
            self._fault(head, f"number {head.seq} after {self._seq}")
        if head.prev != self._hash:
            self._fault(head, "does not hold the hash of the event before it")

    def _check_key(self, event: Signed) -> None:
        """A stream is signed by one key at a time; the next one is named where it begins."""
        head = event.header
        if head.keyid != self._keyid and head.type.endswith((REKEYED, REOPENED)):
            rotations = [Rotation.of(each) for each in (event.payload() or {}).get("rotations", ())]
            for rotation in rotations:
                rotation.check(self.proof.stream.partition("/")[0])
                if fingerprint(rotation.former) == self._keyid:
                    self._keyid = fingerprint(rotation.key)
        if head.keyid != self._keyid:
            self._fault(head, f"signed by {head.keyid}, not by {self._keyid}")

    def _check_claims(self, event: Signed, compacted: bool) -> None:
        """What an event about the stream says of it."""
        claims = event.payload()
        if event.header.type.endswith(CHECKPOINTED):
            self.proof.checkpoints += 1
        if claims is not None and event.header.type.endswith(REDACTED):
            for each in claims["redacted"]:
                self._absent.pop((each["epoch"], each["seq"], each["datahash"]), None)
        if claims is None or not event.header.type.endswith((CHECKPOINTED, REOPENED)):
            return
        if not compacted and (claims["epoch"], claims["seq"], claims["hash"]) != self.place:
            self._fault(event.header, "tells of another place than the one before it")
        elif event.header.type.endswith(CHECKPOINTED) and claims["root"] != root_of(self._heads):
            self._fault(event.header, "checkpoint whose root is not that of the records")

    def _fault(self, head: Header, why: str) -> None:
        self.proof.faults.append(f"{head.stream} ({head.epoch}, {head.seq}) {head.type}: {why}")


def verify_room(session: Session, prefix: str, keyring: Keyring) -> Iterator[Proof]:
    """Go through every stream of a room's database; `prefix` is `<fingerprint>/<service>`."""
    columns = (StreamRow.epoch, StreamRow.seq, StreamRow.hash, StreamRow.base_epoch, StreamRow.base_seq)
    heads = select(StreamRow.reach, *columns).order_by(StreamRow.reach)
    for reach, *place, base_epoch, base_seq in session.execute(heads).all():
        chain = Chain(f"{prefix}/{reach}", keyring, (base_epoch, base_seq))
        _walk(session, reach, chain)
        if chain.place != tuple(place):
            chain.proof.faults.append(f"{chain.proof.stream}: the log ends before its head ({place[0]}, {place[1]})")
        yield chain.end()


def _walk(session: Session, reach: str, chain: Chain) -> None:
    epoch = seq = 0
    while True:
        page = _page(session, reach, epoch, seq)
        for row in page:
            try:
                event = Signed(Header.from_raw(row.header or b""), row.signature or b"", row.data, row.salt)
            except ValueError as error:
                chain.proof.faults.append(f"{chain.proof.stream} ({row.epoch}, {row.seq}): {error}")
                continue
            chain.add(event)
            chain.compare(event.header, row)
        if len(page) < PAGE:
            return
        epoch, seq = page[-1].epoch, page[-1].seq


def _page(session: Session, reach: str, epoch: int, seq: int) -> Sequence[Row[Any]]:
    columns = [getattr(LogRow, name) for name in (*REPEATED, "header", "signature", "data", "salt")]
    after = tuple_(LogRow.epoch, LogRow.seq) > (epoch, seq)
    query = select(*columns).where(LogRow.reach == reach, after).order_by(LogRow.epoch, LogRow.seq).limit(PAGE)
    return session.execute(query).all()
