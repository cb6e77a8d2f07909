"""What one node tells another so that a lane leads from its broker to theirs: signed, then sealed for that node alone.

`make` and `take` are all there is to it; how the text travels (a file that operators hand over, an addressed request)
is nobody's business here. Said: where the broker answers and by whom it is proved, the user and password made for this
one peer, and the name by which the links of this broker are known. No broker URI: whoever takes it builds that.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from services.federation.cards import Card
from services.federation.lane.names import CLUSTERS
from services.kernel.envelope import Forged, canonical
from services.kernel.errors import ValidationError
from services.kernel.identity import Identity, fingerprint

FORM: Final = "maillage/lane/1"
PURPOSE: Final = b"maillage/lane/1\n"
AT_MOST_BYTES: Final = 65_536
HOSTS: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]{2,39}")
SECRETS: Final = re.compile(r"[A-Za-z0-9_-]{20,100}")
PEM: Final = re.compile(r"(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+")


@dataclass(frozen=True)
class Offer:
    """How to come in. `host` is empty where the broker can be reached from nowhere: it only reads.

    `authority`: PEM of who proves the broker's certificate, empty where it is one that every machine knows.
    `made`: microseconds since 1970; a later offer takes the place of an earlier one.
    """

    host: str
    port: int
    tls: bool
    password: str
    cluster: str
    authority: str
    made: int


def make(own: Identity, to: Card, offer: Offer) -> str:
    """The document for the node of a card: base64url, without padding."""
    return _text(SealedBox(PublicKey(to.sealing)).encrypt(signed(own, to.node, offer)))


def signed(own: Identity, to: str, offer: Offer) -> bytes:
    """The same before it is sealed: canonical JSON."""
    said = {"form": FORM, "from": own.name, "to": to} | asdict(offer)
    return canonical(said | {"signature": _text(own.sign(PURPOSE, canonical(said)))})


def take(sealed: str, key: PrivateKey, own: str, card_of: Callable[[str], Card | None]) -> tuple[Card, Offer]:
    """Who offers what. `card_of` knows peers by their fingerprints. Raises `ValidationError` saying what to ask for."""
    try:
        if len(sealed) > AT_MOST_BYTES:
            raise ValueError("too long")
        said = orjson.loads(SealedBox(key).decrypt(_bytes(sealed.strip())))
        signature = _bytes(said.pop("signature"))
        node, to, form = said.pop("from"), said.pop("to"), said.pop("form")
    except (CryptoError, ValueError, TypeError, KeyError, AttributeError):
        raise _refused("il n’est pas scellé pour ce nœud, ou a été changé en chemin") from None
    if form != FORM or to != own:
        raise _refused("il est pour un autre nœud, ou d’une autre version")
    card = card_of(str(node))
    if card is None:
        raise _refused("il vient d’un nœud qui n’est pas un pair : maillage peer add DIR CARTE d’abord")
    whole = canonical({"form": form, "from": node, "to": to} | said)
    try:  # by the key in use: who stole a former one offers nothing
        card.keyring().check(PURPOSE, fingerprint(card.signing), whole, signature)
    except Forged:
        raise _refused("ce pair ne l’a pas signé ; s’il a changé de clé, il faut sa nouvelle carte") from None
    return card, _offer(said)


def _offer(said: dict[str, Any]) -> Offer:
    try:
        offer = Offer(**said)
    except TypeError:
        raise _refused("sa forme n’est pas connue ici : mettez les deux nœuds à jour") from None
    texts = (offer.host, offer.password, offer.cluster, offer.authority)
    if not all(isinstance(each, str) for each in texts) or not isinstance(offer.tls, bool):
        raise _refused("sa forme n’est pas celle attendue")
    whole = all(type(each) is int for each in (offer.port, offer.made))
    if not whole or not CLUSTERS.fullmatch(offer.cluster) or not _is_way(offer):
        raise _refused("il dit un hôte, un port ou un nom qui n’en est pas un")
    return offer


def _is_way(offer: Offer) -> bool:
    """Whether it leads somewhere, or says that it does not."""
    if not offer.host:
        return True
    proved = not offer.authority or PEM.fullmatch(offer.authority) is not None
    known = HOSTS.fullmatch(offer.host) is not None and SECRETS.fullmatch(offer.password) is not None
    return proved and known and 0 < offer.port < 65_536


def _refused(why: str) -> ValidationError:
    return ValidationError(
        f"Ce document de voie rapide n’est pas accepté : {why}.",
        [{"line": None, "field": "document", "value": "", "why": why, "code": "lane.document",
          "remedy": "Demandez à ce membre de refaire : maillage peer lane open DIR PAIR."}],
    )  # fmt: skip


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
