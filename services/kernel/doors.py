"""How a room is opened to others: nameko lives here.

A room's service class derives from `Room`, which gives it `db`, `log` and `actor`, runs the room's loops (sequencer
and relay; receiver and follower), and opens the doors every room has: its log, its heads, its parked events.

Three habits of nameko are overridden because they lose messages or stop the service: it acknowledges an event whose
handler raised, it acknowledges what it cannot decode, and a broken connection in a managed thread kills the container.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Protocol

import structlog
from nameko.extensions import DependencyProvider
from nameko.rpc import Rpc, RpcConsumer

from services.kernel import access, catchup, database, log, relay, sequencer, verify
from services.kernel.announce import HOME, SHARED
from services.kernel.applier import Handlers
from services.kernel.broker import BROKER_ERRORS
from services.kernel.catchup import Head
from services.kernel.errors import MaillageError
from services.kernel.follow import Follower, Receiver
from services.kernel.migrate import migrate
from services.kernel.parking import Parking
from services.kernel.runtime import RUNTIME, Runtime
from services.kernel.witness import Witness

POLL_S = 1.0
ALONE_POLL_S = 5.0
"""An embedded node has no other process that could commit without waking this one."""
_HANDLES = "maillage_handles"
_logger = structlog.get_logger(__name__)


class Announces(Protocol):
    """A service's `events.py`: its name and the types it announces."""

    SERVICE: str
    TYPES: frozenset[str]


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


