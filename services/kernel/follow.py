"""Follow other services: one queue per followed service, one loop that receives, one that applies.

`Receiver` turns what the broker delivers into inbox rows, in batches of what has already arrived: a lone event waits
for no other, a burst costs one insert, one commit and one `multiple` ack. `Follower` owns the rest: applying, repairing
gaps, polling heads, retrying parked events. Both are plain loops over a `stop` flag; `doors.py` runs them as nameko's
managed threads, tests as ordinary ones.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message

from services.kernel import catchup
from services.kernel.applier import Applier, Event, Handlers
from services.kernel.broker import AT_ONCE_S, BROKER_ERRORS, dial, events_exchange, hang_up
from services.kernel.catchup import Fetch, Head
from services.kernel.database import Database
from services.kernel.envelope import Signed
from services.kernel.errors import Conflict, MaillageError, Unavailable
from services.kernel.inbox import Receipt, receive
from services.kernel.parking import Parking

BATCH = 500
BATCH_BYTES = 8_000_000
FIRST_DELAY_S, LAST_DELAY_S = 0.1, 5.0
HEADS_EVERY_S = 5.0
RETRY_EVERY_S = 1.0
_log = structlog.get_logger(__name__)


def follower_queue(room: str, service: str) -> Queue:
    """The durable queue in which a room receives everything that a service announces, ready to be declared."""
    exchange = events_exchange(service)
    return Queue(f"{room}.follows.{service}", exchange=exchange, routing_key="#", durable=True, auto_delete=False)


class Batches:
    """Takes what the broker delivers, in batches of what has already arrived, each acknowledged once it was taken.

    `name` is told where the broker is away, so that an operator knows who waits.
    """

    def __init__(self, queues: Sequence[Queue], connect: Callable[[], Connection], name: str) -> None:
        self._queues = queues
        self._connect = connect
        self._name = name
        self._arrived: list[Message] = []
        self._last = 0

    def take(self, bodies: list[bytes]) -> None:
        """What to do with a batch: commit it, or raise `Unavailable`, and it comes again."""
        raise NotImplementedError

    def patience_s(self, last: int) -> float:
        """How long to wait for more once one is there, where the last batch had so many: not at all."""
        return 0.0

    def connected(self, is_so: bool) -> None:
        """The broker is there, or away."""

    def run(self, stop: threading.Event) -> None:
        """Receive until told to stop; reconnects by itself, with growing delay up to 5 s."""
        delay_s = FIRST_DELAY_S
        while not stop.is_set():
            began_at = time.monotonic()
            try:
                self._consume(stop)
            except (*BROKER_ERRORS, Unavailable) as error:
                steady = time.monotonic() - began_at > LAST_DELAY_S
                delay_s = FIRST_DELAY_S if steady else min(delay_s * 2, LAST_DELAY_S)
                _log.warning(f"{self._name} waits", reason=type(error).__name__, delay_s=delay_s)
                stop.wait(delay_s)

    def _consume(self, stop: threading.Event) -> None:
        self._arrived.clear()
        connection = dial(self._connect)
        try:
            self._begin(connection)
            self.connected(True)
            while not stop.is_set():
                self._drain(connection)
                if self._arrived:
                    self._take()
        finally:
            self.connected(False)
            hang_up(connection)  # what was not acknowledged is given again

    def _begin(self, connection: Connection) -> None:
        channel = connection.channel()
        queues = [queue(channel) for queue in self._queues]
        for queue in queues:
            queue.declare()
        channel.basic_qos(0, BATCH * 2, False)
        consumer = connection.Consumer(queues, channel=channel, on_message=self._arrived.append, no_ack=False)
        consumer.consume()

    def _drain(self, connection: Connection) -> None:
        """Wait for one message, then take those that are already here."""
        timeout_s, until = 0.5, 0.0
        seen = size = 0
        while len(self._arrived) < BATCH and size < BATCH_BYTES:
            try:
                connection.drain_events(timeout=timeout_s)
            except TimeoutError:
                connection.heartbeat_check()
                return
            size += sum(len(message.body) for message in self._arrived[seen:])
            seen = len(self._arrived)
            until = until or time.monotonic() + self.patience_s(self._last)
            timeout_s = max(until - time.monotonic(), AT_ONCE_S)

    def _take(self) -> None:
        batch, self._arrived[:] = list(self._arrived), []
        self._last = len(batch)
        self.take([_raw(message) for message in batch])
        self._acknowledge(batch[-1])

    def _acknowledge(self, last: Message) -> None:
        """All of the batch at once: it came on one channel, and is committed."""
        last.ack(multiple=True)


class Receiver(Batches):
    """Empties the room's queues into its inbox; acknowledges what is committed."""

    def __init__(self, database: Database, room: str, services: Sequence[str], connect: Callable[[], Connection],
                 on_receipt: Callable[[Receipt], None], follows: frozenset[str] | None = None) -> None:  # fmt: skip
        super().__init__([follower_queue(room, service) for service in services], connect, "receiver")
        self._database = database
        self._on_receipt = on_receipt
        self._follows = follows

    def take(self, bodies: list[bytes]) -> None:
        """Insert a batch, commit, wake who applies it."""
        with self._database.begin() as session:
            receipt = receive(session, bodies, self._follows)
        self._on_receipt(receipt)


def _raw(message: Message) -> bytes:
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)


