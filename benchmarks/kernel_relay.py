"""The relay: events of 1 kB that wait, committed, in PostgreSQL; they are numbered, chained, signed, published on
RabbitMQ, persistent, into a durable queue, and confirmed. Beside it kombu publishes the very same bytes to the same
exchange, persistent too, without waiting for any confirm. Rounds alternate; the median counts.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.messaging import Producer

from benchmarks.common import median
from benchmarks.figure import Figure, beside
from deploy.servers import PrivateBroker, PrivatePostgres
from services.kernel.announce import NewEvent
from services.kernel.broker import events_exchange
from services.kernel.database import Database
from services.kernel.identity import Identity
from services.kernel.log import EventLog
from services.kernel.migrate import migrate
from services.kernel.relay import Relay, after
from services.kernel.sequencer import Sequencer
from services.kernel.witness import Witness

ROOM = "writer"
ROUNDS = 5
DATA = {"nom": "Maison des solidarités", "description": "é" * 460, "commune": "Nantes"}
"""1 kB of JSON, as UTF-8."""


def run(full: bool) -> list[Figure]:
    """Events per second of the relay, and of kombu."""
    events = 10_000 if full else 3_000
    with PrivateBroker() as broker, PrivatePostgres() as postgres, tempfile.TemporaryDirectory() as folder:
        database = Database(postgres.fresh_database(), ROOM)
        migrate(database)
        url = broker.fresh_vhost()
        sequencer = Sequencer(database, ROOM, Identity.from_seed(b"b" * 32), Witness(Path(folder) / "witness.json"))
        sequencer.recover()
        relay = Relay(database, ROOM, lambda: Connection(url))
        _declare_queue(url)
        ours, bare = [], []
        for number in range(ROUNDS + 1):
            _commit(database, events)
            taken_s = _relay(sequencer, relay)
            bare_s = _publish_bare(url, _bodies(database, events))
            if number:  # the first round warms up connections and plans
                ours.append(events / taken_s)
                bare.append(events / bare_s)
        relay.close()
        database.close()
    what = "relay, events of 1 kB, confirmed"
    return [beside(what, median(ours), "events/s", ("kombu, unconfirmed", median(bare)), least=0.4)]


def _commit(database: Database, events: int) -> None:
    log = EventLog()
    for begin in range(0, events, 500):
        with database.begin() as session:
            subjects = (f"00000000-0000-7000-8000-{number:012}" for number in range(begin, begin + 500))
            log.append(session, *(NewEvent("writer.thing.changed.v1", each, 1, DATA) for each in subjects))


def _relay(sequencer: Sequencer, relay: Relay) -> float:
    """Seconds until every committed event is numbered, and confirmed by the broker: two loops, as in a room."""
    began = time.perf_counter()
    numbered, over = threading.Event(), threading.Event()

    def number() -> None:
        while sequencer.run_once():
            relay.offer(sequencer.numbered)
            numbered.set()
        over.set()
        numbered.set()

    numbering = threading.Thread(target=number)
    numbering.start()
    while True:
        numbered.wait()
        numbered.clear()
        last = over.is_set()
        while relay.run_once():
            pass
        if last:
            break
    numbering.join()
    return time.perf_counter() - began


def _bodies(database: Database, events: int) -> list[bytes]:
    """The last events, as they travelled."""
    with database.read() as session:
        everything = [signed.body() for signed in after(session, "shared", 0, 0, 1_000_000)]
    return everything[-events:]


def _publish_bare(url: str, bodies: list[bytes]) -> float:
    with Connection(url) as connection:
        producer = Producer(connection.channel(), exchange=events_exchange(ROOM), auto_declare=True)
        producer.publish(bodies[0], routing_key="warm", content_type="application/json", content_encoding="utf-8")
        began = time.perf_counter()
        for body in bodies:
            producer.publish(
                body, routing_key="writer.thing.changed.v1", content_type="application/json",
                content_encoding="utf-8", delivery_mode=2,
            )  # fmt: skip
        return time.perf_counter() - began


def _declare_queue(url: str) -> None:
    with Connection(url) as connection:
        Queue("reader", events_exchange(ROOM), routing_key="#", durable=True)(connection.channel()).declare()
