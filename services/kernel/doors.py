"""How a room is opened to others: nameko lives here.

A room's service class derives from `Room`, which gives it `db`, `log` and `actor`, runs the room's loops (sequencer
and relay; receiver and follower), and opens the doors every room has: its log, its heads, its parked events.

Habits of nameko are overridden because they lose messages or stop the service: it acknowledges an event whose handler
raised and what it cannot decode, and dies of a broker that goes away before the answer.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import structlog
from nameko.rpc import Rpc, RpcConsumer
from sqlalchemy.orm import Session

from services.kernel import addressed as messages
from services.kernel import catchup, database, equality, log, retention, succession, verify
from services.kernel.announce import SHARED
from services.kernel.applier import Event
from services.kernel.broker import BROKER_ERRORS
from services.kernel.engine import HANDLES, Announces, CurrentActor, Engine
from services.kernel.envelope import Forged, claim_of, read_claim
from services.kernel.errors import MaillageError, ValidationError

_logger = structlog.get_logger(__name__)


class PatientConsumer(RpcConsumer):
    """Survives a broker that goes away before the answer: nameko would kill the whole service.

    The question was not acknowledged: the broker gives it again, and a door that is asked twice does no more than once.
    """

    def handle_result(self, message: Any, result: Any, exc_info: Any) -> Any:
        try:
            return super().handle_result(message, result, exc_info)
        except BROKER_ERRORS as error:
            _logger.warning("answer not sent", reason=type(error).__name__)
            return result, exc_info


class Door(Rpc):
    """nameko's RPC entrypoint over a patient consumer."""

    rpc_consumer = PatientConsumer()


def rpc(method: Callable[..., Any]) -> Callable[..., Any]:
    """A door for other processes: one dictionary in, one out; `MaillageError`s are answers, not faults."""
    decorated: Callable[..., Any] = Door.decorator(expected_exceptions=(MaillageError,))(method)
    return decorated


