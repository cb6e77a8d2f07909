"""Three directories in one process, between which a record moves: who hears what and when is the test's to say."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from services.directory import store, store_others
from services.directory.events import DECISIONS, PUBLIC_DELETES, PUBLIC_PUTS, is_told_by
from services.directory.service import DirectoryService
from services.federation.cards import Card
from services.kernel import identity
from services.kernel.applier import Event
from services.kernel.envelope import Signed, read
from services.kernel.identity import Identity
from tests.rooms import Opened
from tests.templates import migrated_file

NAMES = ("radar", "orpan", "animation")
FIRST = {
    "nom": "La Grange", "commune": "Blain", "code_insee": "44015", "date_maj": "2026-01-31",
    "telephone": "+33240000000",
}  # fmt: skip


def in_files(kept: Path) -> Callable[[Path], str]:
    """The URL of a migrated SQLite file in a folder; `kept` is where the original stays."""
    return partial(_in_file, kept)


def _in_file(kept: Path, folder: Path) -> str:
    return migrated_file(kept, "directory", folder / "directory.sqlite3")


class World:
    """RADAR, ORPAN and ANIMATION, each of which knows the others; a public structure of RADAR with one service."""

    def __init__(self, url_of: Callable[[Path], str], folder: Path) -> None:
        self.ids = {name: Identity.from_seed((name * 32)[:32].encode()) for name in NAMES}
        self.nodes = {name: self._open(name, url_of, folder / name) for name in NAMES}
        self._heard: dict[tuple[str, str, str], int] = {}
        for name in NAMES:
            self._introduce(name)
        radar = self.nodes["radar"]
        common = {"source": "liste", "fields": FIRST}
        [structure] = radar.put(records=[{"kind": "structure", "source_id": "g1", **common}])["records"]
        service = {"kind": "service", "source": "liste", "source_id": "s1", "structure_source_id": "g1",
                   "fields": {"nom": "Accueil", "description": "Un accueil.", "date_maj": "2026-01-31"}}  # fmt: skip
        [of_it] = radar.put(records=[service])["records"]
        radar.qualify(ids=[structure["id"], of_it["id"]], how="visit")
        self.structure, self.service = structure["id"], of_it["id"]

    def fingerprint(self, name: str) -> str:
        """The node of a name."""
        return self.ids[name].name

    def hear(self, at: str, of: str, at_most: int = 500) -> int:
        """The next public events of one node are applied at another; how many."""
        place = self._heard.get((at, of, "shared"), 0)
        events = self.said(of)[place : place + at_most]
        self.tell(at, *events)
        self._heard[at, of, "shared"] = place + len(events)
        return len(events)

    def hear_again(self, at: str, of: str, number: int) -> None:
        """An event that was heard already comes once more."""
        place = self._heard.get((at, of, "shared"), 0)
        if place:
            self.tell(at, self.said(of)[number % place])

    def said(self, of: str) -> list[Signed]:
        """All public events of a node about records."""
        node = self.nodes[of]
        node.number_all()
        stream = f"{self.fingerprint(of)}/directory/shared"
        bodies = node.log_after(stream=stream, epoch=1, after=0, limit=500)["events"]
        return [each for each in map(_read, bodies) if each.header.type in PUBLIC_PUTS | PUBLIC_DELETES | DECISIONS]

    def tell(self, at: str, *events: Signed) -> None:
        """These events are applied at a node, in one transaction."""
        node = self.nodes[at]
        with node.database.begin() as session:
            for each in events:
                if each.data is None:
                    continue  # erased: a later event tells the record
                home = each.header.stream.partition("/")[0]
                assert is_told_by(home, each.header, each.payload())
                decided = each.header.type in DECISIONS
                (node.room.other_decided if decided else node.room.other_record)(session, Event.of(each))

    def write_to(self, at: str, of: str) -> int:
        """The next messages of one node to another arrive; how many."""
        key = (at, of, "to")
        sender, receiver = self.nodes[of], self.nodes[at]
        sender.number_all()
        asked = {"node": self.fingerprint(at), "epoch": 1, "after": self._heard.get(key, 0), "limit": 500}
        bodies = sender.addressed(asked)["events"]
        for body in bodies:
            with receiver.database.begin() as session:
                receiver.room.message(session, Event.of(_read(body)))
        self._heard[key] = self._heard.get(key, 0) + len(bodies)
        return len(bodies)

    def settle(self) -> None:
        """Everybody hears everything."""
        pairs = [(at, of) for at in NAMES for of in NAMES if at != of]
        while sum(self.hear(*pair) + self.write_to(*pair) for pair in pairs):
            pass

    def offer(self, of: str, to: str) -> str:
        """A node offers the structure to another; the offer's name at its maker."""
        made: str = self.nodes[of].hand_over(to=self.fingerprint(to), ids=[self.structure])["id"]
        return made

    def accept(self, at: str) -> int:
        """A node accepts all that it was offered; how many offers."""
        waiting = [each for each in self.nodes[at].offers()["offers"]
                   if not each["outward"] and each["state"] == "offered"]  # fmt: skip
        for each in waiting:
            self.nodes[at].offer_decide(id=each["id"], decision="accept")
        return len(waiting)

    def edit(self, at: str, telephone: str) -> None:
        """A permanent of a node changes the structure. Raises `NotHome` anywhere but at its home."""
        record = self.nodes[at].get(id=self.structure)
        self.nodes[at].edit(id=self.structure, version=record["version"], fields={"telephone": telephone})

    def homes(self) -> list[str]:
        """The nodes that hold the structure as their own."""
        return [name for name in NAMES if self._own(name) is not None]

    def seen_at(self, name: str, record_id: str = "") -> dict[str, Any]:
        """What the public of a node sees of a record: home, term, telephone; what its feed says last of it."""
        node = self.nodes[name]
        node.number_all()
        wanted = record_id or self.structure
        [item] = [each for each in node.changes()["items"] if each["id"] == wanted]
        data = item["event"]["data"]
        return {"op": item["op"], "home": data["home"], "term": data.get("term", 0),
                "telephone": data.get("fields", {}).get("telephone"), "moving": "to" in data}  # fmt: skip

    def close(self) -> None:
        """Give the databases back."""
        for each in self.nodes.values():
            each.close()

    def _own(self, name: str) -> Any:
        with self.nodes[name].database.read() as session:
            record = store.record(session, self.structure)
            held = store_others.other(session, self.structure)
            mine = record is not None and record.home == self.fingerprint(name)
            assert not (mine and held), "a record is of this node and of another"
            return record if mine else None

    def _open(self, name: str, url_of: Callable[[Path], str], folder: Path) -> Opened:
        folder.mkdir()
        opened = Opened(DirectoryService, None, folder, self.ids[name], url_of(folder))  # type: ignore[arg-type]
        runtime = opened.room.engine.runtime
        runtime.folder, runtime.ask = folder, self._ask
        (folder / "secrets").mkdir()
        return opened

    def _ask(self, room: str, door: str, asked: dict[str, Any]) -> dict[str, Any]:
        [name] = [each for each in NAMES if self.fingerprint(each) == asked["node"]]
        key = identity.sealing_key(self.nodes[name].room.engine.runtime.folder).public_key
        return {"sealing": base64.b64encode(bytes(key)).decode()}

    def _introduce(self, name: str) -> None:
        for other in NAMES:
            own = self.ids[other]
            card = Card(own.name, other, other.upper(), "44", f"https://{other}.example.org", own.public_key,
                        b"s" * 32, 1)  # fmt: skip
            self.know(name, {"node": own.name, "label": other, "name": card.name, "url": card.url, "state": "active",
                             "keys": card.keys()} if other != name else None)  # fmt: skip

    def know(self, at: str, said: dict[str, Any] | None) -> None:
        """Federation tells a node of another."""
        if said is not None:
            event = Event("id", "federation.peer.changed.v1", said["node"], 1, "", "", 1, said, None)  # type: ignore[arg-type]
            with self.nodes[at].database.begin() as session:
                self.nodes[at].room.peer_changed(session, event)


def move(world: World, of: str = "radar", to: str = "orpan") -> None:
    """The structure goes from one to the other, as both agree."""
    world.offer(of, to)
    world.write_to(to, of)
    world.accept(to)
    world.write_to(of, to)
    world.hear(to, of)


def _read(body: Any) -> Signed:
    return read(body.encode() if isinstance(body, str) else orjson.dumps(body) if isinstance(body, dict) else body)
