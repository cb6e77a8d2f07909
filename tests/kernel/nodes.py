"""A writer and a follower of it on real databases, with a broker that a test may make lose, double and reorder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Text, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from services.kernel import catchup, verify
from services.kernel.announce import NewEvent
from services.kernel.applier import Applier, Event, Handlers
from services.kernel.catchup import Head
from services.kernel.database import Database
from services.kernel.envelope import read
from services.kernel.follow import Follower
from services.kernel.identity import Identity
from services.kernel.inbox import Receipt, receive
from services.kernel.log import EventLog
from services.kernel.parking import Parking
from services.kernel.relay import after
from services.kernel.rows import Base as Kernel
from services.kernel.sequencer import Sequencer
from services.kernel.witness import Mark, Witness
from tests.conftest import Backend

NODE = Identity.from_seed(b"laws" * 8)
WRITER, FOLLOWER = "writer", "follower"
STREAM = f"{NODE.name}/{WRITER}/shared"
CHANGED = "writer.thing.changed.v1"
KNOWN = frozenset({CHANGED})
KERNEL_TABLES = [table.name for table in Kernel.metadata.sorted_tables]


class Base(DeclarativeBase):
    """The follower's own table."""


class Seen(Base):
    """What the follower did, a row an event, in the order in which it did it."""

    __tablename__ = "seen"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    subject: Mapped[str] = mapped_column(Text)
    seq: Mapped[int]


class Writer:
    """A room that only writes."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.database = Database(backend.migrated_url(WRITER), WRITER)
        self.witness_path = folder / "witness.json"
        self.log = EventLog()
        self.reopen()

    def clean(self) -> Writer:
        """As on its first day: for the next example of a property."""
        with self.database.begin() as session:
            for table in KERNEL_TABLES:
                session.execute(text(f"DELETE FROM {table}"))
        self.witness_path.unlink(missing_ok=True)
        self.reopen()
        return self

    def reopen(self) -> list[str]:
        """As a new process would: forget everything but the database and the witness."""
        self.sequencer = Sequencer(self.database, WRITER, NODE, Witness(self.witness_path))
        return self.sequencer.recover()

    def write(self, *subjects: str, kind: str = CHANGED, reach: str = "shared") -> None:
        """One transaction with an event for each subject."""
        with self.database.begin() as session:
            events = (NewEvent(kind, subject, 1, {"subject": subject}, reach) for subject in subjects)
            self.log.append(session, *events)

    def number(self) -> int:
        """Number everything committed; how many events."""
        total = 0
        while count := self.sequencer.run_once():
            total += count
        return total

    def checkpoint(self) -> None:
        """Number everything, and sign where it stands."""
        self.number()
        self.sequencer.checkpoint_now = True
        self.sequencer.run_once()

    def bodies(self) -> list[bytes]:
        """Every numbered event as it travels, in order."""
        with self.database.read() as session:
            return [signed.body() for signed in after(session, "shared", 0, 0, 100_000)]

    def fetch(self, stream: str, epoch: int, seq: int, limit: int) -> Sequence[bytes]:
        """The log, as the follower reads it."""
        with self.database.read() as session:
            return catchup.log_after(session, stream.split("/", 2)[2], epoch, seq, limit)

    def heads(self) -> list[Head]:
        """The head of the public stream."""
        with self.database.read() as session:
            return [head for head in catchup.heads(session, f"{NODE.name}/{WRITER}") if head.stream == STREAM]


class Following:
    """A room that follows the writer and writes down what it applied; `fails` are subjects on which it raises."""

    def __init__(self, backend: Backend, writer: Writer, known: frozenset[str] = KNOWN) -> None:
        self.database = Database(backend.migrated_url(FOLLOWER), FOLLOWER)
        with self.database.begin() as session:
            Base.metadata.create_all(session.connection())
            session.execute(text("DELETE FROM seen"))
        self.fails: set[str] = set()
        self.parking = Parking()
        self._writer = writer
        self.reopen(known)

    def clean(self) -> Following:
        """As on its first day: for the next example of a property."""
        with self.database.begin() as session:
            for table in (*KERNEL_TABLES, "seen"):
                session.execute(text(f"DELETE FROM {table}"))
        self.fails.clear()
        self.reopen()
        return self

    def reopen(self, known: frozenset[str] = KNOWN) -> None:
        """As a new process would, perhaps of a newer release."""
        handlers = Handlers({kind: {"note": self._note} for kind in known}, known)
        self.applier = Applier(self.database, handlers, self.parking)
        self.follower = Follower(self.database, handlers, self.parking, self._writer.fetch, self._writer.heads)
        self.follower.start()

    def deliver(self, bodies: Sequence[bytes]) -> Receipt:
        """What the broker hands over in one batch, inserted and committed."""
        with self.database.begin() as session:
            receipt = receive(session, bodies, frozenset({STREAM}))
        self.follower.on_receipt(receipt)
        return receipt

    def apply(self) -> int:
        """Apply and repair what was delivered."""
        return self.follower.apply_all()

    def catch_up(self) -> None:
        """Hear of the heads, then apply and repair."""
        self.follower.poll_heads()
        self.follower.apply_all()

    def seen(self) -> list[int]:
        """Numbers of the events applied, in the order in which they were."""
        with self.database.read() as session:
            return list(session.scalars(select(Seen.seq).order_by(Seen.id)))

    def seen_by_subject(self) -> dict[str, list[int]]:
        """The same for each subject."""
        seen: dict[str, list[int]] = {}
        with self.database.read() as session:
            for subject, seq in session.execute(select(Seen.subject, Seen.seq).order_by(Seen.id)):
                seen.setdefault(subject, []).append(seq)
        return seen

    def parked(self) -> list[dict[str, Any]]:
        """What waits."""
        with self.database.read() as session:
            return self.parking.page(session)

    def _note(self, session: Session, event: Event) -> None:
        session.execute(insert(Seen), {"subject": event.subject, "seq": event.seq})
        if event.subject in self.fails:
            raise RuntimeError(f"cannot handle {event.subject}")


def faults(writer: Writer) -> list[str]:
    """What `verify` says of the writer's log."""
    with writer.database.read() as session:
        proofs = verify.verify_room(session, f"{NODE.name}/{WRITER}", NODE.keyring())
        return [fault for proof in proofs for fault in proof.faults]


def put_back(writer: Writer, after: int, marked: int | None = None) -> None:
    """The database as a backup taken after number `after` would have it; the witness stays, or says `marked`."""
    kept = [read(body).header for body in writer.bodies()][after - 1]
    with writer.database.begin() as session:
        session.execute(text("DELETE FROM event_log WHERE reach = 'shared' AND seq > :seq"), {"seq": after})
        session.execute(text("DELETE FROM stream_record WHERE reach = 'shared'"))  # as before the first checkpoint
        statement = "UPDATE stream SET epoch = :epoch, seq = :seq, hash = :hash, checkpoint_seq = 0"
        place = {"epoch": kept.epoch, "seq": after, "hash": kept.hash}
        session.execute(text(f"{statement} WHERE reach = 'shared'"), place)
    if marked is not None:
        Witness(writer.witness_path).record({"shared": Mark(kept.epoch, marked, "f" * 64)})
