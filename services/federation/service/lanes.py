"""Doors for the fast lane: its half here is made, what the other side says of its own is taken."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import orjson

from services.federation import cards, peering, reaching, schemas, store
from services.federation.lane import certificates, documents, making, names
from services.federation.lane.documents import Offer
from services.federation.lane.management import Management
from services.federation.model import Lane, Peer
from services.federation.service.doors import Doors
from services.kernel import clock, identity
from services.kernel.doors import rpc
from services.kernel.errors import MaillageError, NotFound, ValidationError

NOWHERE = "none"


class LaneDoors(Doors):
    """The lanes of this node, each with one peer."""

    @rpc
    def lane_open(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make this side of the lane with a peer: `LaneOpen` → `{node, id, made, document, waits, certificates}`.

        `document`: what the other side takes (`lane_take`), sealed for it; the same as long as nothing has changed in
        it, another, with another password, where `renew` asks for it. `made`: what was not there before. `waits`: its
        own document was not taken here yet, until which its user may do nothing. `certificates`: the folder with those
        that RabbitMQ is to serve, `""` where it needs none of ours. Raises `NotFound`, `ValidationError`,
        `Unavailable` with the remedy.
        """
        self.actor().require("node:operate")
        asked = schemas.LaneOpen.read(request)
        with self.db.read() as session:
            peer = peering.named(session, asked["peer"])
            lane = store.lane(session, peer.node)
        broker = self._management()
        offer = self._offer(broker.check())
        card = cards.read(peer.card)
        said = orjson.dumps(asdict(offer) | {"sealing": card.sealing.hex()}).decode()
        if lane is None or lane.said != said or not lane.document or asked["renew"]:
            lane = self._promise(lane, peer, card, offer, said)
        own = self.engine.runtime.identity.name
        made = making.prepare(broker, own, self._own_user())
        made += making.admit(broker, own, peer.node, lane.password_hash, lane.cluster)
        if lane.heard and lane.way:
            made += making.listen(broker, own, peer.node, self._uri(self._heard(lane.heard)[1], peer.node))
        with self.db.begin() as session:
            session.merge(lane)
        ours = str(self._files()) if offer.host and offer.tls and not self._settings.certificate else ""
        return {
            "node": peer.node, "id": peer.label, "made": made, "document": lane.document,
            "waits": not lane.cluster, "certificates": ours,
        }  # fmt: skip

    @rpc
    def lane_take(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take what a peer says of its side: `LaneTake` → `{node, id, made, reads}`.

        `reads`: its broker can be reached, and its public events come by it from now on; else it only reads here.
        Raises `ValidationError`, `Unavailable` with the remedy.
        """
        self.actor().require("node:operate")
        asked = schemas.LaneTake.read(request)
        own = self.engine.runtime.identity.name
        card, offer = self._heard(asked["document"])
        with self.db.read() as session:
            peer = peering.named(session, card.node)
            lane = store.lane(session, card.node) or store.new_lane(card.node)
        if offer.made < lane.made:
            raise ValidationError("Ce document est plus ancien que celui que l’on a déjà de ce membre.")
        broker = self._management()
        broker.check()
        made = making.prepare(broker, own, self._own_user())
        if offer.host:
            self._must_be_reachable(offer, peer)
            made += making.listen(broker, own, card.node, self._uri(offer, card.node))
        if lane.document:
            made += making.admit(broker, own, card.node, lane.password_hash, offer.cluster)
        lane.made, lane.cluster, lane.taken_at = offer.made, offer.cluster, clock.to_text(clock.now())
        lane.heard = asked["document"]
        lane.way = f"{offer.host}:{offer.port}" if offer.host else ""
        with self.db.begin() as session:
            session.merge(lane)
        return {"node": card.node, "id": card.id, "made": made, "reads": bool(offer.host)}

    @rpc
    def lane_close(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take this side of a lane away: `ByName` → `{node, id, gone}`; HTTPS goes on. `NotFound`, `Unavailable`."""
        self.actor().require("node:operate")
        asked = schemas.ByName.read(request)
        with self.db.read() as session:
            peer = peering.named(session, asked["peer"])
            lane = store.lane(session, peer.node)
            left = len(store.lanes(session)) - 1
        if lane is None:
            raise NotFound(f"Aucune voie rapide avec {peer.label} : maillage peer lane show DIR les dit.")
        gone = self._take_away(lane, last=left == 0)
        return {"node": peer.node, "id": peer.label, "gone": gone}

    @rpc
    def lanes(self, request: dict[str, Any]) -> dict[str, Any]:
        """All lanes: `{}` → `{lanes: […], trouble, certificate_ends}`; `trouble`: why RabbitMQ tells nothing of them.

        Of each: `{node, id, opened_at, taken_at, way, events, doubled, refused, last_at, state, why}`.
        """
        self.actor().require("node:operate")
        trouble, links = "", None
        with self.db.read() as session:
            held = [(lane, store.peer(session, lane.node)) for lane in store.lanes(session)]
        try:
            broker = self._management()
            broker.check()
            links = broker.links(names.vhost_of(self.engine.runtime.identity.name)) if held else None
        except MaillageError as error:
            trouble = error.message
        ends = certificates.ends(self._files()) if held else None
        rows = [_shown(lane, peer) | making.state(links, lane.node) for lane, peer in held]
        return {"lanes": rows, "trouble": trouble, "certificate_ends": ends and clock.to_text(ends)}

    @rpc
    def lane_readers(self, request: dict[str, Any]) -> dict[str, Any]:
        """How many peers may read public events from this node's broker: `{}` → `{readers, vhost}`."""
        with self.db.read() as session:
            count = store.readers(session)
        return {"readers": count, "vhost": names.vhost_of(self.engine.runtime.identity.name)}

    def lane_left(self, node: str) -> None:
        """A broker that is away keeps a user that nobody lets in any more once the next lane is opened or closed."""
        with self.db.read() as session:
            lane = store.lane(session, node)
            left = len(store.lanes(session)) - 1
        if lane is not None:
            with contextlib.suppress(MaillageError):
                self._take_away(lane, last=left == 0)

    def _take_away(self, lane: Lane, *, last: bool) -> list[str]:
        """On the broker first: what stays in the table can be taken away again."""
        own, broker = self.engine.runtime.identity.name, self._management()
        gone = making.dismiss(broker, own, lane.node, lane.cluster)
        gone += making.clear(broker, own) if last else []
        with self.db.begin() as session:
            held = store.lane(session, lane.node)
            if held is not None:
                session.delete(held)
        return gone

    def _promise(self, lane: Lane | None, peer: Peer, card: cards.Card, offer: Offer, said: str) -> Lane:
        """A new password, sealed for the peer; here only what RabbitMQ needs to know it by."""
        password = secrets.token_urlsafe(32)
        lane = lane or store.new_lane(peer.node)
        told = replace(offer, password=password, made=time.time_ns() // 1000)
        lane.document = documents.make(self.engine.runtime.identity, card, told)
        lane.password_hash, lane.said, lane.opened_at = _hashed(password), said, clock.to_text(clock.now())
        return lane

    def _offer(self, cluster: str) -> Offer:
        """How others come in, without the password. Raises `ValidationError` where settings say no way."""
        asked = self._settings
        host = asked.host or urlsplit(self.own_url).hostname or ""
        if host == NOWHERE:
            return Offer("", 0, False, "", cluster, "", 0)
        here = reaching.is_loopback(self.own_url) and reaching.is_loopback(f"//{host}")
        if not asked.tls and not here:
            raise ValidationError("[lane] tls = false ne va que d’une machine à elle-même, pour un essai.")
        if not documents.HOSTS.fullmatch(host):
            raise ValidationError(f"[lane] host « {host} » n’est pas le nom d’une machine.")
        authority = self._authority(host) if asked.tls else ""
        return Offer(host, asked.port, asked.tls, "", cluster, authority, 0)

    def _authority(self, host: str) -> str:
        asked, runtime = self._settings, self.engine.runtime
        if asked.certificate:
            return Path(asked.authority).read_text("ascii") if asked.authority else ""
        return certificates.prepare(self._files(), runtime.folder / "secrets", runtime.identity.name, host, asked.port)

    def _must_be_reachable(self, offer: Offer, peer: Peer) -> None:
        """The terms of a node's address hold for its broker's too. Raises `ValidationError`, `Unavailable`."""
        host = f"[{offer.host}]" if ":" in offer.host else offer.host
        url = f"{'https' if offer.tls else 'http'}://{host}:{offer.port}"
        reaching.Reach(url, self.own_url, private=peer.private).close()

    def _uri(self, offer: Offer, node: str) -> str:
        """What RabbitMQ connects to, built from the parts of an offer."""
        user = names.user_of(node, self.engine.runtime.identity.name)
        host = f"[{offer.host}]" if ":" in offer.host else offer.host
        whole = f"{user}:{offer.password}@{host}:{offer.port}/{names.vhost_of(node)}?heartbeat=30"
        if not offer.tls:
            return f"amqp://{whole}"
        file = quote(certificates.believe(self._files(), node, offer.authority), safe="/")
        return f"amqps://{whole}&cacertfile={file}&verify=verify_peer&depth=3&server_name_indication={offer.host}"

    def _heard(self, document: str) -> tuple[cards.Card, Offer]:
        """What a peer offers. Raises `ValidationError`."""
        runtime = self.engine.runtime
        return documents.take(document, identity.sealing_key(runtime.folder), runtime.identity.name, self._card_of)

    def _card_of(self, node: str) -> cards.Card | None:
        with self.db.read() as session:
            peer = store.peer(session, node)
        return None if peer is None else cards.read(peer.card)

    def _management(self) -> Management:
        """The API of this node's broker. Raises `ValidationError` where the settings name none."""
        settings = self.engine.runtime.settings
        if not settings.lane.management or not settings.broker.url:
            raise ValidationError(
                "Une voie rapide veut RabbitMQ : écrivez [broker] url et [lane] management, puis redémarrez le nœud."
            )
        broker = urlsplit(settings.broker.url)
        user, password = settings.lane.user, settings.lane.password
        if not user:
            user, password = unquote(broker.username or "guest"), unquote(broker.password or "guest")
        return Management(settings.lane.management, user, password)

    def _own_user(self) -> str:
        return unquote(urlsplit(self.engine.runtime.settings.broker.url).username or "guest")

    def _files(self) -> Path:
        """Where certificates lie that RabbitMQ reads."""
        return Path(self._settings.files or self.engine.runtime.folder / "lane")

    @property
    def _settings(self) -> Any:
        return self.engine.runtime.settings.lane


def _shown(lane: Lane, peer: Peer | None) -> dict[str, Any]:
    said = {name: getattr(lane, name) for name in ("node", "way", "events", "doubled", "refused")}
    times = {name: getattr(lane, name) or None for name in ("opened_at", "taken_at", "last_at")}
    return {"id": peer.label if peer else lane.node, "offered": bool(lane.document)} | said | times


def _hashed(password: str) -> str:
    """As RabbitMQ keeps a password: base64 of a salt and SHA-256 over it and the password."""
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
