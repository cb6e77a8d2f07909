"""A room's doors without nameko: the service class on a real database, its sequencer run by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from services.kernel.access import Actor
from services.kernel.database import Database, inline
from services.kernel.identity import Identity
from services.kernel.log import EventLog
from services.kernel.parking import Parking
from services.kernel.sequencer import Sequencer
from services.kernel.settings import MailSettings, Node, Settings
from services.kernel.witness import Witness
from tests.conftest import Backend

NODE = Identity.from_seed(b"node" * 8)
PERMANENT = Actor("marie@example.org", ("permanent",))
VOLUNTEER = Actor("paul@example.org", ("volunteer",))
MACHINE = Actor("key:site", scopes=("directory:write", "directory:import"))
OPERATOR = Actor("operator", ("administrator",))


class Opened:
    """A room of the node `NODE`, or of another; `as_(actor)` says who is behind the next calls."""

    def __init__(self, room: type[Any], backend: Backend, folder: Path, node: Identity = NODE, url: str = "") -> None:
        database = Database(url or backend.migrated_url(room.name), room.name)
        witness = Witness(folder / f"{room.name}.json")
        self.node = node
        self.sequencer = Sequencer(database, room.name, node, witness, room.on_numbered)
        self.sequencer.recover()
        self.database = database
        self._service = room()
        self._service.engine = SimpleNamespace(
            database=database, log=EventLog(), parking=Parking(), prefix=f"{node.name}/{room.name}", follower=None,
            runtime=SimpleNamespace(
                identity=node, settings=Settings(Node("essai", "Essai")), note_erasure=lambda: None, executor=inline,
                folder=folder,
            ),
        )  # fmt: skip
        self.as_(PERMANENT)

    @property
    def room(self) -> Any:
        """The service itself."""
        return self._service

    def with_mail(self, monkeypatch: pytest.MonkeyPatch, port: int = 25) -> None:
        """From now on the node sends mail, by a server on this port of this machine."""
        mail = MailSettings("127.0.0.1", port, "none", sender="maillage@example.org")
        monkeypatch.setattr(self._service.engine.runtime, "settings", Settings(Node("essai", "Essai"), mail=mail))

    def as_(self, actor: Actor) -> Opened:
        """Who is behind the next calls."""
        self._service.actor = lambda: actor
        return self

    def __getattr__(self, door: str) -> Callable[..., Any]:
        method = getattr(self._service, door)
        return lambda request=None, **asked: method(request if request is not None else asked)

    def number_all(self) -> None:
        """Number everything that was committed."""
        while self.sequencer.run_once():
            pass

    def announced(self) -> list[tuple[str, str]]:
        """Number what was committed; every (type, subject) so far, both streams, in order of commit."""
        self.number_all()
        events = []
        for reach in ("home", "shared"):
            stream = f"{self.node.name}/{self._service.name}/{reach}"
            for body in self.log_after(stream=stream, epoch=1, after=0, limit=500)["events"]:
                event = orjson.loads(body)
                events.append((event["time"], event["type"], event["subject"]))
        return [(kind, subject) for _, kind, subject in sorted(events)]

    def close(self) -> None:
        """Give the database back."""
        self.database.close()
