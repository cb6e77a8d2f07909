"""What a service says of itself: the names and shapes of facts, before they are written anywhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOME, SHARED = "home", "shared"
"""Reaches: `home` never leaves the node, `shared` is public."""
TO = "to/"
"""Begins the reach of what is addressed to one other node; its fingerprint follows."""


@dataclass(frozen=True)
class NewEvent:
    """A past-tense fact about `subject`, with the full record after the change.

    `type` is `service.entity.fact.version`; `reach` is `home`, `shared` or `to/<peer>`; `recordversion` rises by one
    with each change of the record.
    """

    type: str
    subject: str
    recordversion: int
    data: Mapping[str, Any]
    reach: str = SHARED
    causation: str = ""
