"""The feed of public changes: each record at its last one, in the order in which they were numbered."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from services.directory import events, joining
from services.kernel.envelope import Signed


def feed_rows(session: Session, numbered: Sequence[Signed]) -> None:
    """Put what was just numbered into the public feed, in the sequencer's own transaction: same order, no gap."""
    rows = []
    for signed in numbered:
        head = signed.header
        if head.type in events.PUBLIC_PUTS or head.type in events.PUBLIC_DELETES:
            rows.append(
                {"subject": head.subject, "kind": head.type.split(".")[1], "epoch": head.epoch, "seq": head.seq,
                 "op": "put" if head.type in events.PUBLIC_PUTS else "delete", "reach": head.stream.split("/", 2)[2]}
            )  # fmt: skip
    if rows:
        joining.fed(session, rows)
