"""The doors of federation: peers, what other nodes may read here, what is held of theirs."""

from __future__ import annotations

from services.federation.service.addressed import AddressedDoors
from services.federation.service.calls import CallDoors
from services.federation.service.lanes import LaneDoors
from services.federation.service.peers import PeerDoors
from services.federation.service.wire import WireDoors


class FederationService(PeerDoors, LaneDoors, AddressedDoors, WireDoors, CallDoors):
    """Other nodes: who they are, what they may read here, what is held of theirs."""

    name = "federation"
