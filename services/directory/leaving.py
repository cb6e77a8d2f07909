"""A member leaves: what it publishes and nobody took over is withdrawn, some at a time, and what it decided of pairs.

Drafts, which no other node ever saw, stay in its folder. Each call is a transaction of its own that begins where the
one before it ended, so a killed one is gone on with.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from services.directory import decisions, store, store_decisions, store_handing
from services.directory.writing import Desk
from services.kernel.errors import WrongState
from services.kernel.log import EventLog


def ahead(session: Session) -> dict[str, int]:
    """What is public or told of this node: `{structures, services, decisions}`; `offers` that wait for an answer."""
    return store_handing.public_counts(session) | {
        "decisions": store_decisions.own_count(session), "offers": store_handing.unfinished(session)
    }  # fmt: skip


def some(session: Session, log: EventLog, desk: Desk, reason: str, limit: int) -> dict[str, int]:
    """Withdraw the next structures with their services, then take decisions back; what is left, as `ahead`.

    Raises `WrongState` while another node may still take records over. Announces `withdrawn` of each.
    """
    if offers := store_handing.unfinished(session):
        raise WrongState(
            f"Des propositions de fiches sont en cours ({offers}) : attendez qu’elles passent, ou reprenez-les par "
            "maillage peer take-back."
        )
    for kind in ("structure", "service"):
        for record in store.page(session, kind, "", limit, True, None):
            desk.withdraw(record, reason)
    for each in store_decisions.own(session, limit):
        decisions.say(session, log, desk.home, (each.a, each.b), None)
    session.flush()
    return ahead(session)


def named(left: dict[str, int]) -> dict[str, Any]:
    """What is left, and whether that is nothing."""
    return left | {"done": not (left["structures"] or left["services"] or left["decisions"])}
