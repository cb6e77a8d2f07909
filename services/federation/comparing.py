"""Compare a stream that is held with what another node holds of it, question by question (`kernel/equality.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from services.federation import store
from services.kernel import equality
from services.kernel.database import Database
from services.kernel.errors import Unavailable

DIGESTS = "/federation/v1/digests"


def compared(database: Database, stream: str, get: Callable[[str, dict[str, Any]], bytes]) -> dict[str, Any]:
    """`{stream, here, there, judged, differing, more}`; `get` asks the other node. Raises what it raises."""

    def mine(group: int | None, bucket: int | None) -> dict[str, Any]:
        with database.read() as session:
            taken = store.taken(session, stream)
            place = store.judged_at(taken) if taken else (0, 0)
            return equality.told(session, stream, place, group, bucket)

    def theirs(group: int | None, bucket: int | None) -> dict[str, Any]:
        asked = {"stream": stream, "group": group, "bucket": bucket}
        said = orjson.loads(get(DIGESTS, {name: value for name, value in asked.items() if value is not None}))
        if not isinstance(said, dict):
            raise ValueError("an object expected")
        return said

    try:
        found = equality.compare(mine, theirs)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unavailable("La réponse n’est pas celle d’un nœud.") from None
    return found._asdict() | {"stream": stream, "differing": [each._asdict() for each in found.differing]}
