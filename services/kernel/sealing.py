"""What is for one other node alone: sealed with its key, padded, told in a stream that it alone may read.

Outside, each message is like every other: one type, a subject at random, a size in steps, no cause. Who carries or
keeps it learns that there was one, from whom, to whom and when, and nothing of what it says. Pure.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import orjson
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from services.kernel.announce import TO, NewEvent
from services.kernel.envelope import canonical

FACT: Final = "message.sealed.v1"
"""The last parts of every such event's type, after the service's name."""
STEP_BYTES: Final = 1_024


def sealed(service: str, node: str, key: bytes, message: Mapping[str, Any]) -> NewEvent:
    """A message of a service to the same service of another node, whose sealing key is `key` (32 bytes)."""
    box = SealedBox(PublicKey(key)).encrypt(padded(canonical(message)))
    return NewEvent(f"{service}.{FACT}", str(uuid4()), 1, {"sealed": base64.b64encode(box).decode()}, f"{TO}{node}")


def padded(said: bytes) -> bytes:
    """A message in its next size, so that its length tells nothing."""
    return said + b"\n" * (-(len(said) + 1) % STEP_BYTES + 1)


def opened(data: Any, key: PrivateKey) -> dict[str, Any] | None:
    """The message that a node's key opens; `None` where it opens nothing, or nothing that is a message."""
    try:
        said = orjson.loads(SealedBox(key).decrypt(base64.b64decode(data["sealed"], validate=True)))
    except (CryptoError, ValueError, KeyError, TypeError):
        return None
    return said if isinstance(said, dict) else None
