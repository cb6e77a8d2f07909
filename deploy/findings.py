"""What `maillage doctor` says of one thing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `remedy` says what to do where it is not `ok`; not `known`: it could not be looked at."""

    check: str
    ok: bool
    detail: str
    remedy: str = ""
    known: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
