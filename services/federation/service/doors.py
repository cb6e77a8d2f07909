"""What the doors of federation share: this node's card, its address, the bell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from services.federation import cards, peering, requests, store
from services.federation.links import SERVICES
from services.federation.model import ACTIVE, BLOCKED, Peer
from services.federation.reaching import Reach, Way
from services.federation.turned import Callers, Turned
from services.kernel import identity, wakeup
from services.kernel.announce import SHARED
from services.kernel.doors import Room
from services.kernel.engine import OTHERS_HELD
from services.kernel.envelope import Forged
from services.kernel.errors import NotFound, Unavailable, ValidationError
from services.kernel.identity import Keyring, fingerprint
from services.kernel.request import SHOWN

_nonces = requests.Nonces()
Proved = Callable[[Keyring, str, str, Mapping[str, str]], str]
"""`requests.proved` or `requests.proved_post`."""


class Doors(Room):
    """A room that speaks for its node to others."""

    def own_card(self) -> dict[str, Any]:
        """This node's card as it is now, signed: `{card, node, key, version}`. `key`: the id of the key in use.

        Raises `Unavailable`, `ValidationError` where nobody would read it.
        """
        runtime = self.engine.runtime
        sealing = bytes(identity.sealing_key(runtime.folder).public_key)
        with self.db.begin() as session:
            card = peering.own_card(session, runtime.identity, runtime.settings, sealing, self._lasts())
            raw = cards.written(card, runtime.identity)
            _must_be_read(raw)
        key = runtime.identity.keyid
        return {"card": raw.decode(), "node": card.node, "key": key, "version": card.version}

    def _lasts(self) -> dict[str, dict[str, tuple[int, int, str]]]:
        """How far former keys of this node signed its public streams; nothing of one that signed none.

        Raises `Unavailable` until the key in use has signed each.
        """
        runtime = self.engine.runtime
        former = [identity.fingerprint(each.former) for each in runtime.identity.rotations]
        lasts: dict[str, dict[str, tuple[int, int, str]]] = {keyid: {} for keyid in former}
        for service in SERVICES if former else ():
            said = runtime.ask(service, "keys", {})
            if said["now"] != runtime.identity.keyid:
                raise Unavailable("Ce nœud change de clé : redémarrez-le, puis recommencez.")
            for keyid in said["ends"].keys() & lasts.keys():
                lasts[keyid][f"{runtime.identity.name}/{service}/{SHARED}"] = tuple(said["ends"][keyid])
        return lasts

    def asker(self, node: str, query: str, headers: Mapping[str, str], proved: Proved) -> Peer:
        """The peer that a signed question names, which signed it by the key in use on its card, and not before.

        Raises `NotFound` where that is no peer of this node, `Unauthorized`.
        """
        with self.db.read() as session:
            peer = store.peer(session, node)
        if peer is None or peer.state == BLOCKED:
            raise NotFound("Ce nœud ne connaît pas celui qui demande : échangez vos cartes.")
        key = cards.read(peer.card).signing
        _nonces.use(proved(Keyring({fingerprint(key): key}), self.engine.runtime.identity.name, query, headers))
        self.heard[node] += 1
        return peer

    @property
    def heard(self) -> Counter[str]:
        """How often each peer was heard: it asked this node, or called it, and proved that it did."""
        engine = self.engine
        if not hasattr(engine, "heard"):
            engine.heard = Counter()
        heard: Counter[str] = engine.heard
        return heard

    @property
    def callers(self) -> Callers:
        """The nodes that call this one."""
        engine = self.engine
        if not hasattr(engine, "callers"):
            engine.callers = Callers()
        callers: Callers = engine.callers
        return callers

    @property
    def called(self) -> dict[str, str]:
        """What is wrong with this node's calls to its peers, `""` where they are answered, by their fingerprints."""
        engine = self.engine
        if not hasattr(engine, "called"):
            engine.called = {}
        called: dict[str, str] = engine.called
        return called

    def way_by(self, node: str, url: str, private: bool) -> Way:
        """How a node is asked: by its calls as long as it calls, since only who cannot be reached does so; else at its
        address. Raises `ValidationError`, `Unavailable`.
        """
        return Turned(self.callers, node) if self.callers.calls(node) else Reach(url, self.own_url, private=private)

    def way_of(self, peer: Peer) -> Way:
        """The way to a peer, or to the one that re-serves it. Raises `ValidationError`, `Unavailable`."""
        if peer.via:
            with self.db.read() as session:
                carrier = store.peer(session, peer.via)
            if carrier is None or carrier.state != ACTIVE:
                raise Unavailable(
                    "Le pair par qui il est lu n’est plus suivi : maillage peer add DIR CARTE --via PAIR."
                )
            peer = carrier
        return self.way_by(peer.node, peer.url, peer.private)

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
    again = "Demandez à ce membre de refaire : maillage peer card DIR."
    try:
        return cards.read(raw)
    except Forged as error:
        why = f"sa signature ou ses clés ne sont pas vraies ({error})"
        raise _no_card("Cette carte a été changée en chemin, ou refaite par un autre.", raw, why, again) from None
    except ValueError as error:
        raise _no_card("Ce n’est pas une carte que ce nœud sache lire.", raw, str(error), again) from None


def _must_be_read(raw: bytes) -> None:
    """This node's card goes to nobody who would take it for a forgery."""
    try:
        cards.read(raw)
    except ValueError as error:
        remedy = "Corrigez la section [node] de maillage.toml, redémarrez le nœud, puis refaites la carte."
        raise _no_card("Personne ne lirait la carte de ce nœud.", raw, str(error), remedy) from None


def _no_card(said: str, raw: bytes, why: str, remedy: str) -> ValidationError:
    shown = raw[:SHOWN].decode(errors="replace")
    problem = {"line": None, "field": "card", "value": shown, "why": why, "code": "peer.card", "remedy": remedy}
    return ValidationError(said, [problem])
