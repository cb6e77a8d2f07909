"""What the doors of federation share: this node's card, its address, the bell."""

from __future__ import annotations

from typing import Any

from services.federation import cards, peering
from services.federation.links import SERVICES
from services.kernel import identity, wakeup
from services.kernel.announce import SHARED
from services.kernel.doors import Room
from services.kernel.engine import OTHERS_HELD
from services.kernel.errors import Unavailable, ValidationError
from services.kernel.request import SHOWN


class Doors(Room):
    """A room that speaks for its node to others."""

    def own_card(self) -> dict[str, Any]:
        """This node's card as it is now, signed: `{card, node, version}`. Raises `Unavailable`."""
        runtime = self.engine.runtime
        sealing = bytes(identity.sealing_key(runtime.folder).public_key)
        with self.db.begin() as session:
            card = peering.own_card(session, runtime.identity, runtime.settings, sealing, self._lasts())
        raw = cards.written(card, runtime.identity)
        return {"card": raw.decode(), "node": card.node, "version": card.version}

    def _lasts(self) -> dict[str, dict[str, tuple[int, int, str]]]:
        """How far former keys of this node signed its public streams."""
        runtime = self.engine.runtime
        former = [identity.fingerprint(each.former) for each in runtime.identity.rotations]
        lasts: dict[str, dict[str, tuple[int, int, str]]] = {keyid: {} for keyid in former}
        for service in SERVICES if former else ():
            ends = runtime.ask(service, "keys", {})
            for keyid in former:
                if keyid not in ends:
                    raise Unavailable("Ce nœud change de clé : redémarrez-le, puis recommencez.")
                lasts[keyid][f"{runtime.identity.name}/{service}/{SHARED}"] = tuple(ends[keyid])
        return lasts

    def wake(self, stream: str) -> None:
        """Something new is held, of this stream or of any (`""`): the rooms that follow others look."""
        engine = self.engine
        if not hasattr(engine, "bell"):
            engine.bell = wakeup.Bell(engine.runtime.connect, OTHERS_HELD)
        engine.bell.ring(stream)

    def lane_left(self, node: str) -> None:
        """A peer is forgotten: what was made for it on this node's broker goes too, if that answers."""

    @property
    def own_url(self) -> str:
        """Where this node itself answers."""
        return str(self.engine.runtime.settings.base_url)


def card_of(raw: bytes) -> cards.Card:
    """The card in these bytes. Raises `ValidationError` saying what to ask for."""
    try:
        return cards.read(raw)
    except ValueError as error:
        raise ValidationError(
            "Ce n’est pas la carte d’un nœud, ou elle a été changée en chemin.",
            [{"line": None, "field": "card", "value": raw[:SHOWN].decode(errors="replace"), "why": str(error),
              "code": "peer.card", "remedy": "Demandez à ce membre de refaire : maillage peer card DIR."}],
        ) from None  # fmt: skip
