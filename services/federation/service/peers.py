"""Doors for who operates this node: its peers, by their cards."""

from __future__ import annotations

import contextlib
from typing import Any

from services.directory import events as directory
from services.federation import cards, comparing, gossip, peering, schemas, store
from services.federation.links import SERVICES, Link
from services.federation.model import ACTIVE, BLOCKED, PAUSED, Peer
from services.federation.reaching import checked
from services.federation.reading import settle
from services.federation.service.doors import Doors, card_of
from services.federation.taking import Taker
from services.kernel.doors import rpc
from services.kernel.errors import MaillageError, ValidationError
from services.kernel.identity import fingerprint


class PeerDoors(Doors):
    """Who is followed."""

    @rpc
    def card(self, request: dict[str, Any]) -> dict[str, Any]:
        """This node's card, to hand to another member: `{}` → `{card, node, key, version}`.

        `card`: the signed JSON text; `key`: the id of the key in use, that of the first one being `node`.
        """
        self.actor().require("node:operate")
        return self.own_card()

    @rpc
    def peer_add(self, request: dict[str, Any]) -> dict[str, Any]:
        """Trust a node to be who its card says: `PeerAdd` → `{node, key, revoked, id, name, url, done, reached, …}`.

        `state`: one that was paused or blocked stays so. `key`: the id of the key in use, `revoked`: a former one was,
        which the card that is held does not tell; both operators compare what they read. `done`: `added`, `updated`,
        `unchanged`; `streams`: `[{stream, events}]` as it answers now, empty with `reached` false and `trouble` where
        it does not. Raises `ValidationError` for what is no card, is forged or names an address that no node may
        have; `Conflict`; `NotFound` where there is no such peer to read it from.
        Announces `federation.peer.changed.v1`.
        """
        self.actor().require("node:operate")
        asked = schemas.PeerAdd.read(request)
        raw = asked["card"].strip().encode()
        card = card_of(raw)
        checked(card.url, self.own_url)
        with self.db.read() as session:
            carrier = peering.carrier(session, asked["via"], card.node)
        seen = self._seen(card, asked["private"], carrier)
        own, via = self.engine.runtime.identity.name, carrier.node if carrier else ""
        with self.db.begin() as session:
            revoked = peering.revokes(store.peer(session, card.node), card)
            peer, done = peering.added(session, card, raw, own, asked["private"], via)
            state = peer.state
            if asked["dry_run"]:
                session.rollback()
            elif done != "unchanged":
                self.log.append(session, peering.changed(peer))
        keys = {"key": fingerprint(card.signing), "revoked": revoked, "state": state}
        return (
            {"node": card.node, "id": card.id, "name": card.name, "url": card.url, "done": done, "state": state}
            | keys
            | seen
        )

    @rpc
    def peers(self, request: dict[str, Any]) -> dict[str, Any]:
        """All peers, with how far each of their streams is held and whether it is equal: `{}` → `{peers: […]}`.

        `key`: the id of its key in use, as its card says. `calls`: it calls this node, which cannot reach it otherwise.
        `called`: this node calls it, and what is wrong with that, `""` where nothing is; null where it does not call,
        or has not yet.
        """
        self.actor().require("node:operate")
        return {"peers": self._peers()}

    @rpc
    def peer_pause(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask a peer nothing for now; what is held of it stays: `ByName` → `{node, id, state}`. Raises `NotFound`."""
        return self._set(request, PAUSED)

    @rpc
    def peer_resume(self, request: dict[str, Any]) -> dict[str, Any]:
        """Follow a paused or blocked peer again: `ByName` → `{node, id, state}`. Raises `NotFound`."""
        return self._set(request, ACTIVE)

    @rpc
    def peer_block(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask a peer nothing, and show nothing of what it published: `ByName` → `{node, id, state}`. `NotFound`."""
        return self._set(request, BLOCKED)

    @rpc
    def peer_remove(self, request: dict[str, Any]) -> dict[str, Any]:
        """Forget a peer and what is held of it: `PeerRemove` → `{node, id, records, events, unread}`. `NotFound`.

        `unread`: how many messages of this node it has not come for. Its records leave this node's directory; it keeps
        its copy of what was public here. Announces `federation.peer.changed.v1`.
        """
        self.actor().require("node:operate")
        asked = schemas.PeerRemove.read(request)
        if not asked["dry_run"]:
            with self.db.read() as session:
                node = peering.named(session, asked["peer"]).node
            self.lane_left(node)
        unread = [self._unread(service) for service in SERVICES]
        with self.db.begin() as session:
            peer = peering.named(session, asked["peer"])
            held = store.taken_of(session, peer.node)
            gone = {"records": sum(store.records(session, each) for each in held),
                    "events": sum(each.seq for each in held),
                    "unread": sum(counts.get(peer.node, 0) for counts in unread)}  # fmt: skip
            if not asked["dry_run"]:
                self.log.append(session, peering.changed(peer, peering.REMOVED))
                store.forget(session, peer.node)
            return {"node": peer.node, "id": peer.label} | gone

    @rpc
    def peer_accept(self, request: dict[str, Any]) -> dict[str, Any]:
        """Let what was read anew of a peer replace what is held, however much goes: `ByName` → `{node, id, accepted}`.

        `accepted`: how many streams were waiting for this. Raises `NotFound`.
        """
        self.actor().require("node:operate")
        asked = schemas.ByName.read(request)
        with self.db.begin() as session:
            peer = peering.named(session, asked["peer"])
            held = store.taken_of(session, peer.node)
            accepted = sum(1 for each in held if settle(session, each, sure=True))
        self.wake("")
        return {"node": peer.node, "id": peer.label, "accepted": accepted}

    @rpc
    def peer_compare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Compare what is held of a peer with what it holds, record by record: `ByName` → `{node, id, streams}`.

        `streams`: `[{stream, here, there, judged, differing: [{id, here, there}], more}]`; `here` and `there` first are
        the checkpoints `[epoch, seq]`, of a record the hashes of its last header. `judged` is false where the two have
        not applied the same checkpoint. Raises `NotFound`, `Unavailable`.
        """
        self.actor().require("node:operate")
        asked = schemas.ByName.read(request)
        with self.db.read() as session:
            peer = peering.named(session, asked["peer"])
            streams = [each.stream for each in store.taken_of(session, peer.node)]
        reach = self.way_of(peer)
        link = Link(self.db, peer.node, Taker(cards.read(peer.card).keyring(), directory.is_told_by), lambda: reach,
                    self.wake)  # fmt: skip
        try:
            found = [comparing.compared(self.db, stream, link.get) for stream in streams]
        finally:
            reach.close()
        return {"node": peer.node, "id": peer.label, "streams": found}

    @rpc
    def peer_copy(self, request: dict[str, Any]) -> dict[str, Any]:
        """How far a peer says that it holds this node's public streams, asked now: `ByName` → `{streams, trouble}`.

        `streams`: `{stream: [epoch, seq]}` by its last checkpoints; where it does not answer `trouble` says why. It
        proves nothing: a peer that lies about it has no part in what others hold. Raises `NotFound`.
        """
        self.actor().require("node:operate")
        asked = schemas.ByName.read(request)
        with self.db.read() as session:
            peer = peering.named(session, asked["peer"])
        heard: dict[str, Any] = {}
        try:
            reach = self.way_of(peer)
            try:
                taker = Taker(cards.read(peer.card).keyring(), directory.is_told_by)
                Link(self.db, peer.node, taker, lambda: reach, self.wake,
                     lambda _, claims: heard.update(gossip.heads(claims))).heads()  # fmt: skip
            finally:
                reach.close()
        except MaillageError as error:
            return {"streams": {}, "trouble": error.message}
        own = f"{self.engine.runtime.identity.name}/"
        return {"streams": {name: place for name, place in heard.items() if name.startswith(own)}, "trouble": ""}

    def _set(self, request: dict[str, Any], state: str) -> dict[str, Any]:
        self.actor().require("node:operate")
        asked = schemas.ByName.read(request)
        with self.db.begin() as session:
            peer = peering.named(session, asked["peer"])
            if peer.state != state:
                peer.state, peer.trouble = state, ""
                self.log.append(session, peering.changed(peer))
            return {"node": peer.node, "id": peer.label, "state": peer.state}

    def _unread(self, service: str) -> dict[str, int]:
        """What a room addressed to each node and was not acknowledged; nothing while the room is away."""
        with contextlib.suppress(MaillageError):
            return dict(self.engine.runtime.ask(service, "addressed_unread", {}))
        return {}

    def _peers(self) -> list[dict[str, Any]]:
        unread = [self._unread(service) for service in SERVICES]
        with self.db.read() as session:
            rows = []
            for peer in store.peers(session):
                streams = list(store.taken_of(session, peer.node))
                live = {each.stream: store.records(session, each) for each in streams}
                waiting = sum(counts.get(peer.node, 0) for counts in unread)
                calls = {"calls": self.callers.calls(peer.node), "called": self.called.get(peer.node)}
                rows.append(peering.shown(peer, streams, live) | calls | {"unread": waiting})
        return rows

    def _seen(self, card: cards.Card, private: bool, carrier: Peer | None) -> dict[str, Any]:
        """What a node says of its streams now, for the operator who is about to trust it."""
        try:
            reach = self.way_of(carrier) if carrier else self.way_by(card.node, card.url, private)
            try:
                told = Link(self.db, card.node, Taker(card.keyring(), directory.is_told_by), lambda: reach,
                            self.wake, carrier=carrier.node if carrier else "").heads()  # fmt: skip
            finally:
                reach.close()
        except ValidationError:
            raise
        except MaillageError as error:
            return {"reached": False, "trouble": error.message, "streams": []}
        streams = [{"stream": stream, "events": seq} for stream, (_, seq) in told.items()]
        return {"reached": True, "trouble": "", "streams": streams}
