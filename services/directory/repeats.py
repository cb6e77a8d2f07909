"""A write asked again under the same key is done once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy.orm import Session

from services.directory import store
from services.directory.model import Request
from services.kernel import clock
from services.kernel.envelope import canonical
from services.kernel.errors import Conflict


def once(session: Session, request: dict[str, Any], act: Callable[[Session], dict[str, Any]]) -> dict[str, Any]:
    """Do it, unless it was done under the same `request_id`. Raises `Conflict` where that was another request."""
    key = request.get("request_id")
    if key is None:
        return act(session)
    digest = hashlib.sha256(canonical(request)).hexdigest()
    done = store.request(session, key)
    if done is not None:
        if done.digest != digest:
            raise Conflict("Cette clé d’idempotence a déjà servi pour une autre demande.")
        answer: dict[str, Any] = orjson.loads(done.answer)
        return answer
    answer = act(session)
    now = clock.to_text(clock.now())
    session.add(Request(id=key, digest=digest, answer=orjson.dumps(answer), at=now))
    return answer
