"""What runs a room: its database, its log, the loops that number, publish, receive and apply. nameko lives here too.

A broken connection in a managed thread would kill nameko's container: each loop is begun again instead.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from nameko.extensions import DependencyProvider

from services.kernel import access, addressed, catchup, clock, database, log, relay, retention, sequencer, wakeup
from services.kernel.announce import HOME, SHARED
from services.kernel.applier import Handlers
from services.kernel.broker import BROKER_ERRORS, in_vhost
from services.kernel.catchup import Head, Page
from services.kernel.envelope import Signed
from services.kernel.errors import MaillageError, Unavailable
from services.kernel.follow import Follower, Receiver
from services.kernel.migrate import migrate
from services.kernel.outward import Outward
from services.kernel.parking import Parking
from services.kernel.rows import StreamRow
from services.kernel.runtime import RUNTIME, Runtime
from services.kernel.tail import tail
from services.kernel.witness import Mark, Witness

if TYPE_CHECKING:
    from services.kernel.doors import Room

POLL_S = 1.0
ALONE_POLL_S = 5.0
"""An embedded node has no other process that could commit without waking this one."""
CHECKPOINT_WITHIN_S = 5.0
CARRIER = "federation"
"""The room that holds the streams of other nodes, proved, and answers for them."""
OTHERS_HELD = "federation.held"
"""The bell that it rings when something new is held."""
READERS_EVERY_S = 5.0
OUTWARD_WAITS_AT_MOST_S = 60.0
HANDLES = "maillage_handles"
_logger = structlog.get_logger(__name__)


class Announces(Protocol):
    """A service's `events.py`: its name and the types it announces."""

    SERVICE: str
    TYPES: frozenset[str]


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
        self.outward = self._outward(room, runtime)
        self._readers, self._readers_at, self._vhost = 0, 0.0, ""
        self._numbered_for_others = threading.Event()
        self.follower = self._follower(room, runtime)

    def start(self) -> None:
        self._forgotten = self.sequencer.behind()
        if not self._forgotten:
            self._recover()
        loops = [self._number, self._publish, self._prune]
        loops += [self._publish_outward] if self.outward else []
        if self.follower is not None:
            self.follower.start()
            loops.append(functools.partial(self.follower.run, self.stop_flag))
            look = self.follower.look
            room = self.container.service_cls
            loops += [self._receive] if room.follows else []
            heard = self.follower.heard
            hear = functools.partial(wakeup.follow, self.runtime.connect, [OTHERS_HELD], look, self.stop_flag, heard)
            loops += [hear] if room.others else []
        self._own = self._instance(self.container.service_cls)
        loops += [functools.partial(loop, self.stop_flag) for loop in self._own.loops()]
        self._threads = [self.container.spawn_managed_thread(self._guarded(loop)) for loop in loops]

    def stop(self) -> None:
        self.stop_flag.set()
        self._poked.set()
        self._numbered.set()
        self._numbered_for_others.set()
        self._own.stopping()
        if self.follower is not None:
            self.follower.wake()
        for thread in self._threads:
            thread.wait()
        self.relay.close()
        if self.outward is not None:
            self.outward.close()
        self.database.close()

    def kill(self) -> None:
        self.stop_flag.set()

    def get_dependency(self, worker_ctx: Any) -> Engine:
        return self

    def _outward(self, room: type[Room], runtime: Runtime) -> Outward | None:
        """A room that hears its like on other nodes tells them too, where both sides have RabbitMQ."""
        if not (room.others and runtime.settings.broker.url and runtime.settings.lane.management):
            return None
        return Outward(self.database, lambda: in_vhost(runtime.connect, self._vhost)())

    def _follower(self, room: type[Room], runtime: Runtime) -> Follower | None:
        told = [*room.follows, *([room.others] if room.others else [])]
        if not told:
            return None
        handlers = Handlers(_calls(self._instance(room)), frozenset().union(*(each.TYPES for each in told)))
        applied = self._instance(room).applied
        return Follower(self.database, handlers, self.parking, self._fetch, self._fetch_heads, applied, self._sweep)

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
                if self._forgotten:
                    self._regain()
                more = True
                while more and not self.stop_flag.is_set():
                    more = self.sequencer.run_once() == sequencer.BATCH
                    self.relay.offer(self.sequencer.numbered)
                    self._numbered.set()
                    if self.outward is not None and self._readers:
                        self.outward.offer(self.sequencer.numbered)
                        self._numbered_for_others.set()
            except (MaillageError, OSError) as error:
                _logger.warning("sequencer waits", room=self.prefix, reason=type(error).__name__, detail=str(error))
                self.stop_flag.wait(POLL_S)
            with contextlib.suppress(Unavailable):  # somebody still reads what was before an erasure
                self.database.settle()
            self._poked.wait(self._poll_s)

    def _regain(self) -> None:
        """The database was put back: take in what peers still hold of the public stream, then open a new epoch."""
        room, stream = self._instance(self.container.service_cls), f"{self.prefix}/{SHARED}"
        if SHARED in self._forgotten:
            ask, keys = functools.partial(self.runtime.ask, CARRIER), self.runtime.identity.kept_keys()
            for peer, page in tail(ask, keys, stream, self._forgotten[SHARED], self.stop_flag.wait):
                room.regain(page)
                _logger.warning("said before the database was put back", stream=stream, events=len(page), held_by=peer)
        if not self.stop_flag.is_set():
            room.put_back()
            self._recover()
            self._forgotten = {}
            self.sequencer.checkpoint_now = True  # what was taken in is what the others read anew

    def _recover(self) -> None:
        for reach in self.sequencer.recover():
            _logger.warning("database behind its witness: new epoch opened", stream=f"{self.prefix}/{reach}")

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

    def _publish_outward(self) -> None:
        """The same for other nodes, as long as any reads here: whatever waits or fails here delays nothing else."""
        outward, delay_s = self.outward, POLL_S
        while outward is not None and not self.stop_flag.is_set():
            self._numbered_for_others.clear()
            try:
                self._count_readers()
                while self._readers and outward.run_for(self._readers) >= relay.WINDOW and not self.stop_flag.is_set():
                    pass
                delay_s = POLL_S
            except (MaillageError, *BROKER_ERRORS) as error:
                _logger.warning("lane to other nodes waits", room=self.prefix, reason=type(error).__name__)
                self.stop_flag.wait(delay_s)
                delay_s = min(delay_s * 2, OUTWARD_WAITS_AT_MOST_S)
                continue
            outward.beat()
            self._numbered_for_others.wait(self._poll_s)

    def _count_readers(self) -> None:
        """How many peers read from the broker of this node, asked from time to time."""
        if self.outward is None or time.monotonic() < self._readers_at:
            return
        self._readers_at = time.monotonic() + READERS_EVERY_S
        said = self.runtime.ask(CARRIER, "lane_readers", {})
        self._readers, self._vhost = said["readers"], said["vhost"]
        if not self._readers:
            self.outward.close()

    def _prune(self) -> None:
        """Once a day: the log keeps what its settings say, and no more."""
        wait_s = retention.FIRST_AFTER_S
        while not self.stop_flag.wait(wait_s):
            self.prune(self._keep())
            wait_s = retention.EVERY_S

    def checkpoint(self) -> None:
        """Have the public stream's state signed now; does not wait for long where it cannot be."""
        ends_at = time.monotonic() + CHECKPOINT_WITHIN_S
        while time.monotonic() < ends_at:
            with self.database.read() as session:
                if catchup.is_signed(session, SHARED):
                    return
            self.sequencer.checkpoint_now = True
            self._poked.set()
            self.stop_flag.wait(0.05)

    def claimed(self, reach: str, claims: Sequence[Signed]) -> bool:
        """Others hold these events of a stream of this room: whether one is not in its log, and an epoch is opened."""
        with self.database.read() as session:
            lost = catchup.unknown_here(session, reach, claims)
            head = session.get(StreamRow, reach)
        if lost is None or self._forgotten:
            return lost is not None
        stream = f"{self.prefix}/{reach}"
        _logger.warning("others hold events that this log does not: database put back, or key stolen", stream=stream)
        self.sequencer.lost = {reach: Mark(lost.header.epoch, lost.header.seq, lost.header.hash)}
        self._forgotten = {reach: Mark(head.epoch, head.seq, head.hash)} if head else {}
        self._poked.set()
        return True

    def prune(self, keep: retention.Keep) -> int:
        """Compact the room's public log; how many events went."""
        room = self._instance(self.container.service_cls)
        with self.database.begin() as session:
            read = addressed.prune(session, clock.to_text(clock.now() - max(keep.log, retention.AT_LEAST)))
        return read + retention.prune(self.database, keep, room.pruned) + room.pruned_beside(keep)

    def _keep(self) -> retention.Keep:
        asked = self.runtime.settings.federation
        return retention.Keep(timedelta(days=asked.log_days), asked.log_mb * 1_000_000)

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

    def _fetch(self, stream: str, epoch: int, after: int, limit: int) -> Page:
        request = {"stream": stream, "epoch": epoch, "after": after, "limit": limit}
        node, service, _ = stream.split("/", 2)
        holder = service if node == self.runtime.identity.name else CARRIER
        answer = self.runtime.ask(holder, "log_after", request)
        return Page([body.encode() for body in answer["events"]], answer["holes"])

    def _fetch_heads(self) -> list[Head]:
        found: list[Head] = []
        room = self.container.service_cls
        asked: list[tuple[str, str, dict[str, Any]]] = [(each.SERVICE, "heads", {}) for each in room.follows]
        if room.others:
            asked.append((CARRIER, "held", {"service": room.name}))
        for holder, door, request in asked:
            if self.stop_flag.is_set():
                break
            try:
                found += [Head(**head) for head in self.runtime.ask(holder, door, request)["heads"]]
            except (MaillageError, *BROKER_ERRORS) as error:
                _logger.warning("heads not heard", room=self.prefix, service=holder, reason=type(error).__name__)
        return found

    def _sweep(self, stream: str) -> None:
        """Tell the room which records of a stream that was read anew are there no more."""
        room, last = self._instance(self.container.service_cls), ""
        while subjects := self.runtime.ask(CARRIER, "vanished", {"stream": stream, "after": last})["subjects"]:
            with self.database.begin() as session:
                room.vanished(session, stream, subjects)
            last = subjects[-1]


def _calls(instance: Room) -> dict[str, dict[str, Any]]:
    calls: dict[str, dict[str, Any]] = {}
    for name in dir(type(instance)):
        for event_type in getattr(getattr(type(instance), name), HANDLES, ()):
            calls.setdefault(event_type, {})[name] = getattr(instance, name)
    return calls
