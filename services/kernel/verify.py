"""Prove a log offline: authenticity, chain, data and checkpoints of every stream of a room.

What it proves: every event was signed by the key it names, the numbers have no gaps, each header holds the hash of the
one before it, the data is what was signed, each checkpoint's root is that of the records at that point. What it cannot
prove: that the node never rewrote what nobody else had seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.kernel.checkpoint import is_about_stream, is_live, root_of
from services.kernel.envelope import GENESIS, Header, Signed, verify
from services.kernel.identity import Keyring
from services.kernel.relay import after
from services.kernel.rows import StreamRow

PAGE = 1_000
REOPENED = ".stream.reopened.v1"


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

    def __init__(self, stream: str, keyring: Keyring) -> None:
        self.proof = Proof(stream)
        self._keyring = keyring
        self._epoch, self._seq, self._hash = 1, 0, GENESIS
        self._heads: dict[str, str] = {}

    def add(self, event: Signed) -> None:
        """Check the next event; what does not hold is written into the proof."""
        head = event.header
        self.proof.events += 1
        self.proof.erased += event.data is None
        try:
            verify(event, self._keyring.check_event)
        except ValueError as error:
            self._fault(head, str(error))
        self._check_place(head)
        if head.type.endswith(".stream.checkpointed.v1"):
            self._check_root(event)
        elif head.type.endswith(REOPENED):
            self._check_base(event)
        if not is_about_stream(head.type):
            self._heads[head.subject] = head.hash
            if not is_live(head.type):
                del self._heads[head.subject]
        self._epoch, self._seq, self._hash = head.epoch, head.seq, head.hash

    def _check_place(self, head: Header) -> None:
        if head.stream != self.proof.stream:
            self._fault(head, f"belongs to {head.stream}")
        if head.epoch != self._epoch and not (head.epoch > self._epoch and head.type.endswith(REOPENED)):
            self._fault(head, f"epoch {head.epoch} after {self._epoch}")
        if head.seq != self._seq + 1:
            self._fault(head, f"number {head.seq} after {self._seq}")
        if head.prev != self._hash:
            self._fault(head, "does not hold the hash of the event before it")

    def _check_base(self, event: Signed) -> None:
        data = event.payload()
        if data is not None and (data["epoch"], data["seq"], data["hash"]) != (self._epoch, self._seq, self._hash):
            self._fault(event.header, "new epoch that starts elsewhere than it says")

    def _check_root(self, event: Signed) -> None:
        self.proof.checkpoints += 1
        data = event.payload()
        if data is None:
            return
        if (data["seq"], data["hash"]) != (self._seq, self._hash):
            self._fault(event.header, "checkpoint of another place")
        elif data["root"] != root_of(self._heads):
            self._fault(event.header, "checkpoint whose root is not that of the records")

    def _fault(self, head: Header, why: str) -> None:
        self.proof.faults.append(f"{head.stream} ({head.epoch}, {head.seq}) {head.type}: {why}")


def verify_room(session: Session, prefix: str, keyring: Keyring) -> Iterator[Proof]:
    """Go through every stream of a room's database; `prefix` is `<fingerprint>/<service>`."""
    for head in session.scalars(select(StreamRow).order_by(StreamRow.reach)):
        chain = Chain(f"{prefix}/{head.reach}", keyring)
        _walk(session, head.reach, chain)
        if (chain._epoch, chain._seq, chain._hash) != (head.epoch, head.seq, head.hash):
            chain.proof.faults.append(f"{chain.proof.stream}: the log ends before its head ({head.epoch}, {head.seq})")
        yield chain.proof


def _walk(session: Session, reach: str, chain: Chain) -> None:
    epoch = seq = 0
    while True:
        page: list[Signed] = []
        try:
            page.extend(after(session, reach, epoch, seq, PAGE))
        except ValueError as error:
            chain.proof.faults.append(f"{chain.proof.stream} after ({epoch}, {seq}): {error}")
            return
        for event in page:
            chain.add(event)
        if len(page) < PAGE:
            return
        epoch, seq = page[-1].header.epoch, page[-1].header.seq