def on_event(*event_types: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Handle events of a followed service: `method(self, session, event)`, in the applier's transaction.

    Called once per event and in the order of its stream, as far as the database tells: after a crash the same event
    may be tried again from the start, never after its effects were committed. An exception parks the event.
    """

    def mark(method: Callable[..., None]) -> Callable[..., None]:
        setattr(method, HANDLES, event_types)
        return method

    return mark


class Room:
    """What every service has: its database (`db`), its event log (`log`), the actor, and the doors of the kernel."""

    name: ClassVar[str]
    follows: ClassVar[Iterable[Announces]] = ()
    """The `events` modules of the services this room follows."""
    others: ClassVar[Announces | None] = None
    """The `events` module of this room itself, where it applies what the same room of other nodes announces."""
    on_numbered: ClassVar[Any] = None
    """Called as `(session, events)` in the sequencer's transaction, for what must follow the stream's order."""

    engine: Any = Engine()
    actor = CurrentActor()

    def loops(self) -> Iterable[Callable[[threading.Event], None]]:
        """What the room does by itself, each in a thread of its own, until the flag it is given is set."""
        return ()

    def regain(self, events: Sequence[Event]) -> None:
        """This node said so before its database was put back, and a peer kept it: take it in as changes of now.

        The same events may come again.
        """

    def put_back(self) -> None:
        """The database was put back, and peers were asked: what the room remembers outside of it is done again now."""

    def applied(self) -> None:
        """Events of others were applied and committed: wake who waits for what follows from them."""

    def vanished(self, session: Session, stream: str, subjects: list[str]) -> None:
        """These records are not in a stream of another node any more, and no event says so: it was read anew."""

    def pruned(self, session: Session, subjects: list[str]) -> None:
        """The tombstones of these records left the room's log: forget what points there."""

    def pruned_beside(self, keep: retention.Keep) -> int:
        """Compact what the room keeps beside its own log; how many events went."""
        return 0

    def stopping(self) -> None:
        """The flag was set: wake the loops that wait for something else."""

    @property
    def db(self) -> database.Database:
        """The room's database."""
        return self.engine.database

    @property
    def log(self) -> log.EventLog:
        """The room's event log."""
        return self.engine.log

    @rpc
    def log_after(self, request: dict[str, Any]) -> dict[str, Any]:
        """Events of an own stream after a place: `{stream, epoch, after, limit}` → `{events: [CloudEvents], holes}`.

        `holes`: the place lies below the stream's base, where only the last event of each record is kept. Raises
        `Conflict` above the head.
        """
        reach = request["stream"].removeprefix(f"{self.engine.prefix}/")
        with self.db.read() as session:
            page = catchup.log_after(session, reach, request["epoch"], request["after"], request["limit"])
        return page.to_dict()

    @rpc
    def addressed(self, request: dict[str, Any]) -> dict[str, Any]:
        """What is addressed to a node, after a place: `{node, epoch, after, limit}` → `{events, holes}`.

        Whoever calls has proved that this node asks: it thereby acknowledges all up to that place. Raises `Conflict`.
        """
        place = request["epoch"], request["after"]
        with self.db.begin() as session:
            return messages.asked(session, request["node"], *place, request["limit"]).to_dict()

    @rpc
    def addressed_unread(self, request: dict[str, Any]) -> dict[str, Any]:
        """How many messages other nodes have not acknowledged: `{}` → `{node: count}`."""
        with self.db.read() as session:
            return messages.unread(session)

    @rpc
    def snapshot_after(self, request: dict[str, Any]) -> dict[str, Any]:
        """The last event of each record that changed after a place, as of the stream's last checkpoint.

        `{stream, epoch, after, limit, anew}` → `{events, holes: true}`, in order of their places; the checkpoint itself
        ends the last page. No events: there is no checkpoint after that place. Raises `Gone`.
        """
        reach = request["stream"].removeprefix(f"{self.engine.prefix}/")
        place = request["epoch"], request["after"], request["limit"]
        with self.db.read() as session:
            page = catchup.snapshot_after(session, reach, *place, anew=request["anew"])
        return page.to_dict()

    @rpc
    def digests(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the public stream is at its last checkpoint, for who compares: `{group, bucket}`, each may be absent.

        → `{epoch, seq, digests}`, or `{epoch, seq, records}` of one bucket; see `equality.told`.
        """
        with self.db.read() as session:
            return equality.told_of_own(session, SHARED, request.get("group"), request.get("bucket"))

    @rpc
    def checkpoints(self, request: dict[str, Any]) -> dict[str, Any]:
        """The last checkpoint of the public stream, as others compare it: `{}` → `{claims: [{header, signature}]}`."""
        with self.db.read() as session:
            found = catchup.last_checkpoint(session, SHARED)
        return {"claims": [claim_of(found)] if found else []}

    @rpc
    def keys(self, request: dict[str, Any]) -> dict[str, Any]:
        """Who signed the public stream: `{}` → `{now, ends: {keyid: [epoch, seq, hash]}}`.

        `ends`: how far each former key of this node went; one that is not there signed nothing. `now`: the key in use.
        """
        with self.db.read() as session:
            return {"now": succession.key_in_use(session, SHARED), "ends": succession.ends_of_keys(session, SHARED)}

    @rpc
    def claimed(self, request: dict[str, Any]) -> dict[str, Any]:
        """What other nodes hold in this room's name: `{claims}` → `{reopened}`.

        Where this node's key signed one of them and the log does not hold it, its database was put back: the stream
        goes on in a new epoch, which says so.
        """
        keyring, stream = self.engine.runtime.identity.keyring(), f"{self.engine.prefix}/{SHARED}"
        ours = []
        for claim in map(read_claim, request["claims"]):
            with contextlib.suppress(Forged):
                keyring.check_event(claim.header, claim.signature)
                ours += [claim] if claim.header.stream == stream else []
        return {"reopened": self.engine.claimed(SHARED, ours)}

    @rpc
    def prune(self, request: dict[str, Any]) -> dict[str, Any]:
        """Keep of the public log's older changes only the last of each record: `{days}` → `{gone}`: events."""
        self.actor().require("node:operate")
        days = request.get("days", -1)
        if not isinstance(days, int) or not 0 <= days <= 10_000:
            raise ValidationError("days est un nombre de jours, de 0 à 10000.")
        self.engine.checkpoint()
        return {"gone": self.engine.prune(retention.Keep(timedelta(days=days)))}

    @rpc
    def heads(self, request: dict[str, Any]) -> dict[str, Any]:
        """How far the own streams are: `{heads: [{stream, epoch, seq}]}`."""
        with self.db.read() as session:
            return {"heads": [head._asdict() for head in catchup.heads(session, self.engine.prefix)]}

    @rpc
    def status(self, request: dict[str, Any]) -> dict[str, Any]:
        """The room at a glance: `{room, heads, follows: {stream: {head, next, lag}}, parked: {state: count}}`.

        A room that publishes for other nodes by RabbitMQ has `outward` too: `{sent, refused, passed_over}`.
        """
        with self.db.read() as session:
            own = [head._asdict() for head in catchup.heads(session, self.engine.prefix)]
            parked = self.engine.parking.counts(session)
        follower = self.engine.follower
        follows = catchup.lag(self.db, follower.heads) if follower else {}
        outward = getattr(self.engine, "outward", None)
        told = {name: getattr(outward, name) for name in ("sent", "refused", "passed_over")} if outward else None
        return {"room": self.name, "heads": own, "follows": follows, "parked": parked} | (
            {"outward": told} if told else {}
        )

    @rpc
    def parked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Parked events, a page at a time: `{after}` → `{parked: […], next}`."""
        with self.db.read() as session:
            page = self.engine.parking.page(session, int(request.get("after", 0)))
        return {"parked": page, "next": page[-1]["id"] if page else None}

    @rpc
    def parked_show(self, request: dict[str, Any]) -> dict[str, Any]:
        """One parked event with its body: `{id}`. Raises `NotFound`."""
        self.actor().require("node:operate")
        with self.db.read() as session:
            shown: dict[str, Any] = self.engine.parking.show(session, request["id"])
            return shown

    @rpc
    def parked_retry(self, request: dict[str, Any]) -> dict[str, Any]:
        """Try a parked event again: `{id}`. Raises `NotFound`."""
        self.actor().require("node:operate")
        with self.db.begin() as session:
            self.engine.parking.retry(session, request["id"])
        return {"id": request["id"]}

    @rpc
    def parked_drop(self, request: dict[str, Any]) -> dict[str, Any]:
        """Give up a parked event for good: `{id}`. Raises `NotFound`."""
        self.actor().require("node:operate")
        with self.db.begin() as session:
            self.engine.parking.drop(session, request["id"])
        return {"id": request["id"]}

    @rpc
    def verify(self, request: dict[str, Any]) -> dict[str, Any]:
        """Prove the room's own log: `{streams: [{stream, events, checkpoints, erased, faults}]}`."""
        self.actor().require("node:operate")
        keyring = self.engine.runtime.identity.all_keys()
        with self.db.read() as session:
            return {"streams": [vars(proof) for proof in verify.verify_room(session, self.engine.prefix, keyring)]}
