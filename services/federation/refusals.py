"""Why an event of another node is not kept, as its operator reads it: French first, then what was found exactly."""

from __future__ import annotations

from typing import Final

from services.kernel.envelope import Forged, Malformed, UnknownKey


class Refused(ValueError):
    """An event that is not kept, and why; what came before it is."""


class Bare(Refused):
    """An event without its data, of which nothing here says that its home erased it."""


WHY: Final[tuple[tuple[type[ValueError], str], ...]] = (
    (UnknownKey, "signé par une clé inconnue de sa carte"), (Forged, "ce n’est pas ce que son nœud a signé"),
    (Malformed, "illisible"),
)  # fmt: skip


def told(epoch: int, seq: int, error: ValueError) -> str:
    """The sentence for an event at a place, by the kind of what is wrong with it."""
    for kind, why in WHY:
        if isinstance(error, kind):
            return f"({epoch}, {seq}) : {why} ({error})"
    return f"({epoch}, {seq}) : {error}"
