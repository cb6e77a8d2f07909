"""JSON on the broker, by orjson: five times faster than the standard library, and plain where kombu is not.

kombu writes dates and UUIDs as `{"__type__": …}`, which no other program reads; orjson writes them as text. Importing
this module replaces kombu's `json` serializer in this process; bytes on the wire stay ordinary JSON.
"""

from __future__ import annotations

from typing import Any

import orjson
from kombu.serialization import register


def _dump(data: Any) -> str:
    return orjson.dumps(data).decode()


register("json", _dump, orjson.loads, content_type="application/json", content_encoding="utf-8")
