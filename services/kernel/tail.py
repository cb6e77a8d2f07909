"""What a room said in public, its database forgot (it was put back) and other nodes still hold: asked of them.

Each of these events is proved by this node's own signature, whoever brings it. It is asked for before a new epoch tells
the others to forget it; what a room does with it is its own (`Room.regain`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from services.kernel.applier import Event
from services.kernel.envelope import Forged, Malformed, Signed, check_data, read
from services.kernel.errors import MaillageError
from services.kernel.identity import Keyring
from services.kernel.witness import Mark

WITHIN_S: Final = 30.0
"""How long the room that speaks to other nodes is waited for, and each of its answers that bring something."""
AGAIN_S: Final = 0.5
PAGE: Final = 500
Ask = Callable[[str, dict[str, Any]], Any]
"""(door of the room that speaks to other nodes, request) → answer; raises `MaillageError`."""


def tail(
    ask: Ask, keys: Keyring, stream: str, head: Mark, wait: Callable[[float], bool]
) -> Iterator[tuple[str, list[Event]]]:
    """The events of a stream of this node after `head`, a page at a time, each with the peer that held it.

    Args:
        keys: those of this node that nobody else has.
        wait: lets seconds go by; true where the node ends meanwhile, and so does this.
    A peer that holds more than the one before it is asked for the rest. Who does not answer is passed over, and so is
    who holds another history than the one that led to `head`: its events do not follow.
    """
    ends_at = time.monotonic() + WITHIN_S
    for peer in _holders(ask, wait, ends_at):
        while time.monotonic() < ends_at and not wait(0):
            asked = {"peer": peer, "stream": stream, "epoch": head.epoch, "after": head.seq, "limit": PAGE}
            try:
                answer = ask("held_by", asked)
                page = [_proved(each.encode(), stream, keys) for each in answer["events"]]
                head = _follows(head, page, holes=answer["holes"])
            except (MaillageError, Forged, Malformed):
                break
            if not page:
                break
            yield peer, page
            ends_at = time.monotonic() + WITHIN_S


def _follows(head: Mark, page: list[Event], *, holes: bool) -> Mark:
    """Where a page leads from `head`. Raises `Forged` where it does not come after it."""
    for header in (each.signed.header for each in page):
        if (header.epoch, header.seq) <= head[:2] or (header.prev != head.hash and not holes):
            raise Forged("it does not follow")
        head = Mark(header.epoch, header.seq, header.hash)
    return head


def _holders(ask: Ask, wait: Callable[[float], bool], ends_at: float) -> list[str]:
    """The peers to ask; none where nobody says in time who they are."""
    while time.monotonic() < ends_at:
        try:
            return list(ask("holders", {})["peers"])
        except MaillageError:
            if wait(AGAIN_S):
                break
    return []


def _proved(body: bytes, stream: str, keys: Keyring) -> Event:
    """Raises `Malformed`, `Forged`."""
    signed: Signed = read(body)
    if signed.header.stream != stream:
        raise Forged("an event of another stream")
    check_data(signed)
    keys.check_event(signed.header, signed.signature)
    return Event.of(signed)
