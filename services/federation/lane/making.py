"""What a lane is made of on this node's own broker. All of it may be made twice, and is the same.

- once: the virtual host, the exchange of own public events, limits and operator policies that no peer can lift;
- for a peer that reads here: its user, who may use its link's own names and read what is public;
- for a peer that is read: an exchange and a queue, and the upstream whose link RabbitMQ keeps by itself.
"""

from __future__ import annotations

import re
from typing import Any

from services.federation.lane import names
from services.federation.lane.management import Management

POLICY = {
    "pattern": "^federation",
    "apply-to": "queues",
    "definition": {
        "max-length-bytes": names.BYTES_AT_MOST, "message-ttl": names.KEPT_MS, "expires": names.FORGOTTEN_MS,
    },
}  # fmt: skip
Made = list[str]
"""What was not there before, in words for the operator."""


def prepare(broker: Management, own: str, own_user: str) -> Made:
    """The virtual host with its limits, and the exchange of own public events."""
    vhost = names.vhost_of(own)
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    made = _told(broker.put({}, "vhosts", vhost), f"vhost {vhost}")
    broker.put(everything, "permissions", vhost, broker.user)
    if own_user != broker.user:
        made += _told(broker.put(names.own_may(), "permissions", vhost, own_user), f"droits de {own_user}")
    broker.put({"value": names.QUEUES_AT_MOST}, "vhost-limits", vhost, "max-queues")
    made += _told(broker.put(POLICY, "operator-policies", vhost, "federation"), "politique d’exploitant")
    exchange = {"type": "topic", "durable": True, "auto_delete": False}
    return made + _told(broker.put(exchange, "exchanges", vhost, names.OUT), f"échangeur {names.OUT}")


def admit(broker: Management, own: str, peer: str, password_hash: str, cluster: str) -> Made:
    """The user by which a peer's broker comes in; it may do nothing until the name of that broker is known."""
    vhost, user = names.vhost_of(own), names.user_of(own, peer)
    account = {"password_hash": password_hash, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}
    made = _told(broker.put(account, "users", user), f"utilisateur {user}")
    broker.put(names.may(own, peer, cluster), "permissions", vhost, user)
    broker.put({"value": names.CONNECTIONS_AT_MOST}, "user-limits", user, "max-connections")
    broker.put({"value": names.CHANNELS_AT_MOST}, "user-limits", user, "max-channels")
    return made


def listen(broker: Management, own: str, peer: str, uri: str) -> Made:
    """Where a peer's events land, and the upstream that brings them."""
    vhost, name = names.vhost_of(own), names.incoming(peer)
    made = _told(broker.put({"type": "topic", "durable": True}, "exchanges", vhost, name), f"échangeur {name}")
    broker.put({"durable": True}, "queues", vhost, name)
    broker.post({"routing_key": "#"}, "bindings", vhost, "e", name, "q", name)
    upstream = {
        "uri": uri, "exchange": names.OUT, "max-hops": 1, "prefetch-count": 1000, "reconnect-delay": 5,
        "ack-mode": "on-confirm", "trust-user-id": False,
        "expires": names.FORGOTTEN_MS, "message-ttl": names.KEPT_MS,
    }  # fmt: skip
    made += _told(broker.put({"value": upstream}, "parameters", "federation-upstream", vhost, peer), f"amont {peer}")
    policy = {"pattern": f"^{re.escape(name)}$", "apply-to": "exchanges", "definition": {"federation-upstream": peer}}
    return made + _told(broker.put(policy, "policies", vhost, peer), f"politique {peer}")


def dismiss(broker: Management, own: str, peer: str, cluster: str) -> Made:
    """Take away all that was made for one peer; what was there."""
    vhost, name, user = names.vhost_of(own), names.incoming(peer), names.user_of(own, peer)
    gone = _told(broker.delete("parameters", "federation-upstream", vhost, peer), f"amont {peer}")
    broker.delete("policies", vhost, peer)
    broker.delete("queues", vhost, name)
    gone += _told(broker.delete("exchanges", vhost, name), f"échangeur {name}")
    gone += _told(broker.delete("users", user), f"utilisateur {user}")  # RabbitMQ closes its connections
    if cluster:
        link = names.link_of(own, peer, cluster)
        broker.delete("queues", vhost, link)
        for end in (" A", " B"):
            broker.delete("exchanges", vhost, link + end)
    return gone


def clear(broker: Management, own: str) -> Made:
    """Take the virtual host away, with all that is in it: there is no lane any more."""
    vhost = names.vhost_of(own)
    return _told(broker.delete("vhosts", vhost), f"vhost {vhost}")


def state(links: list[dict[str, Any]] | None, peer: str) -> dict[str, str]:
    """What RabbitMQ says of the link to a peer: `{state, why}`; `unknown` where it does not tell."""
    if links is None:
        return {"state": "unknown", "why": ""}
    found = [each for each in links if each.get("upstream") == peer]
    if not found:
        return {"state": "absent", "why": ""}
    return {"state": str(found[0].get("status")), "why": str(found[0].get("error") or "")[:300]}


def _told(new: bool, what: str) -> Made:
    return [what] if new else []
