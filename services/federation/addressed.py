"""What another node addresses to this one: asked for with this node's signature, proved, kept for the rooms.

A message is an event of the stream `<its node>/<service>/to/<this node>`, signed like every other and sealed for this
node; its room opens it. Each is proved by itself, in the order of its stream. Numbers may be missing: what this node
acknowledged before its database was put back, and its author keeps no more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy.orm import Session

from services.federation import store
from services.federation.model import Taken
from services.federation.reading import fresh
from services.federation.refusals import Refused, told
from services.kernel.announce import TO
from services.kernel.checkpoint import is_about_stream
from services.kernel.database import Database
from services.kernel.envelope import Malformed, Signed, read, verify
from services.kernel.identity import Keyring
from services.kernel.inbox import MAX_BODY_BYTES
from services.kernel.sealing import FACT

PATH: Final = "/federation/v1/addressed"
PAGE: Final = 100
Ask = Callable[[str, dict[str, Any]], bytes]
"""(path, parameters) → NDJSON, the question signed by this node. Raises `MaillageError`."""


class Inbound:
    """What one peer writes to this node. `on_taken`: called with a stream of which something new is held."""

    def __init__(
        self, database: Database, own: str, node: str, keyring: Keyring, ask: Ask, on_taken: Callable[[str], None]
    ) -> None:
        self._database = database
        self._own, self._node = own, node
        self._keyring = keyring
        self._ask = ask
        self._on_taken = on_taken
        self._one_at_a_time = threading.Lock()

    def look(self, service: str) -> int:
        """Ask for what a service of the peer wrote since, and keep it; how many messages. Raises `MaillageError`."""
        with self._one_at_a_time:
            return self._look(service)

    def _look(self, service: str) -> int:
        stream, kept = f"{self._node}/{service}/{TO}{self._own}", 0
        while True:
            with self._database.read() as session:
                at = store.taken(session, stream) or fresh(stream)
            asked = {"from": self._own, "service": service, "epoch": at.epoch, "after": at.seq, "limit": PAGE}
            bodies = [line for line in self._ask(PATH, asked).split(b"\n") if line]
            if not bodies:
                return kept
            with self._database.begin() as session:
                count, trouble = self._take(session, stream, bodies)
            kept += count
            if count:
                self._on_taken(stream)
            if trouble or not count:
                return kept

    def _take(self, session: Session, stream: str, bodies: list[bytes]) -> tuple[int, str]:
        taken = store.taken(session, stream, lock=True)
        if taken is None:
            taken = fresh(stream)
            session.add(taken)
        found: list[Signed] = []
        taken.trouble = taken.charged = ""
        for body in bodies:
            try:
                event = self._proved(taken, body)
            except ValueError as error:
                taken.trouble, taken.charged = told(taken.epoch, taken.seq + 1, error), self._node
                break
            head = event.header
            if head.seq != taken.seq + 1:  # who reads on from here is told that numbers before it are missing
                taken.base_epoch, taken.base_seq = head.epoch, head.seq
            found.append(event)
            taken.epoch, taken.seq, taken.hash = head.epoch, head.seq, head.hash
        taken.head_epoch, taken.head_seq = taken.epoch, taken.seq
        if found:
            store.carry(session, stream, found)
        return len(found), taken.trouble

    def _proved(self, taken: Taken, body: bytes) -> Signed:
        if len(body) > MAX_BODY_BYTES:
            raise Malformed(f"{len(body)} bytes, at most {MAX_BODY_BYTES}")
        event = read(body)
        head = event.header
        if head.stream != taken.stream:
            raise Refused(f"est du flux {head.stream}")
        if (head.epoch, head.seq) <= (taken.epoch, taken.seq):
            raise Refused(f"({head.epoch}, {head.seq}) devait venir plus tôt")
        if (head.epoch, head.seq) == (taken.epoch, taken.seq + 1) and taken.seq and head.prev != taken.hash:
            raise Refused(f"({head.epoch}, {head.seq}) n’est pas la suite de ce qui est tenu")
        if not is_about_stream(head.type) and head.type.partition(".")[2] != FACT:
            raise Refused(f"{head.type} n’est pas un message")
        if event.data is None:
            raise Refused("un message vidé de son contenu")
        verify(event, self._keyring.check_event)
        return event
