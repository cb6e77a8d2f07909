"""Peers of this node: added by card, paused, blocked, removed; what each of them holds of ours and we of theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sqlalchemy.orm import Session

from services.federation import cards, events, store
from services.federation.cards import Card, read
from services.federation.model import ACTIVE, OwnCard, Peer, Taken
from services.kernel import clock
from services.kernel.announce import NewEvent
from services.kernel.envelope import canonical
from services.kernel.errors import Conflict, NotFound, ValidationError
from services.kernel.identity import Identity, Lasts, fingerprint
from services.kernel.settings import Settings

REMOVED = "removed"
AHEAD_MINUTES: Final = 2 * 24 * 60
"""As far as this node's clock may have been ahead when it gave out a card."""
AS_FINGERPRINT = 8
"""Letters from which a name is the beginning of a fingerprint rather than a word that happens to be one."""


def own_card(session: Session, own: Identity, settings: Settings, sealing: bytes, lasts: Lasts) -> Card:
    """This node's card as its settings and keys are now; its version rises when it says something else than before.

    It is the minute since 1970, or one more than the last: a database that was put back never gives a version again.
    """
    of = settings.node
    card = Card(
        own.name, of.id, of.name, of.territory, settings.base_url, own.public_key, sealing, 1, own.rotations, lasts
    )
    last = store.own_card(session)
    said = canonical(card.said() | {"version": 0})
    if last is None:
        last = OwnCard(id=1, version=0, said=b"")
        session.add(last)
    if last.said != said:
        last.version, last.said = max(last.version + 1, _minutes()), said
    return replace(card, version=last.version)


def outlast(session: Session, held: int) -> bool:
    """A peer holds this version of this node's card: whether the next one must be later, although it says the same.

    So it is where the database was put back since. A version of a time to come is nothing that this node gave out.
    """
    last = store.own_card(session)
    if last is None or not last.version < held <= _minutes() + AHEAD_MINUTES:
        return False
    last.version, last.said = held, b""
    return True


def _minutes() -> int:
    return int(clock.now().timestamp()) // 60


def renewed(peer: Peer, card: Card, raw: bytes) -> str:
    """Take a later card that a peer itself answered, where it follows from the one that is held; else say why not.

    A new name, address or key needs nobody's hand. A revoked key does: who stole it could answer too.
    """
    held = read(peer.card)
    known = held.rotations
    if card.node != peer.node or card.version <= peer.card_version or card.rotations[: len(known)] != known:
        return f"Sa carte {card.version} ne suit pas celle que l’on a : demandez-la à ce membre."
    if any(each.revoked for each in card.rotations[len(known) :]):
        return (
            "Ce membre a révoqué sa clé : demandez-lui sa nouvelle carte, comparez de vive voix l’empreinte et la clé "
            "en usage, puis maillage peer add DIR CARTE."
        )
    peer.label, peer.name, peer.url, peer.card, peer.card_version = card.id, card.name, card.url, raw, card.version
    return ""


def revokes(peer: Peer | None, card: Card) -> bool:
    """Whether a card tells of a key that was revoked, and the one that is held of this peer, if any, does not."""
    known = {each.key for each in read(peer.card).rotations} if peer else set()
    return any(each.revoked and each.key not in known for each in card.rotations)


def named(session: Session, name: str) -> Peer:
    """The one peer that a label or a fingerprint means. Raises `NotFound`, `Conflict` where several may be meant.

    A label that begins as another's fingerprint does, for as long as people read one, stands for neither: whoever
    chose it would be taken for the other.
    """
    found = store.peers_named(session, name)
    whole = [peer for peer in found if peer.node == name]
    by_label = [peer for peer in found if peer.label == name]
    likely = whole or (by_label if by_label and len(name) < AS_FINGERPRINT else found)
    if len(likely) == 1:
        return likely[0]
    if not found:
        raise NotFound(f"Aucun pair « {name} » : maillage peer list DIR les dit tous.")
    raise Conflict(
        f"Plusieurs pairs peuvent être « {name} » : donnez l’empreinte, ou un début plus long (maillage peer list DIR)."
    )


