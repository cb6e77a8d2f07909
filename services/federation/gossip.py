"""Nodes tell each other what each home signed: one that tells two histories is found at the next question.

A claim is the header of a checkpoint with its signature. Two that its home signed for one place and that differ prove
that it told two histories; whoever holds them can show them to anybody. The home is then followed no further until an
operator decides. A claim in this node's own name that its log does not hold says that its database was put back, or
that somebody has its key: the room is told (`services/kernel/doors.py`, `claimed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from services.federation import cards, store
from services.federation.model import ACTIVE, QUARANTINED, Carried, Peer, Proof
from services.kernel import clock
from services.kernel.envelope import Forged, Header, Malformed, Signed, claim_of, read_claim

AT_MOST = 1_000
"""Claims that are read of one answer."""


def told(session: Session) -> list[dict[str, Any]]:
    """The last checkpoint held of each stream of another node."""
    found = (store.checkpoint(session, each) for each in store.taken_of(session))
    return [claim_of(event) for event in found if event is not None]


def heads(said: Any) -> dict[str, tuple[int, int]]:
    """How far streams are held by who claims so: to their last checkpoints at least. Nothing is proved by it."""
    claims, _ = split(said, "")
    return {claim.header.stream: (claim.header.epoch, claim.header.seq) for claim in claims}


def split(said: Any, own: str) -> tuple[list[Signed], list[dict[str, Any]]]:
    """What an answer claims of other nodes, and of this one."""
    others: list[Signed] = []
    mine: list[dict[str, Any]] = []
    for each in said[:AT_MOST] if isinstance(said, list) else ():
        try:
            claim = read_claim(each)
        except Malformed:
            continue
        if claim.header.stream.startswith(f"{own}/"):
            mine.append(each)
        else:
            others.append(claim)
    return others, mine


def hear(session: Session, claims: Sequence[Signed], link: str) -> list[Peer]:
    """Compare what a link claims with what is held; the peers that are followed no further from here on."""
    caught = []
    for claim in claims:
        head = claim.header
        peer = store.peer(session, head.stream.partition("/")[0])
        held = session.get(Carried, (head.stream, head.epoch, head.seq))
        if peer is None or held is None or Header.from_raw(held.header).hash == head.hash:
            continue
        if session.get(Proof, (head.stream, head.epoch, head.seq, head.hash)) is not None:
            continue
        try:
            keyring = cards.read(peer.card).keyring()
            keyring.check_event(head, claim.signature)
            keyring.check_event(Header.from_raw(held.header), held.signature)
        except Forged:
            continue  # whoever tells this tells it of somebody else: nothing is proved; nor by what is not proved yet
        session.add(_proof(held, claim, link))
        if peer.state == ACTIVE:
            peer.state = QUARANTINED
            peer.trouble = f"Il a dit deux histoires ({head.stream}, {head.epoch}, {head.seq}) : appelez ce membre."
            caught.append(peer)
    return caught


def _proof(held: Carried, claim: Signed, link: str) -> Proof:
    head = claim.header
    return Proof(
        stream=head.stream, epoch=head.epoch, seq=head.seq, hash=head.hash, theirs=head.raw,
        theirs_signature=claim.signature, ours=held.header, ours_signature=held.signature, heard_of=link,
        at=clock.to_text(clock.now()),
    )  # fmt: skip
