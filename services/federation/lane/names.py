"""Names of the fast lane, and what a peer's user may do with them. Pure.

Every name follows from two fingerprints, so that nothing in it is the peer's to choose, and two nodes on one broker
never meet. One word is the peer's: the name of its RabbitMQ cluster, which RabbitMQ puts into the names that its link
declares here. Source of the rules: `docs/federation.md`, "The fast lane".
"""

from __future__ import annotations

import re
from typing import Final

OUT: Final = "federation.out"
"""The exchange of this node's own public events."""
CLUSTERS: Final = re.compile(r"[A-Za-z0-9@._-]{1,100}")
BYTES_AT_MOST, KEPT_MS, FORGOTTEN_MS = 64_000_000, 86_400_000, 604_800_000
"""Of any queue of the virtual host: its size, how long a message stays, how long an unused queue does."""
QUEUES_AT_MOST: Final = 128
CONNECTIONS_AT_MOST, CHANNELS_AT_MOST = 4, 8
"""Of a peer's user: a link has one connection, and for a moment another when it begins again."""
NOTHING: Final = {"configure": "^$", "write": "^$", "read": "^$"}


def vhost_of(node: str) -> str:
    """The virtual host of a node's lanes, on its own broker."""
    return f"federation-{node}"


def incoming(peer: str) -> str:
    """Exchange and queue in which a node receives what a peer says."""
    return f"federation.in.{peer}"


def user_of(own: str, peer: str) -> str:
    """The user by which a peer's broker comes in here."""
    return f"federation-{own}-{peer}"


def link_of(own: str, peer: str, cluster: str) -> str:
    """The queue that a peer's link declares here; its exchange has the same name and ` A` or ` B` after it."""
    return f"federation: {OUT} -> {cluster}:{vhost_of(peer)}:{incoming(own)}"


def may(own: str, peer: str, cluster: str) -> dict[str, str]:
    """What a peer's user may do here: its link's own names, and reading what is public. Nothing for no cluster."""
    if not cluster:
        return dict(NOTHING)
    mine = f"{re.escape(link_of(own, peer, cluster))}( [AB])?"
    return {"configure": f"^{mine}\\z", "write": f"^{mine}\\z", "read": f"^({re.escape(OUT)}|{mine})\\z"}


def own_may() -> dict[str, str]:
    """What the node's own user may do in the virtual host."""
    ours = r"^federation\.(out|in\.[a-z2-7]{32})\z"
    return {"configure": ours, "write": ours, "read": ours}