def on_event(event_type: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Handle an event of a followed service: `method(self, session, event)`, in the applier's transaction.

    Called once per event and in the order of its stream, as far as the database tells: after a crash the same event
    may be tried again from the start, never after its effects were committed. An exception parks the event.
    """

    def mark(method: Callable[..., None]) -> Callable[..., None]:
        setattr(method, _HANDLES, event_type)
        return method

    return mark


class CurrentActor(DependencyProvider):
    """Who is behind this call. Raises `Unauthorized` at the first use where there is no valid proof."""

    def get_dependency(self, worker_ctx: Any) -> Callable[[], access.Actor]:
        runtime: Runtime = self.container.config[RUNTIME]
        token = worker_ctx.data.get("actor")
        return functools.partial(access.unseal, token, runtime.identity.keyid, runtime.identity.keyring())


class Engine(DependencyProvider):
    """The room's loops, and what its methods need: database, log, parking, follower."""

    def setup(self) -> None:
        runtime: Runtime = self.container.config[RUNTIME]
        room = self.container.service_cls
        self.prefix = f"{runtime.identity.name}/{room.name}"
        self.runtime = runtime
        self.database = database.Database(runtime.database_url(room.name), room.name, runtime.executor)
        migrate(self.database)
        self._poll_s = POLL_S if runtime.settings.broker.url else ALONE_POLL_S
        self.parking = Parking()
        self.stop_flag, self._poked, self._numbered = threading.Event(), threading.Event(), threading.Event()
        self.log = log.EventLog(self._poked.set)
        self.sequencer = sequencer.Sequencer(
            self.database, room.name, runtime.identity, Witness(runtime.witness_path(room.name)),
            room.on_numbered, runtime.executor,
        )  # fmt: skip
        self.relay = relay.Relay(self.database, room.name, runtime.connect)
        self.follower = self._follower(room, runtime)

    def start(self) -> None:
        for reach in self.sequencer.recover():
            _logger.warning("database behind its witness: new epoch opened", stream=f"{self.prefix}/{reach}")
        loops = [self._number, self._publish]
        if self.follower is not None:
            self.follower.start()
            loops += [self._receive, functools.partial(self.follower.run, self.stop_flag)]
        self._own = self._instance(self.container.service_cls)
        loops += [functools.partial(loop, self.stop_flag) for loop in self._own.loops()]
        self._threads = [self.container.spawn_managed_thread(self._guarded(loop)) for loop in loops]

    def stop(self) -> None:
        self.stop_flag.set()
        self._poked.set()
        self._numbered.set()
        self._own.stopping()
        if self.follower is not None:
            self.follower.wake()
        for thread in self._threads:
            thread.wait()
        self.relay.close()
        self.database.close()

    def kill(self) -> None:
        self.stop_flag.set()

    def get_dependency(self, worker_ctx: Any) -> Engine:
        return self

    def _follower(self, room: type[Room], runtime: Runtime) -> Follower | None:
        if not room.follows:
            return None
        handlers = Handlers(_calls(self._instance(room)), frozenset().union(*(each.TYPES for each in room.follows)))
        return Follower(self.database, handlers, self.parking, self._fetch, self._fetch_heads)

    def _instance(self, room: type[Room]) -> Room:
        """What handlers are called on: the room with its database and log, and nobody behind the call."""
        instance = room()
        instance.engine = self
        return instance

    def _receive(self) -> None:
        room, follower = self.container.service_cls, self.follower
        if follower is None:
            return
        services = [each.SERVICE for each in room.follows]
        streams = frozenset(
            f"{self.runtime.identity.name}/{service}/{reach}" for service in services for reach in (HOME, SHARED)
        )
        receiver = Receiver(self.database, room.name, services, self.runtime.connect, follower.on_receipt, streams)
        receiver.run(self.stop_flag)

    def _number(self) -> None:
        """Number what was committed; woken after each commit, and once a second in case nobody woke it."""
        while not self.stop_flag.is_set():
            self._poked.clear()
            try:
                more = True
                while more and not self.stop_flag.is_set():
                    more = self.sequencer.run_once() == sequencer.BATCH
                    self.relay.offer(self.sequencer.numbered)
                    self._numbered.set()
            except (MaillageError, OSError) as error:
                _logger.warning("sequencer waits", room=self.prefix, reason=type(error).__name__, detail=str(error))
                self.stop_flag.wait(POLL_S)
            self._poked.wait(self._poll_s)

    def _publish(self) -> None:
        """Publish what was numbered, while more is numbered. A broker that is away delays messages, never numbers."""
        while not self.stop_flag.is_set():
            self._numbered.clear()
            try:
                while self.relay.run_once() >= relay.WINDOW and not self.stop_flag.is_set():
                    pass
            except (MaillageError, *BROKER_ERRORS) as error:
                _logger.warning("relay waits", room=self.prefix, reason=type(error).__name__)
                self.stop_flag.wait(0.2)
                continue
            self.relay.beat()
            self._numbered.wait(self._poll_s)

    def _guarded(self, loop: Callable[[], None]) -> Callable[[], None]:
        """An unforeseen error in a loop is logged and the loop begun again; nameko would kill the whole service."""

        def run() -> None:
            while not self.stop_flag.is_set():
                try:
                    loop()
                except Exception:
                    _logger.exception("loop failed; beginning again in 1 s", room=self.prefix)
                    self.stop_flag.wait(POLL_S)

        return run

    def _fetch(self, stream: str, epoch: int, after: int, limit: int) -> list[bytes]:
        request = {"stream": stream, "epoch": epoch, "after": after, "limit": limit}
        answer = self.runtime.ask(stream.split("/")[1], "log_after", request)
        return [body.encode() for body in answer["events"]]

    def _fetch_heads(self) -> list[Head]:
        found: list[Head] = []
        for each in self.container.service_cls.follows:
            try:
                found += [Head(**head) for head in self.runtime.ask(each.SERVICE, "heads", {})["heads"]]
            except (MaillageError, *BROKER_ERRORS) as error:
                _logger.warning("heads not heard", room=self.prefix, service=each.SERVICE, reason=type(error).__name__)
        return found


def _calls(instance: Room) -> dict[str, dict[str, Any]]:
    calls: dict[str, dict[str, Any]] = {}
    for name in dir(type(instance)):
        event_type = getattr(getattr(type(instance), name), _HANDLES, None)
        if event_type is not None:
            calls.setdefault(event_type, {})[name] = getattr(instance, name)
    return calls


class Room:
    """What every service has: its database (`db`), its event log (`log`), the actor, and the doors of the kernel."""

    name: ClassVar[str]
    follows: ClassVar[Iterable[Announces]] = ()
    """The `events` modules of the services this room follows."""
    on_numbered: ClassVar[Any] = None
    """Called as `(session, events)` in the sequencer's transaction, for what must follow the stream's order."""

    engine: Any = Engine()
    actor = CurrentActor()

    def loops(self) -> Iterable[Callable[[threading.Event], None]]:
        """What the room does by itself, each in a thread of its own, until the flag it is given is set."""
        return ()

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
        """Events of an own stream after a place: `{stream, epoch, after, limit}` → `{events: [CloudEvents JSON text]}`.

        Raises `Conflict` above the head.
        """
        reach = request["stream"].removeprefix(f"{self.engine.prefix}/")
        with self.db.read() as session:
            bodies = catchup.log_after(session, reach, request["epoch"], request["after"], request["limit"])
        return {"events": [body.decode() for body in bodies]}

    @rpc
    def heads(self, request: dict[str, Any]) -> dict[str, Any]:
        """How far the own streams are: `{heads: [{stream, epoch, seq}]}`."""
        with self.db.read() as session:
            return {"heads": [head._asdict() for head in catchup.heads(session, self.engine.prefix)]}

    @rpc
    def status(self, request: dict[str, Any]) -> dict[str, Any]:
        """The room at a glance: `{room, heads, follows: {stream: {head, next, lag}}, parked: {state: count}}`."""
        with self.db.read() as session:
            own = [head._asdict() for head in catchup.heads(session, self.engine.prefix)]
            parked = self.engine.parking.counts(session)
        follower = self.engine.follower
        follows = catchup.lag(self.db, follower.heads) if follower else {}
        return {"room": self.name, "heads": own, "follows": follows, "parked": parked}

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
        keyring = self.engine.runtime.identity.keyring()
        with self.db.read() as session:
            return {"streams": [vars(proof) for proof in verify.verify_room(session, self.engine.prefix, keyring)]}