def added(session: Session, card: Card, raw: bytes, own: str, private: bool, via: str = "") -> tuple[Peer, str]:
    """The peer of a card, and what that is: `added`, `updated` by a later card, `unchanged`.

    Raises `ValidationError` for this node's own card, `Conflict` for one older than the card that is held, or one that
    says something else under the same version, or does not tell the keys that are known.
    """
    if card.node == own:
        raise ValidationError(
            "Cette carte est celle de ce nœud même.",
            [{"line": None, "field": "card", "value": card.id, "why": "c’est la carte de ce nœud", "code": "peer.self",
              "remedy": "Donnez la carte que l’autre membre vous a envoyée."}],
        )  # fmt: skip
    peer = store.peer(session, card.node)
    if peer is None:
        peer = Peer(
            node=card.node, label=card.id, name=card.name, url=card.url, card=raw, card_version=card.version,
            state=ACTIVE, private=private, via=via, added_at=clock.to_text(clock.now()), heard_at="", trouble="",
        )  # fmt: skip
        session.add(peer)
        return peer, "added"
    if card.version < peer.card_version:
        raise Conflict(
            f"Cette carte est plus ancienne (version {card.version}) que celle que l’on a ({peer.card_version}) : "
            "demandez à ce membre de refaire maillage peer card DIR. S’il a remis une sauvegarde, ce nœud doit d’abord "
            "lui répondre, ou : maillage peer remove DIR PAIR, puis peer add."
        )
    if card.version == peer.card_version and raw != peer.card:
        raise Conflict(
            "Deux cartes différentes de ce nœud portent la même version : appelez ce membre. S’il a remis une "
            "sauvegarde : maillage peer remove DIR PAIR, puis peer add."
        )
    known = read(peer.card).rotations
    if card.rotations[: len(known)] != known:
        raise Conflict(
            "Cette carte ne suit pas celle que l’on a : elle tait la dernière clé de ce membre, ou en nomme une autre. "
            "Appelez-le ; si c’est bien la sienne, maillage peer remove DIR PAIR, puis peer add."
        )
    if raw == peer.card and (private, via) == (peer.private, peer.via):
        return peer, "unchanged"
    peer.label, peer.name, peer.url, peer.card = card.id, card.name, card.url, raw
    peer.card_version, peer.private, peer.via, peer.trouble = card.version, private, via, ""
    return peer, "updated"


def carrier(session: Session, name: str, node: str) -> Peer | None:
    """The peer from whom another is to be read; none for no name. Raises `NotFound`, `Conflict`."""
    if not name:
        return None
    found = named(session, name)
    if found.node == node or found.via:
        raise Conflict(f"{found.label} ne peut pas le porter : nommez un pair qui répond lui-même.")
    return found


def changed(peer: Peer, state: str | None = None) -> NewEvent:
    """What is told of a peer to the rooms of this node."""
    names = (peer.node, peer.card_version, peer.label, peer.name, peer.url)
    return events.peer_changed(*names, state or peer.state, cards.read(peer.card).keys())


def shown(peer: Peer, streams: list[Taken], live: dict[str, int]) -> dict[str, Any]:
    """A peer as its operator sees it, with each stream: what was heard, what is held, whether it is equal."""
    return {
        "node": peer.node, "key": fingerprint(read(peer.card).signing), "id": peer.label, "name": peer.name,
        "url": peer.url, "state": peer.state,
        "private": peer.private, "via": peer.via, "card_version": peer.card_version, "added_at": peer.added_at,
        "heard_at": peer.heard_at or None,
        "trouble": peer.trouble, "streams": [_stream(each, live.get(each.stream, 0)) for each in streams],
    }  # fmt: skip


def _stream(taken: Taken, live: int) -> dict[str, Any]:
    lag = max(taken.head_seq - taken.seq, 0)
    is_of_now = taken.head_epoch <= taken.epoch  # its home has opened an epoch that could not be read yet
    equal = None if not taken.root else is_of_now and not taken.differs
    return {
        "stream": taken.stream, "head": taken.head_seq, "held": taken.seq, "lag": lag, "records": live, "equal": equal,
        "equal_at": taken.root_seq or None, "trouble": taken.trouble, "blamed": taken.charged,
    }  # fmt: skip
