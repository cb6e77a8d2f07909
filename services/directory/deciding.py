"""What comes of all that nodes decided of two structures: one answer, the same wherever the same decisions are. Pure.

Each node may decide of a pair once. Those whose records they are go first: where one of them said anything, nobody
else counts. Of what is left the most careful wins: two structures, then one a branch of the other, then the same. The
public sees them as one only where every home of the two says that they are.

Source of the rule: `docs/federation.md`, "Duplicates between nodes"; why so, `docs/decisions/0018`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

SAME, DIFFERENT, BRANCH = "same", "different", "branch"
CAREFUL = (SAME, BRANCH, DIFFERENT)
"""From the least careful decision to the most: the later one wins."""


@dataclass(frozen=True)
class Word:
    """What one node decided of a pair; `head`: of a branch, which of the two is the head."""

    node: str
    decision: str
    head: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What holds: `by` whose decision, and whether the public sees one record (`public`)."""

    decision: str | None = None
    head: str | None = None
    by: frozenset[str] = frozenset()
    public: bool = False


def outcome(words: Iterable[Word], homes: Collection[str]) -> Outcome:
    """What comes of these decisions, in whatever order; `homes` of the two records, one or two nodes."""
    known = [word for word in words if word.decision in CAREFUL]
    heard = [word for word in known if word.node in homes] or known
    if not heard:
        return Outcome()
    decision = max((word.decision for word in heard), key=CAREFUL.index)
    counted = [word for word in heard if word.decision == decision]
    by = frozenset(word.node for word in counted)
    head = min((word.head for word in counted if word.head), default=None)
    return Outcome(decision, head, by, public=decision == SAME and bool(homes) and by >= set(homes))