class Follower:
    """Applies what was received, repairs what was not, tries parked events again."""

    def __init__(self, database: Database, handlers: Handlers, parking: Parking, fetch: Fetch,
                 fetch_heads: Callable[[], Sequence[Head]],
                 on_applied: Callable[[], None] = lambda: None,
                 sweep: Callable[[str], None] = lambda stream: None) -> None:  # fmt: skip
        self._on_applied = on_applied
        self._sweep = sweep
        self._database = database
        self._handlers = handlers
        self._parking = parking
        self._applier = Applier(database, handlers, parking)
        self._fetch = fetch
        self._fetch_heads = fetch_heads
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._dirty: dict[str, None] = {}
        self._told: set[str] = set()
        self._heads_at = 0.0
        self.heads: Sequence[Head] = ()

    def on_receipt(self, receipt: Receipt) -> None:
        """Called by the receiver after each batch."""
        self._mark(receipt.streams)
        self._wake.set()

    def wake(self) -> None:
        """Look again at once (to stop, or because something is new)."""
        self._wake.set()

    def look(self) -> None:
        """Ask for heads again at once: something is new, of which no message tells more."""
        self._heads_at = 0.0
        self._wake.set()

    def heard(self, stream: str) -> None:
        """There is more of a stream that is followed: its log is read at once, without asking for any head.

        Of one that is not known yet, heads are asked for first.
        """
        if all(head.stream != stream for head in self.heads):
            self.look()
            return
        with self._lock:
            self._told.add(stream)
            self._dirty[stream] = None
        self._wake.set()

    def start(self) -> None:
        """Once, before `run`: events of types that an upgrade made known are queued for their handlers."""
        with self._database.begin() as session:
            self._parking.upgraded(session, self._handlers.names)

    def run(self, stop: threading.Event) -> None:
        """Apply until told to stop. Whatever is away is waited for."""
        retry_at = 0.0
        while not stop.is_set():
            try:
                if time.monotonic() >= self._heads_at:
                    self._heads_at = time.monotonic() + HEADS_EVERY_S
                    self.poll_heads()
                if time.monotonic() >= retry_at:
                    retry_at = time.monotonic() + RETRY_EVERY_S
                    self.retry_due()
                self.apply_all(stop)
            except (MaillageError, *BROKER_ERRORS) as error:
                _log.warning("follower waits", reason=type(error).__name__, detail=str(error)[:200])
                stop.wait(0.5)
            self._wake.wait(RETRY_EVERY_S)
            self._wake.clear()

    def poll_heads(self) -> None:
        """Ask how far the streams are; those further than here are looked at. Of who does not answer, keep the last."""
        known = {head.stream: head for head in self.heads} | {head.stream: head for head in self._fetch_heads()}
        self.heads = list(known.values())
        catchup.begin_anew(self._database, self.heads)
        with self._database.read() as session:
            self._mark(catchup.behind(session, self.heads))

    def apply_all(self, stop: threading.Event | None = None) -> int:
        """Apply and repair, a page of each stream in turn, until all are up to date; how many events were applied.

        After each page `on_applied` is called: who waits for what follows from it need not wait for the rest.

        A stream that cannot be gone on with (its room is away, its log has a hole) holds back no other; its error is
        raised once the others are done, and it is tried again by the next call.
        """
        total, failed = 0, dict[str, Exception]()
        while not (stop and stop.is_set()) and (stream := self._next()) is not None:
            try:
                count, more = self._apply(stream)
            except Exception as error:
                failed[stream] = error
                continue
            total += count
            if count:
                self._on_applied()
            if more:
                self._mark([stream])
        self._mark(failed)
        for first in failed.values():
            raise first
        return total

    def retry_due(self) -> None:
        """One attempt for each parked event whose time has come."""
        with self._database.read() as session:
            due = self._parking.due(session)
        for parked_id in due:
            self._parking.attempt(self._database, parked_id, self._run_parked)

    def _apply(self, stream: str) -> tuple[int, bool]:
        """A page of one stream: how many were applied, and whether to look again."""
        count, more = self._apply_page(stream)
        for head in self.heads:
            if head.stream == stream and head.generation and catchup.is_read_anew(self._database, head):
                self._sweep(stream)
                catchup.end_anew(self._database, stream)
        return count, more

    def _apply_page(self, stream: str) -> tuple[int, bool]:
        with self._lock:
            told = stream in self._told
            self._told.discard(stream)
        if told:  # its log is where it goes on: nothing of it waits in the inbox but what the same page brings
            repaired, more = self._repair(stream)
            if more:  # than was there when its head was last asked for
                with self._lock:
                    self._told.add(stream)
            return repaired, more
        applied = self._applier.run_once(stream)
        if applied.more:
            return applied.count, True
        if not (applied.gap or self._is_behind(stream)):
            return applied.count, False
        repaired, _ = self._repair(stream)
        return applied.count + repaired, repaired > 0

    def _repair(self, stream: str) -> tuple[int, bool]:
        """Apply a page of the log after the cursor; how many events, and whether the log may go on after it.

        Raises `Conflict` where it does not follow.
        """
        place, page = catchup.ask(self._database, stream, self._fetch)
        repaired = self._applier.run_page(stream, place, page.bodies, holes=page.holes)
        if not repaired and catchup.keep(self._database, place, page):
            repaired = self._applier.run_once(stream).count
            if not repaired:
                raise Conflict(f"Le journal du flux {stream} ne reprend pas là où il a été lu.")
        return repaired, repaired > 0 and page.may_go_on

    def _next(self) -> str | None:
        with self._lock:
            stream = next(iter(self._dirty), None)
            if stream is not None:
                del self._dirty[stream]
            return stream

    def _mark(self, streams: Iterable[str]) -> None:
        with self._lock:
            self._dirty.update(dict.fromkeys(streams))

    def _is_behind(self, stream: str) -> bool:
        known = [head for head in self.heads if head.stream == stream]
        with self._database.read() as session:
            return bool(catchup.behind(session, known))

    def _run_parked(self, name: str, session: Any, signed: Signed) -> None:
        self._handlers.run(name, session, Event.of(signed))
