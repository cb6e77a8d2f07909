"""Messages between nodes: what a peer reads here that is for it alone, and what a room needs to write one."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl

from services.federation import cards, requests, schemas, store
from services.federation.links import SERVICES
from services.federation.model import ACTIVE
from services.federation.service.doors import Doors
from services.kernel.doors import rpc
from services.kernel.errors import Conflict, NotFound


class AddressedDoors(Doors):
    """Who may read which messages."""

    @rpc
    def wire_addressed(self, request: dict[str, Any]) -> dict[str, Any]:
        """The messages to who asks, after those it has: `AddressedAsked` → `{events: [CloudEvents JSON]}`.

        Raises `NotFound` where that is no peer of this node, `Unauthorized` unless it signed the question, `Conflict`
        above the head.
        """
        asked = schemas.AddressedAsked.read(request)
        said = schemas.Addressed.read(dict(parse_qsl(asked["query"], keep_blank_values=True)))
        if said["service"] not in SERVICES:
            raise NotFound(f"Aucun service « {said['service']} » n’écrit à d’autres nœuds.")
        peer = self.asker(said["from_"], asked["query"], asked["headers"], requests.proved)
        place = {"node": peer.node, "epoch": said["epoch"], "after": said["after"], "limit": said["limit"]}
        return {"events": self.engine.runtime.ask(said["service"], "addressed", place)["events"]}

    @rpc
    def way_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """What a room seals a message with: `{node}` → `{sealing}`, 32 bytes in base64.

        Raises `NotFound` where it is no peer, `Conflict` where it is not followed: it would not come for it.
        """
        with self.db.read() as session:
            peer = store.peer(session, str(request["node"]))
        if peer is None:
            raise NotFound("Ce nœud n’est pas un pair de celui-ci.")
        if peer.state != ACTIVE or peer.via:
            raise Conflict(f"{peer.name} n’est pas joint en ce moment : écrivez-lui à {peer.url}.")
        return {"sealing": base64.b64encode(cards.read(peer.card).sealing).decode()}
