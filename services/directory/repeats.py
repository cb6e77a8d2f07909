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


def once(
    session: Session, caller: str, request: dict[str, Any], act: Callable[[Session], dict[str, Any]]
) -> dict[str, Any]:
    """Do it, unless this caller did it under the same `request_id`. Raises `Conflict` where that was another request.

    Two callers who number their requests alike are no hindrance to each other, and learn nothing of each other.
    """
    if request.get("request_id") is None:
        return act(session)
    key = hashlib.sha256(canonical([caller, request["request_id"]])).hexdigest()
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
