"""One room as a real process, to be killed: `python -m tests.faults.process ROOM FOLDER DATABASE BROKER [POINT:N]`.

`POINT:N` makes the process kill itself (SIGKILL) at the Nth passage of a point, by wrapping a method here: the product
has no such hook.
"""

import os
import warnings

warnings.filterwarnings("ignore")
os.environ["PSYCOPG_WAIT_FUNC"] = "wait_selector"

import eventlet  # noqa: E402

eventlet.monkey_patch()

import signal  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from types import SimpleNamespace  # noqa: E402
from typing import Any  # noqa: E402

from eventlet import tpool  # noqa: E402
from eventlet.event import Event as Told  # noqa: E402
from nameko.containers import ServiceContainer  # noqa: E402
from sqlalchemy import text  # noqa: E402
from sqlalchemy.orm import Session  # noqa: E402

from deploy.logs import configure  # noqa: E402
from deploy.node import _connect  # noqa: E402
from gateway.rpc import RpcClient, connector  # noqa: E402
from services.kernel.announce import NewEvent  # noqa: E402
from services.kernel.applier import Event  # noqa: E402
from services.kernel.database import Database  # noqa: E402
from services.kernel.doors import Room, on_event, rpc  # noqa: E402
from services.kernel.follow import Receiver  # noqa: E402
from services.kernel.migrate import migrate  # noqa: E402
from services.kernel.relay import Publisher, Relay  # noqa: E402
from services.kernel.runtime import RUNTIME, Runtime  # noqa: E402
from services.kernel.settings import Broker, DatabaseSettings, Log, Node, Settings  # noqa: E402
from tests.kernel.nodes import CHANGED, NODE  # noqa: E402

WRITER = SimpleNamespace(SERVICE="writer", TYPES=frozenset({CHANGED}))
WRITTEN = "CREATE TABLE IF NOT EXISTS written (subject TEXT PRIMARY KEY)"
SEEN = "CREATE TABLE IF NOT EXISTS seen (id BIGSERIAL PRIMARY KEY, seq BIGINT, subject TEXT)"


class WriterRoom(Room):
    """Writes an event for each subject it is given, once however often it is asked."""

    name = "writer"

    @rpc
    def write(self, request: dict[str, Any]) -> dict[str, Any]:
        """`{subjects}` → `{written}`: how many were new."""
        with self.db.begin() as session:
            new = [subject for subject in request["subjects"] if _is_new(session, subject)]
            self.log.append(session, *(NewEvent(CHANGED, subject, 1, {"subject": subject}) for subject in new))
        return {"written": len(new)}


class FollowerRoom(Room):
    """Writes down each event it applies."""

    name = "follower"
    follows = (WRITER,)

    @on_event(CHANGED)
    def note(self, session: Session, event: Event) -> None:
        """One row an event, in the order of application."""
        session.execute(
            text("INSERT INTO seen (seq, subject) VALUES (:seq, :subject)"),
            {"seq": event.seq, "subject": event.subject},
        )


ROOMS: dict[str, tuple[type[Room], str]] = {"writer": (WriterRoom, WRITTEN), "follower": (FollowerRoom, SEEN)}
POINTS: dict[str, tuple[type[Any], str]] = {
    "before-publish": (Relay, "_publish"),
    "before-confirm": (Publisher, "_await_confirms"),
    "before-ack": (Receiver, "_acknowledge"),
}


def main(room: str, folder: str, database: str, broker: str, kill: str = "") -> None:
    """Run until SIGTERM, or until the point is passed for the Nth time."""
    configure(Log(level="ERROR"), quiet=True)
    cls, table = ROOMS[room]
    opened = Database(database, room)
    migrate(opened)
    with opened.begin() as session:
        session.execute(text(table))
    opened.close()
    if kill:
        _arm(*kill.split(":"))
    settings = Settings(Node("faults", "Faults"), broker=Broker(broker), database=DatabaseSettings(database))
    runtime = Runtime(
        Path(folder), settings, NODE, tpool.execute, lambda: _connect(broker), RpcClient(connector(broker)).call
    )
    container = ServiceContainer(cls, {"AMQP_URI": broker, "max_workers": 10, RUNTIME: runtime})
    container.start()
    told = Told()
    signal.signal(signal.SIGTERM, lambda *_: eventlet.spawn_n(told.send))
    told.wait()
    container.stop()


def _is_new(session: Session, subject: str) -> bool:
    statement = text("INSERT INTO written VALUES (:subject) ON CONFLICT DO NOTHING RETURNING subject")
    return session.execute(statement, {"subject": subject}).scalar() is not None


def _arm(point: str, passages: str) -> None:
    cls, name = POINTS[point]
    original: Callable[..., Any] = getattr(cls, name)
    left = [int(passages)]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(cls, name, wrapped)


if __name__ == "__main__":
    main(*sys.argv[1:])
