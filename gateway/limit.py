"""How many requests one client may make: so many at once, then one each so many milliseconds (GCRA).

A client costs one number. The library that would do this (`limits`) keeps every request's time, starts a thread each
hundredth of a second to forget them, and cost a fifth of the time of an answer: `docs/decisions/0005`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, g, request

from gateway.problems import problem

CLIENTS_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whether a request may pass, how many more may at once, and in how many seconds the next (all) may."""

    passes: bool
    remaining: int
    next_in_s: float
    all_in_s: float


class Limit:
    """`per_minute` at once, and again as time goes by; by client, in this process."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = max(per_minute, 1)
        self._every_s = 60 / self.per_minute
        self._clock = clock
        self._free_at: dict[str, float] = {}
        """When each client will have all its requests again."""

    def hit(self, client: str) -> Allowed:
        """Count one request of a client, unless it has none left."""
        now = self._clock()
        free_at = max(self._free_at.get(client, 0.0), now) + self._every_s
        over_s = free_at - now - 60.000_001
        if over_s > 0:
            return Allowed(False, 0, over_s, free_at - self._every_s - now)
        if len(self._free_at) >= CLIENTS_KEPT:
            self._forget(now)
        self._free_at[client] = free_at
        return Allowed(True, int((60.000_001 - (free_at - now)) / self._every_s), 0.0, free_at - now)

    def _forget(self, now: float) -> None:
        """Who has all requests again; where that is nobody, everybody: memory counts more than the limit."""
        self._free_at = {client: at for client, at in self._free_at.items() if at > now}
        if len(self._free_at) >= CLIENTS_KEPT:
            self._free_at.clear()


def install(app: Flask, per_minute: int) -> None:
    """Refuse, with 429, who asks for more; everybody is told what is left."""
    limit = Limit(per_minute)
    said = str(limit.per_minute)

    @app.before_request
    def check() -> Response | None:
        allowed = limit.hit(request.remote_addr or "")
        g.allowed = allowed
        if allowed.passes:
            return None
        wait_s = int(allowed.next_in_s) + 1
        return problem(429, f"Plus de {limit.per_minute} demandes par minute : réessayez dans {wait_s} s.",
                       headers={"Retry-After": str(wait_s)})  # fmt: skip

    @app.after_request
    def tell(response: Response) -> Response:
        allowed = g.get("allowed")
        if allowed is not None:
            response.headers.extend(
                [("X-RateLimit-Limit", said), ("X-RateLimit-Remaining", str(allowed.remaining)),
                 ("X-RateLimit-Reset", str(int(allowed.all_in_s) + 1))]
            )  # fmt: skip
        return response
