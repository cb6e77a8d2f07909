"""Doors about records that move home: offered to another node, or by one to this node."""

from __future__ import annotations

import base64
from typing import Any

import orjson
from sqlalchemy.orm import Session

from services.directory import events, handing, leaving, moving, store_handing, store_others
from services.directory.schemas import between
from services.directory.service.doors import Doors
from services.kernel import identity as identities
from services.kernel import succession
from services.kernel.access import Actor
from services.kernel.announce import SHARED, NewEvent
from services.kernel.applier import Event
from services.kernel.doors import rpc
from services.kernel.errors import NotFound
from services.kernel.identity import Keyring, fingerprint

_STATES = {"accept": store_handing.ACCEPTED, "refuse": store_handing.REFUSED, "take_back": store_handing.TAKEN_BACK}
_AGREED = Actor("accord", ("permanent",))
"""Who does what two permanents agreed, once the other node's event is there."""


class HandingDoors(Doors):
    """Offers of records: made, decided, taken back; and what follows from them."""

    @rpc
    def hand_over(self, request: dict[str, Any]) -> dict[str, Any]:
        """Offer records to another node: `HandOver` → the offer, as `offers`, or with `dry_run` the counts alone.

        Counts: `{structures, services, staying}`; `staying`: ids of structures of which a change waits for a
        permanent. Nothing changes until the other node accepts. Raises `NotFound`, `NotHome`, `ValidationError`,
        `Conflict` where that node is not followed, `WrongState` where too many offers wait. Announces
        `directory.handover.offered.v1`, and `directory.message.sealed.v1` to that node alone.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = between.HandOver.read(request)
        with self.db.read() as session:
            going, staying = handing.choose(session, self._desk(session, actor), asked)
            kinds = [each.kind for each in going]
            counted = {"structures": kinds.count("structure"), "services": kinds.count("service"),
                       "staying": [each.id for each in staying]}  # fmt: skip
        if asked["dry_run"]:
            return counted
        runtime = self.engine.runtime
        theirs = base64.b64decode(runtime.ask("federation", "way_to", {"node": asked["to"]})["sealing"])
        keys = theirs, bytes(identities.sealing_key(runtime.folder).public_key)
        with self.db.begin() as session:
            desk = self._desk(session, actor)
            going, _ = handing.choose(session, desk, asked)
            said = {"note": asked["note"].strip(), "by": actor.name}
            made, messages = handing.offer(session, asked["to"], keys, going, desk, said)
            told = events.handover("offered", made.id, 1, {"node": made.node, "total": made.total})
            self.log.append(session, told, *messages)
            return handing.shown(session, made) | {"staying": counted["staying"]}

    @rpc
    def leave(self, request: dict[str, Any]) -> dict[str, Any]:
        """Withdraw what is public here, the next records of it; asked again until `done`: `Leave` →
        `{structures, services, decisions, offers, done}`, what is left; with `dry_run` nothing is withdrawn.

        Raises `WrongState` while offers of records are under way. Announces `withdrawn` of each record, and
        `directory.duplicate.withdrawn.v1` of each decision; the public stream's state is signed at the end.
        """  # fmt: skip
        actor = self.actor()
        actor.require("directory:qualify")
        asked = between.Leave.read(request)
        with self.db.begin() as session:
            if asked["dry_run"]:
                return leaving.named(leaving.ahead(session))
            store_others.take_turn(session)
            left = leaving.named(
                leaving.some(session, self.log, self._desk(session, actor), asked["reason"], asked["limit"])
            )
        if left["done"]:
            self.engine.checkpoint()
        return left

    @rpc
    def offers(self, request: dict[str, Any]) -> dict[str, Any]:
        """A hundred offers, to this node and of it, those that wait first, then the newest: `{}` → `{offers, nodes}`.

        `nodes` are those whose records are shown here, `{node, name}` by name. Each offer is
        `{id, outward, node, name, state, total, structures, services, done, note, at, by, decided_at, answer}`.
        """
        self.actor().require("directory:qualify")
        with self.db.read() as session:
            known = sorted(store_others.homes(session).values(), key=lambda each: (each.name.casefold(), each.node))
            return {
                "offers": [handing.shown(session, each) for each in store_handing.handovers(session)],
                "nodes": [{"node": each.node, "name": each.name} for each in known if each.shown],
            }

    @rpc
    def offered(self, request: dict[str, Any]) -> dict[str, Any]:
        """What an offer names, a page in order of id: `Offered` → `{records: [{id, kind, name, done, native?}], next}`.

        `native` is what the record says, of one offered to this node and not decided; `left_out`, beside it, the fields
        of it that would not be taken, since somebody objected to them here.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = between.Offered.read(request)
        with self.db.read() as session:
            page = store_handing.handed(session, asked["id"], asked["after"], asked["limit"])
            desk = self._desk(session, actor)
            records = [
                {"id": each.record_id, "kind": each.kind, "name": each.name, "done": each.done}
                | ({"native": (said := orjson.loads(each.data)), "left_out": desk.unwanted(said)} if each.data else {})
                for each in page
            ]
            return {"records": records, "next": page[-1].record_id if len(page) == asked["limit"] else None}

    @rpc
    def offer_decide(self, request: dict[str, Any]) -> dict[str, Any]:
        """Accept or refuse what was offered, or take back what this node offers: `OfferDecide` → the offer.

        What is accepted comes when the other node has let go of it, but for what somebody objected to here: `left_out`,
        `[{id, name, fields}]`. Raises `NotFound`, `WrongState`. Announces
        `directory.handover.decided.v1`, and `directory.message.sealed.v1` to that node alone.
        """
        actor = self.actor()
        actor.require("directory:qualify")
        asked = between.OfferDecide.read(request)
        with self.db.begin() as session:
            made = store_handing.handover(session, asked["id"])
            if made is None:
                raise NotFound(f"Aucune proposition {asked['id']}.")
            message = handing.decide(session, made, _STATES[asked["decision"]], actor.name, asked["answer"])
            self.log.append(session, events.handover("decided", made.id, 2, {"state": made.state, "node": made.node}))
            self.log.append(session, message)
            if made.state != store_handing.ACCEPTED:
                return handing.shown(session, made)
            desk = self._desk(session, actor)
            left_out = handing.unwanted(session, desk, made)
            handing.adopt_late(session, desk, self.engine.runtime.identity, made)
            return handing.shown(session, made) | {"left_out": left_out}

    def heard_of_offer(self, session: Session, node: str, said: dict[str, Any]) -> list[NewEvent] | None:
        """What another node says of an offer: what is to be announced; `None` where it says something else."""
        if said.get("kind") not in handing.KINDS:
            return None
        desk = self._desk(session, _AGREED)
        return handing.receive(session, desk, self.engine.runtime.identity, node, said)

    def adopt(self, session: Session, event: Event) -> None:
        """Another node let a record go: it is this node's where it accepted it."""
        own = self.engine.runtime.identity
        if handing.is_for(session, event, own.name):
            handing.adopt(session, self._desk(session, _AGREED), own, event)

    def knows(self, session: Session) -> moving.Knows:
        """The keys of nodes, as far as this one knows them: its own, and those of cards that it was given."""
        own = self.engine.runtime.identity

        def known(node: str) -> moving.Known | None:
            if node == own.name:
                keys = {fingerprint(each.former): each.former for each in own.rotations}
                keys[own.keyid] = own.public_key
                stream = f"{self.engine.prefix}/{SHARED}"
                signed = succession.ends_of_keys(session, SHARED)
                ends = {keyid: {stream: tuple(signed[keyid])} if keyid in signed else {} for keyid in keys}
                del ends[own.keyid]
                return moving.Known(Keyring(keys, ends), frozenset(keys), own.keyid)
            home = store_others.home(session, node)
            return moving.known(orjson.loads(home.keys)) if home is not None and home.keys else None

        return known
