"""What federation announces, to this node only: which other nodes there are, by what names people know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.kernel.announce import HOME, NewEvent

SERVICE = "federation"
PEER_CHANGED = "federation.peer.changed.v1"
TYPES = frozenset({PEER_CHANGED})
STATES: Final = {
    "active": "suivi", "paused": "en pause", "blocked": "bloqué", "quarantined": "arrêté : deux histoires",
}  # fmt: skip
"""The states of a peer as people read them."""
EQUAL: Final = {True: "oui", False: "non", None: "pas encore jugé"}
"""Whether what is held of a stream is what its home signed, as people read it."""


def peer_changed(
    node: str, version: int, label: str, name: str, url: str, state: str, keys: Mapping[str, Any]
) -> NewEvent:
    """A peer was added, has a new card, or changed its state; `removed` when it is no peer any more.

    Args:
        keys: of its card: `{now, keys: {keyid: hexadecimal}, lasts: {keyid: {stream: [epoch, seq, hash]}}}`.
    """
    said = {"node": node, "label": label, "name": name, "url": url, "state": state, "keys": keys}
    return NewEvent(PEER_CHANGED, node, version, said, HOME)
