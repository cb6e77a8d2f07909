"""Which keys of this node signed a stream, and how far each went: what its card tells of them, by the log itself."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.kernel.envelope import Header
from services.kernel.verify import REKEYED, REOPENED


def ends_of_keys(session: Session, reach: str) -> dict[str, Any]:
    """The place and header hash of the last event by each former key of this node: keyid → [epoch, seq, hash]."""
    kinds = {"reach": reach, "rekeyed": f"%{REKEYED}", "reopened": f"%{REOPENED}"}
    ends = {}
    for raw in session.scalars(_KEYS, kinds):
        said = orjson.loads(raw)
        if "former" in said:
            ends[said["former"]] = [said["epoch"], said["seq"], said["hash"]]
    return ends


def key_in_use(session: Session, reach: str) -> str:
    """The id of the key that signed a stream of this node last; `""` where nothing was signed yet."""
    last = session.scalar(_LAST_HEADER, {"reach": reach})
    return Header.from_raw(last).keyid if last else ""


_KEYS = text(
    "SELECT data FROM event_log"
    " WHERE reach = :reach AND seq IS NOT NULL AND (type LIKE :rekeyed OR type LIKE :reopened)"
)
_LAST_HEADER = text(
    "SELECT header FROM event_log WHERE reach = :reach AND seq IS NOT NULL ORDER BY epoch DESC, seq DESC LIMIT 1"
)
