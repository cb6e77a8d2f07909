"""Taking somebody out of the node, in the steps that it takes: out of the records, out of the log, told to others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from services.kernel.errors import Unavailable

TRIES: Final = 20
PAUSE_S: Final = 0.25
CALLS_AT_MOST: Final = 200
"""Of `object_tell`, a few homes each: some thousand records of others that name one person."""
Call = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True)
class Forgotten:
    """What was done: the ids of the records that changed, how many homes' records were told, who is not reached now."""

    records: list[str]
    told: int
    unreached: list[str]


def forget(call: Call, said: dict[str, str]) -> Forgotten:
    """Take somebody out, and tell the homes of other nodes' records. `call`: a door of the directory by its name, in
    somebody's name.

    Raises what `object_to` does; `Unavailable` where the change has no number yet after five seconds: the log is then
    to be erased by asking again.
    """  # fmt: skip
    records: list[str] = call("object_to", said)["records"]
    for attempt in range(TRIES):
        try:
            call("object_finish", said)
        except Unavailable:
            if attempt == TRIES - 1:
                raise
            time.sleep(PAUSE_S)
        else:
            break
    return _tell(call, said, records)


def accept(call: Call, heard_id: str, answer: str = "") -> dict[str, Any]:
    """Accept an objection that another node told: who it is about is taken out here too, then it is answered."""
    said = call("objection_named", {"id": heard_id})["said"]
    if said:
        forget(call, said)
    decided: dict[str, Any] = call("objection_decide", {"id": heard_id, "decision": "accept", "answer": answer})
    return decided


def _tell(call: Call, said: dict[str, str], records: list[str]) -> Forgotten:
    told = 0
    unreached: list[str] = []
    for _ in range(CALLS_AT_MOST):
        done = call("object_tell", said)
        told, unreached = told + done["told"], done["unreached"]
        if not done["left"]:
            break
    return Forgotten(records, told, unreached)
