"""Who is behind a request: an API key, proved by accounts, believed by the rooms as a signed actor."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

from flask import request

from services.kernel.errors import Forbidden, Unauthorized

CACHED_S = 30.0
CACHED_KEYS = 1_000


class Ask(Protocol):
    """Calls a room: `gateway.rpc.RpcClient.call`."""

    def __call__(self, service: str, method: str, request: dict[str, Any], *, actor: str | None = None) -> Any:
        """The room's answer."""


class Keys:
    """Proofs of keys, kept for half a minute: a removed key stops working within that time."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def actor(self) -> str:
        """The signed actor behind the current request. Raises `Unauthorized`, `Forbidden` (origin), `Unavailable`."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthorized("Une clé est nécessaire pour écrire : Authorization: Bearer mlg_…")
        proof = self._proof(key.strip())
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
