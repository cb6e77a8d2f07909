"""Follow one peer over HTTPS: ask how far its streams are, read what is missing, wait for what is new.

A link belongs to one peer and speaks to it alone; what it brings is proved before it is kept (`taking.py`). Whatever
goes wrong is written down for the operator, and tried again: at once where something is new or where the peer is heard
again, since it asks this node something; else with growing delay, 10 s at most.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import orjson
import structlog
from kombu.connection import Connection

from services.federation import gossip, requests, store
from services.federation.addressed import Inbound
from services.federation.lane.arriving import Arrivals
from services.federation.model import ACTIVE
from services.federation.reaching import NO_HEADERS, Answer, Way
from services.federation.reading import LOG, SNAPSHOT, WAIT, Reader
from services.federation.taking import Taker
from services.kernel import clock
from services.kernel.announce import SHARED
from services.kernel.database import Database
from services.kernel.envelope import MAX_INTEGER
from services.kernel.errors import Conflict, Gone, MaillageError, Unavailable
from services.kernel.identity import Identity, Keyring

HEADS_EVERY_S: Final = 15.0
FIRST_DELAY_S, LAST_DELAY_S = 0.5, 10.0
"""After a look that failed. With the time that a connection is given it makes 15 s: who is back is read by then."""
HEARD_WITHIN_S: Final = 0.5
LANE_LOOKED_AT_S: Final = 1.0
MESSAGES_EVERY_S: Final = 5.0
SERVICES: Final = ("directory",)
"""The services whose public streams nodes exchange."""
_log = structlog.get_logger(__name__)


class Link:
    """The way to one peer.

    Args:
        node: the peer's fingerprint.
        heard: how often who answers was heard here; each time a link that waits for it tries again at once.
        addressed: who asks for what the peer writes to this node, and the keys that sign it.
        carrier: that of the peer at the opened address, where it re-serves the other; `""` where it is the peer itself.
        opened: the way to it; raises `ValidationError`, `Unavailable`.
        on_taken: called with the streams of which something new is held, after each commit.
        on_claims: called with what the peer says that homes signed.
        on_card: called with a later card of the peer than the one of `card_version`, from itself or its carrier; says
            why it is not taken.
        on_cards: called with what who answers says of the versions of cards that it holds.
    """

    def __init__(
        self, database: Database, node: str, taker: Taker, opened: Callable[[], Way],
        on_taken: Callable[[str], None], on_claims: Callable[[str, Any], None] = lambda node, claims: None,
        on_card: Callable[[str, bytes], str] = lambda node, raw: "", card_version: int = 2**31,
        on_cards: Callable[[Any], None] = lambda said: None,
        every_s: float = HEADS_EVERY_S, carrier: str = "", lane: Callable[[], Connection] | None = None,
        addressed: tuple[Identity, Keyring] | None = None, heard: Callable[[], int] = lambda: 0,
    ) -> None:  # fmt: skip
        self._heard = heard
        self._on_claims = on_claims
        self._on_card = on_card
        self._on_cards = on_cards
        self._card_version = card_version
        self._warning = ""
        self._every_s = every_s
        self._database = database
        self.node = node
        self._opened = opened
        self._carrier = carrier
        self._on_taken = on_taken
        self._moved = False
        self._reader = Reader(database, taker, self.get, self._taken, carrier)
        self._reach: Way | None = None
        self._lane = Arrivals(database, node, frozenset(self._streams), self._reader, lane) if lane else None
        self._looked_at = 0.0
        self._ahead_by = timedelta()
        """How far the peer's clock is before ours, as its answers say."""
        self._inbound: Inbound | None = None
        if addressed and not carrier:
            self._identity, keys = addressed
            self._inbound = Inbound(database, self._identity.name, node, keys, self._get_signed, on_taken)

    def run(self, stop: threading.Event, ended: Callable[[], bool]) -> None:
        """Follow until `stop` is set or `ended()`."""
        over = threading.Event()
        arriving = threading.Thread(target=self._lane.run, args=(over,), daemon=True) if self._lane else None
        if arriving is not None:
            arriving.start()
        if self._inbound is not None:
            threading.Thread(target=self._hear, args=(self._inbound, over), daemon=True).start()
        try:
            self._follow(stop, ended)
        finally:
            over.set()
            self._hang_up()
            if arriving is not None:
                arriving.join(1.0)

    def _hear(self, inbound: Inbound, over: threading.Event) -> None:
        """Ask for messages while the question for public changes is held open: somebody waits for an answer."""
        while not over.wait(min(self._every_s, MESSAGES_EVERY_S)):
            if self._reach is not None:  # else it is not reached now, which the other thread writes down
                with contextlib.suppress(MaillageError):
                    for service in SERVICES:
                        inbound.look(service)

    def _follow(self, stop: threading.Event, ended: Callable[[], bool]) -> None:
        delay_s = FIRST_DELAY_S
        while not stop.is_set() and not ended():
            before = self._heard()
            try:
                self.look()
                delay_s = FIRST_DELAY_S
                self._listen(stop, ended)
            except MaillageError as error:
                self._note(error.message)
                delay_s = FIRST_DELAY_S if self._moved else delay_s  # a poor link that brings something is asked on
                self._moved = False
                self._hang_up()
                heard = self._wait(delay_s, before, stop, ended)
                delay_s = FIRST_DELAY_S if heard else min(delay_s * 2, LAST_DELAY_S)

    def _wait(self, delay_s: float, before: int, stop: threading.Event, ended: Callable[[], bool]) -> bool:
        """Let time go by, unless the link is to begin anew, since there may be another way to the peer by now, or it
        is heard: whether it was.
        """
        ends_at = time.monotonic() + delay_s
        while (left_s := ends_at - time.monotonic()) > 0 and self._heard() == before:
            if stop.wait(min(left_s, HEARD_WITHIN_S)) or ended():
                break
        return self._heard() != before

    def look(self) -> int:
        """Ask for heads and read all that is missing; how many events were kept. Raises `MaillageError`."""
        self._looked_at = time.monotonic()
        if self._lane is not None:
            self._lane.missing.clear()
        kept = sum(self._reader.catch_up(stream, *head) for stream, head in self.heads().items())
        kept += sum(map(self._inbound.look, SERVICES)) if self._inbound else 0
        if kept and self._lane is not None:
            self._lane.keeps_up = False  # it should have brought these
        self._note(self._warning, heard=True)
        return kept

    def _taken(self, stream: str) -> None:
        self._moved = True
        self._on_taken(stream)

    def _listen(self, stop: threading.Event, ended: Callable[[], bool]) -> None:
        """Take what comes, as soon as it is there, until the heads are to be asked for again.

        While the lane brings everything, nothing is asked here; what it misses is asked for at once.
        """
        until = time.monotonic() + self._every_s
        stream = f"{self.node}/{SERVICES[0]}/{SHARED}"
        while (began := time.monotonic()) < until and not stop.is_set() and not ended():
            if self._lane is not None and self._lane.missing.is_set():
                stop.wait(max(self._looked_at + LANE_LOOKED_AT_S - began, 0))  # a lane that lies gets one look a second
                return
            if self._lane is not None and self._lane.keeps_up:
                self._lane.missing.wait(LANE_LOOKED_AT_S)
                continue
            page = self._reader.page(stream, WAIT)
            if page.refused or (not page.kept and time.monotonic() - began < 1):
                stop.wait(1.0)  # a node that does not hold the question open is asked once a second

    def heads(self) -> dict[str, tuple[int, int]]:
        """The heads of the peer's public streams, by their names: from a carrier, its last checkpoint there.

        Raises `Unavailable`.
        """
        try:
            said = orjson.loads(self.get("/federation/v1/streams", {}))
            if said["node"] != (self._carrier or self.node):
                raise Unavailable(f"À cette adresse répond un autre nœud : {str(said['node'])[:40]}.")
            told = {each["stream"]: (_number(each["epoch"]), _number(each["seq"])) for each in said["streams"]}
            claims = said["claims"]
            version = _number(said.get("cards", {}).get(self.node, 0) if self._carrier else said["card"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unavailable("La réponse n’est pas celle d’un nœud.") from None
        if self._carrier:
            told = gossip.heads(claims)
        found = {stream: told[stream] for stream in self._streams if stream in told}
        if self._carrier and not found and not version:
            raise Unavailable("Le pair par qui il est lu ne le suit pas (ou plus).")
        self._warning = self._later_card(version)
        self._on_cards(said.get("cards"))
        self._on_claims(self._carrier or self.node, claims)
        return found

    def _later_card(self, version: int) -> str:
        """Take the peer's card of this version, where the one that is held is older; why it is not taken, or `""`."""
        if version <= self._card_version:
            return ""
        whose = {"node": self.node} if self._carrier else {}
        return self._on_card(self.node, self.get("/federation/v1/card", whose))

    @property
    def _streams(self) -> list[str]:
        """The public streams of the peer."""
        return [f"{self.node}/{service}/{SHARED}" for service in SERVICES]

    def get(self, path: str, asked: dict[str, Any]) -> bytes:
        """What the peer answers to a question of the wire. Raises `Conflict`, `Gone`, `Unavailable`."""
        return self._body(path, self._ask(path, asked))

    def _body(self, path: str, answer: Answer) -> bytes:
        if answer.status == 410:
            raise Gone("Ce nœud ne garde plus ces événements-là.")
        if answer.status == 409:
            raise Conflict("Ce nœud ne tient pas (ou plus) l’histoire que l’on a de lui : il a été ramené en arrière.")
        if answer.status != 200:
            raise Unavailable(f"Ce nœud répond {answer.status} à {path}.")
        return answer.body

    def _get_signed(self, path: str, asked: dict[str, Any]) -> bytes:
        at = clock.now() + self._ahead_by
        answer = self._ask(path, asked, requests.signed(self._identity, self.node, urlencode(asked), at))
        if answer.status == 401:
            self._warning = "Ce pair n’a pas la dernière carte de ce nœud : ce qu’il nous écrit attend chez lui."
        if answer.status in (401, 404):  # an earlier release, or one that does not follow this node: no messages
            return b""
        return self._body(path, answer)

    def _ask(self, path: str, asked: dict[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
        if self._reach is None:
            self._reach = self._opened()
        answer = self._reach.get(path, asked, lines=path in (LOG, WAIT, SNAPSHOT), headers=headers or NO_HEADERS)
        self._ahead_by = answer.ahead_by() or self._ahead_by
        return answer

    def _note(self, trouble: str, *, heard: bool = False) -> None:
        """Write down how it went, for who looks after the node."""
        with self._database.begin() as session:
            peer = store.peer(session, self.node)
            if peer is None or peer.state != ACTIVE:
                return
            if trouble and trouble != peer.trouble:
                _log.warning("peer in trouble", peer=peer.label, reason=trouble)
            peer.trouble = trouble
            if heard:
                peer.heard_at = clock.to_text(clock.now())

    def _hang_up(self) -> None:
        if self._reach is not None:
            self._reach.close()
            self._reach = None


def _number(said: Any) -> int:
    """A number that every database holds, and every reader of JSON. Raises `ValueError`."""
    if type(said) is not int or not 0 <= said <= MAX_INTEGER:
        raise ValueError(said)
    return said


def streams_of(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The public streams among those of a room."""
    return (row for row in rows if row["stream"].endswith(f"/{SHARED}"))
