"""Who is behind a request: an API key or a session, proved by accounts, believed by the rooms as a signed actor.

Both come as `Authorization: Bearer …`, which no browser sends by itself: what a session may do through the API needs no
proof that the form is ours. The pages' own cookie counts for nothing here.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

from flask import request

from services.kernel.errors import Forbidden, Unauthorized

CACHED_S = 30.0
CACHED_KEYS = 1_000
KEY_PREFIX = "mlg_"
"""How each key begins; no session does but by a chance of one in 16 million, and then it opens nothing."""


class Ask(Protocol):
    """Calls a room: `gateway.rpc.RpcClient.call`."""

    def __call__(self, service: str, method: str, request: dict[str, Any], *, actor: str | None = None) -> Any:
        """The room's answer."""


class Callers:
    """Proofs of keys, kept for half a minute: a removed key stops working within that time. Sessions are asked anew."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def actor(self) -> str:
        """The signed actor behind the current request. Raises `Unauthorized`, `Forbidden` (origin), `Unavailable`."""
        said = bearer()
        if not said.startswith(KEY_PREFIX):
            known: str = self._ask("accounts", "session_get", {"session": said[:200]})["actor"]
            return known
        proof = self._proof(said)
        origin = request.headers.get("Origin")
        if origin and proof["origins"] and origin not in proof["origins"]:
            raise Forbidden(f"Cette clé ne sert pas depuis {origin}.")
        actor: str = proof["actor"]
        return actor

    def _proof(self, key: str) -> dict[str, Any]:
        now = time.monotonic()
        with self._lock:
            kept = self._known.get(key)
            if kept and now - kept[0] < CACHED_S:
                return kept[1]
        proof: dict[str, Any] = self._ask("accounts", "authenticate", {"key": key[:200]})
        with self._lock:
            if len(self._known) >= CACHED_KEYS:
                self._known.clear()
            self._known[key] = (now, proof)
        return proof


def bearer() -> str:
    """The key or session that the request carries. Raises `Unauthorized` where it carries none."""
    scheme, _, said = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not said.strip():
        raise Unauthorized("Une clé ou une session est nécessaire : Authorization: Bearer …")
    return said.strip()
