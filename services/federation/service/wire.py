"""Doors for other nodes, by the gateway, and for the rooms of this one that follow theirs."""

from __future__ import annotations

from typing import Any

from services.federation import gossip, peering, schemas, store
from services.federation.links import SERVICES, streams_of
from services.federation.model import ACTIVE, BLOCKED
from services.federation.reading import LOG, SNAPSHOT
from services.federation.service.doors import Doors
from services.kernel import clock, equality
from services.kernel.announce import SHARED
from services.kernel.catchup import Page, page_of
from services.kernel.doors import rpc
from services.kernel.errors import Gone, NotFound
from services.kernel.retention import Keep


class WireDoors(Doors):
    """What is told of public streams, own or held."""

    @rpc
    def wire_streams(self, request: dict[str, Any]) -> dict[str, Any]:
        """What other nodes may read here: `{}` → `{node, card, cards, streams: [{stream, epoch, seq}], claims}`.

        `card`: the version of this node's card; `cards`: those of its peers' cards, by their fingerprints.

        `claims`: the last checkpoint of each stream that is held, own or others', as `{header, signature}`.
        """
        ask = self.engine.runtime.ask
        own: list[dict[str, Any]] = []
        claims: list[dict[str, Any]] = []
        for service in SERVICES:
            own += streams_of(ask(service, "heads", {})["heads"])
            claims += ask(service, "checkpoints", {})["claims"]
        with self.db.read() as session:
            claims += gossip.told(session)
            card, cards = store.own_card(session), store.cards(session)
        version = card.version if card else 0
        node = self.engine.runtime.identity.name
        return {"node": node, "card": version, "cards": cards, "streams": own, "claims": claims}

    @rpc
    def wire_card(self, request: dict[str, Any]) -> dict[str, Any]:
        """A card for who knows an earlier one: `CardAsked` → `{card, node, version}`; a peer's as that one signed it.

        Raises `NotFound` where that is no peer of this node, or a blocked one.
        """
        node = schemas.CardAsked.read(request)["node"]
        if node in ("", self.engine.runtime.identity.name):
            return self.own_card()
        with self.db.read() as session:
            peer = store.peer(session, node)
            if peer is None or peer.state == BLOCKED:
                raise NotFound("Ce nœud n’a pas la carte de celui-là.")
            return {"card": peer.card.decode(), "node": peer.node, "version": peer.card_version}

    @rpc
    def wire_log(self, request: dict[str, Any]) -> dict[str, Any]:
        """A page of a public stream, of this node or held of another: `LogAsked` → `{events: [CloudEvents JSON]}`.

        Raises `NotFound` for a stream that is not public or not held, `Conflict` above its head.
        """
        asked = schemas.LogAsked.read(request)
        answer = self._of_own(asked, "log_after") or self._held(asked)
        if answer["holes"]:
            raise Gone("Ces événements ne sont plus tous gardés : lisez /federation/v1/snapshot au même endroit.")
        return {"events": answer["events"]}

    @rpc
    def wire_snapshot(self, request: dict[str, Any]) -> dict[str, Any]:
        """A page of a public stream's state: the last event of each record that changed after a place: `LogAsked`.

        As `wire_log` answers; the last page ends with the stream's last checkpoint, and is empty where there is none
        after that place. Raises `NotFound`, `Gone` where it can be read from the beginning only.
        """
        asked = schemas.LogAsked.read(request)
        answer = self._of_own(asked, "snapshot_after") or self._held_records(asked)
        return {"events": answer["events"]}

    @rpc
    def wire_digests(self, request: dict[str, Any]) -> dict[str, Any]:
        """What a public stream is at its last checkpoint: `DigestsAsked` → as every room's `digests`.

        Raises `NotFound`.
        """
        asked = schemas.DigestsAsked.read(request)
        own = self._of_own(asked, "digests")
        if own is not None:
            return own
        with self.db.read() as session:
            taken = store.taken(session, asked["stream"])
            if taken is None:
                raise NotFound("Ce flux n’est pas tenu ici.")
            return equality.told(session, taken.stream, store.judged_at(taken), asked["group"], asked["bucket"])

    def _of_own(self, asked: dict[str, Any], door: str) -> dict[str, Any] | None:
        """What the room itself answers of a public stream of this node; `None` for a stream of another."""
        node, service, reach = ([*asked["stream"].split("/"), "", ""])[:3]
        if reach != SHARED or service not in SERVICES or asked["stream"].count("/") != 2:
            raise NotFound("Ce flux n’est pas public ici.")
        if node != self.engine.runtime.identity.name:
            return None
        return dict(self.engine.runtime.ask(service, door, asked))

    @rpc
    def log_after(self, request: dict[str, Any]) -> dict[str, Any]:
        """As every room's, and of the streams that are held of other nodes."""
        if request["stream"].startswith(f"{self.engine.prefix}/"):
            return dict(super().log_after(request))
        return self._held(request)

    @rpc
    def held(self, request: dict[str, Any]) -> dict[str, Any]:
        """How far the streams of other nodes' rooms are held: `{service}` → `{heads: [Head]}`."""
        with self.db.read() as session:
            heads = [
                {"stream": each.stream, "epoch": each.epoch, "seq": each.seq, "generation": each.generation,
                 "base_epoch": each.base_epoch, "base_seq": each.base_seq}
                for each in (*store.taken_of(session), *store.taken_of(session, addressed=True))
                if each.stream.split("/")[1] == request["service"] and each.seq
            ]  # fmt: skip
        return {"heads": heads}

    @rpc
    def vanished(self, request: dict[str, Any]) -> dict[str, Any]:
        """Records that a stream read anew has no more: `{stream, after}` → `{subjects}`, in order, 500 at most."""
        with self.db.read() as session:
            subjects = store.vanished(session, request["stream"], request["after"], schemas.LIMIT_AT_MOST)
        return {"subjects": list(subjects)}

    @rpc
    def holders(self, request: dict[str, Any]) -> dict[str, Any]:
        """The peers that may hold what this node said: `{}` → `{peers: [fingerprints]}`."""
        with self.db.read() as session:
            return {"peers": [peer.node for peer in store.peers(session) if peer.state == ACTIVE and not peer.via]}

    @rpc
    def held_by(self, request: dict[str, Any]) -> dict[str, Any]:
        """What a peer holds of a stream of this node: `{peer, stream, epoch, after, limit}` → `{events, holes}`.

        `holes`: that peer keeps only the last event of each record there. Nothing where it holds nothing more. Raises
        `NotFound`, `Unavailable`.
        """
        with self.db.read() as session:
            peer = peering.named(session, request["peer"])
        asked = {name: request[name] for name in ("stream", "epoch", "after", "limit")}
        way = self.way_of(peer)
        try:
            answer = way.get(LOG, asked, lines=True)
            holes = answer.status == 410
            if holes:
                answer = way.get(SNAPSHOT, asked, lines=True)
        finally:
            way.close()
        lines = answer.body.decode(errors="replace").splitlines() if answer.status == 200 else []
        return {"events": [line for line in lines if line], "holes": holes}

    def pruned_beside(self, keep: Keep) -> int:
        """What is held of others is compacted as our own logs are."""
        with self.db.begin() as session:
            before = clock.to_text(clock.now() - keep.log)
            read = [store.forget_addressed(session, each, before) for each in store.taken_of(session, addressed=True)]
            return sum(read) + sum(store.compact(session, each, before) for each in store.taken_of(session))

    def _held(self, asked: dict[str, Any]) -> dict[str, Any]:
        with self.db.read() as session:
            taken = store.taken(session, asked["stream"])
            if taken is None:
                raise NotFound("Ce flux n’est pas tenu ici.")
            proved = taken.epoch, taken.seq
            found = store.after(session, asked["stream"], asked["epoch"], asked["after"], asked["limit"], proved)
            holes = (asked["epoch"], asked["after"]) < (taken.base_epoch, taken.base_seq)
        return Page(page_of(found), holes).to_dict()

    def _held_records(self, asked: dict[str, Any]) -> dict[str, Any]:
        place = asked["epoch"], asked["after"]
        with self.db.read() as session:
            taken = store.taken(session, asked["stream"])
            if taken is None:
                raise NotFound("Ce flux n’est pas tenu ici.")
            end = store.checkpoint(session, taken)
            if end is None or taken.differs or (taken.epoch, taken.root_seq) <= place:
                return {"events": []}
            found = store.snapshot_after(session, asked["stream"], *place, asked["limit"])
        bodies = page_of(found)
        if len(bodies) == len(found) < asked["limit"]:
            bodies.append(end.body())
        return {"events": [body.decode() for body in bodies]}
