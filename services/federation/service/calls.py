"""Calls between nodes of which one cannot be reached: taken from who calls here, made where this node is that one."""

from __future__ import annotations

import base64
import secrets
import threading
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from services.federation import requests, schemas, store
from services.federation.calling import Caller
from services.federation.model import ACTIVE, Peer
from services.federation.reaching import AT_MOST_BYTES, Answer, Reach
from services.federation.service.following import LOOK_EVERY_S, Following
from services.kernel.doors import rpc


class CallDoors(Following):
    """Who calls here, and whom this node calls."""

    @rpc
    def wire_turned(self, request: dict[str, Any]) -> dict[str, Any]:
        """A node calls, before its body is read: `AddressedAsked` → `{node, call, id, status, date, at_most}`.

        `at_most`: how many bytes of an answer to question `id` are awaited; 0: nobody asked it, nothing is to be read.
        Raises `NotFound` where that is no peer of this node, `Unauthorized` unless it signed the call.
        """
        asked = schemas.AddressedAsked.read(request)
        said = schemas.Turned.read(dict(parse_qsl(asked["query"], keep_blank_values=True)))
        node = self.asker(said["from_"], asked["query"], asked["headers"], requests.proved_post).node
        call = secrets.token_urlsafe(12)
        at_most = self.callers.came(node, call, begins=said["begins"], brings=said["id"])
        of = {name: said[name] for name in ("id", "status", "date")}
        return {"node": node, "call": call, "at_most": at_most} | of

    @rpc
    def turned_answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """What a call brought, its digest checked by the gateway: `TurnedAnswer` → `{taken}`."""
        said = schemas.TurnedAnswer.read(request)
        body = zlib.decompressobj().decompress(base64.b64decode(said["body"]), AT_MOST_BYTES + 1)
        taken = self.callers.answered(said["node"], said["id"], Answer(said["status"], body, said["date"]))
        return {"taken": taken}

    @rpc
    def turned_question(self, request: dict[str, Any]) -> dict[str, Any]:
        """The next question for who calls: `TurnedQuestion` → `{question, wait}`; does not wait itself.

        `question`: `{id, path, query, headers}`, or null; then `wait`: whether this call may wait for one.
        """
        said = schemas.TurnedQuestion.read(request)
        question, wait = self.callers.question(said["node"], said["call"])
        return {"question": question.said() if question else None, "wait": wait}

    def loops(self) -> Iterable[Callable[[threading.Event], None]]:
        """Follows each active peer, and calls it too where nobody can reach this node."""
        calls = self.engine.runtime.settings.federation.calls
        return (*super().loops(), *((self._call_peers,) if calls else ()))

    def _call_peers(self, stop: threading.Event) -> None:
        callers: dict[str, threading.Thread] = {}
        while not stop.wait(LOOK_EVERY_S):
            with self.db.read() as session:
                wanted = [peer for peer in store.peers(session) if peer.state == ACTIVE and not peer.via]
            for node in self.called.keys() - {peer.node for peer in wanted}:
                del self.called[node]
            for peer in wanted:
                if peer.node not in callers or not callers[peer.node].is_alive():
                    callers[peer.node] = self._start_calling(peer, stop)

    def _start_calling(self, peer: Peer, stop: threading.Event) -> threading.Thread:
        runtime, node, known = self.engine.runtime, peer.node, self._standing(peer.node)

        def ended() -> bool:
            return self._standing(node) != known

        opened = partial(Reach, peer.url, self.own_url, private=peer.private)
        caller = Caller(node, runtime.identity, opened, runtime.answers, partial(self.called.__setitem__, node))
        thread = threading.Thread(target=caller.run, args=(stop, ended), daemon=True)
        thread.start()
        return thread
