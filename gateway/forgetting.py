"""Taking somebody out of the node, in the two steps that it takes: out of the records, then out of the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from services.kernel.errors import Unavailable

TRIES: Final = 20
PAUSE_S: Final = 0.25


def forget(call: Callable[[str, dict[str, Any]], Any], said: dict[str, str]) -> list[str]:
    """The ids of the records that changed. `call`: a door of the directory by its name, in somebody's name.

    Raises what `object_to` does; `Unavailable` where the change has no number yet after five seconds: the log is then
    to be erased by asking again.
    """
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
    return records
