"""Follow each active peer, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from kombu.connection import Connection

from services.directory import events as directory
from services.federation import cards, gossip, peering, store
from services.federation.lane.names import vhost_of
from services.federation.links import SERVICES, Link
from services.federation.model import ACTIVE, Peer
from services.federation.reaching import checked
from services.federation.service.doors import Doors, card_of
from services.federation.taking import Taker
from services.kernel.broker import in_vhost
from services.kernel.errors import MaillageError

LOOK_EVERY_S = 1.0
GOODBYE_S = 0.5


class Following(Doors):
    """The loops of the room."""

    def loops(self) -> Iterable[Callable[[threading.Event], None]]:
        """Follows each active peer, in a thread of its own."""
        return (self._follow_peers,)

    def _follow_peers(self, stop: threading.Event) -> None:
        links: dict[str, threading.Thread] = {}
        told = False
        while not stop.wait(LOOK_EVERY_S):
            told = told or self._tell_card()
            with self.db.read() as session:
                wanted = [peer for peer in store.peers(session) if peer.state == ACTIVE]
            for peer in wanted:
                if peer.node not in links or not links[peer.node].is_alive():
                    links[peer.node] = self._start(peer, stop)
        ends_at = time.monotonic() + GOODBYE_S
        for thread in links.values():  # one that waits for its peer's answer is left: what it holds is committed
            thread.join(max(ends_at - time.monotonic(), 0.01))

    def _tell_card(self) -> bool:
        """The card with what has changed since it was last handed out; whether the rooms that know were there."""
        try:
            self.own_card()
        except MaillageError:
            return False
        return True

    def _start(self, peer: Peer, stop: threading.Event) -> threading.Thread:
        node, known = peer.node, self._standing(peer.node)
        card = cards.read(peer.card)

        def ended() -> bool:
            return self._standing(node) != known

        link = Link(
            self.db, node, Taker(card.keyring(), directory.is_told_by),
            lambda: self.way_of(peer), self.wake, self._hear,
            self._renew, peer.card_version, self.engine.runtime.settings.federation.ask_every_s, peer.via,
            self._lane_from(peer), (self.engine.runtime.identity, card.message_keys()),
            lambda: self.heard[peer.via or node],
        )  # fmt: skip
        thread = threading.Thread(target=link.run, args=(stop, ended), daemon=True)
        thread.start()
        return thread

    def _standing(self, node: str) -> tuple[object, ...]:
        """What a link begins anew with: the peer's state and card, who answers in its place, and whether that calls."""
        with self.db.read() as session:
            peer = store.peer(session, node)
            if peer is None:
                return ()
            carrier = store.peer(session, peer.via) if peer.via else None
            answers = (carrier.state, carrier.url) if carrier else ()
            lane = store.lane(session, node)
            calls = self.callers.calls(peer.via or node)
            return (peer.state, peer.card_version, peer.private, peer.via, lane.made if lane else 0, calls, *answers)

    def _lane_from(self, peer: Peer) -> Callable[[], Connection] | None:
        """The connection to where its events come by RabbitMQ, where they do."""
        with self.db.read() as session:
            lane = store.lane(session, peer.node)
        if lane is None or not lane.way or peer.via:
            return None
        runtime = self.engine.runtime
        return in_vhost(runtime.connect, vhost_of(runtime.identity.name))

    def _renew(self, node: str, raw: bytes) -> str:
        """A peer has a later card than the one that is held; why it is not taken, `""` where it is."""
        card = card_of(raw)
        checked(card.url, self.own_url)
        with self.db.begin() as session:
            peer = store.peer(session, node)
            if peer is None:
                return ""
            why_not = peering.renewed(peer, card, raw)
            if not why_not:
                self.log.append(session, peering.changed(peer))
            return why_not

    def _hear(self, node: str, said: Any) -> None:
        """What a peer says that homes signed, this one among them."""
        others, mine = gossip.split(said, self.engine.runtime.identity.name)
        with self.db.begin() as session:
            for peer in gossip.hear(session, others, node):
                self.log.append(session, peering.changed(peer))
        if mine:
            for service in SERVICES:
                self.engine.runtime.ask(service, "claimed", {"claims": mine})
