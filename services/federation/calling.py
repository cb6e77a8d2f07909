"""Call a peer because it cannot call back: take its next question, answer it as this node's gateway would, call again.

For a node behind NAT (`[federation] calls`). One question is in hand at a time. What is answered is what anybody may
read at this node's gateway, or what the peer proves by its own signature that it may read; nothing else of the node
can be asked (`answered`). An answer that did not get through is brought again with the next call.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from services.federation import requests
from services.federation.reaching import AT_MOST_BYTES, Answer, Reach
from services.kernel import clock
from services.kernel.errors import MaillageError, Unavailable
from services.kernel.identity import Identity
from services.kernel.runtime import Answers

PATH: Final = "/federation/v1/turned"
ASKED: Final = re.compile(r"/federation/v1/[a-z]+")
QUERY_AT_MOST: Final = 2_000
FIRST_DELAY_S, LAST_DELAY_S = 0.5, 10.0
"""After a call that failed. Less than a peer waits for: it takes us for somebody who calls all the while."""
FIRST_PAUSE_S, LAST_PAUSE_S = 0.1, 1.0
"""After a call that was sent away at once, without a question: the peer has no place for who waits."""
HELD_S: Final = 1.0
AWAITED_S: Final = 30.0
"""Nobody waits longer for an answer (`turned.py`): an older one is not brought again."""


@dataclass(frozen=True)
class _InHand:
    id: str
    answer: Answer
    since: float


class Caller:
    """Calls one peer.

    Args:
        opened: the way to its address; raises `ValidationError`, `Unavailable`.
        answers: what this node's gateway answers.
        noted: called after each call with what is wrong, `""` where the peer took it.
    """

    def __init__(
        self, node: str, identity: Identity, opened: Callable[[], Reach], answers: Answers,
        noted: Callable[[str], None] = lambda trouble: None,
    ) -> None:  # fmt: skip
        self._node, self._identity = node, identity
        self._opened, self._answers, self._noted = opened, answers, noted
        self._reach: Reach | None = None
        self._in_hand: _InHand | None = None
        self._begins = True
        self._ahead_by = timedelta()

    def run(self, stop: threading.Event, ended: Callable[[], bool]) -> None:
        """Call until `stop` is set or `ended()`."""
        delay_s, pause_s = FIRST_DELAY_S, FIRST_PAUSE_S
        while not stop.is_set() and not ended():
            began = time.monotonic()
            try:
                asked = self.call()
            except MaillageError as error:
                self._noted(error.message)
                self._hang_up()
                stop.wait(delay_s)
                delay_s = min(delay_s * 2, LAST_DELAY_S)
                continue
            self._noted("")
            delay_s = FIRST_DELAY_S
            if asked or time.monotonic() - began >= HELD_S:
                pause_s = FIRST_PAUSE_S
            else:
                stop.wait(pause_s)
                pause_s = min(pause_s * 2, LAST_PAUSE_S)
        self._hang_up()

    def call(self) -> bool:
        """One call, which brings the answer to the former question; whether another came. Raises `MaillageError`."""
        begins, self._begins = self._begins, True
        said = self._post({"from": self._identity.name, "begins": str(begins).lower()})
        self._in_hand = None
        if said.status == 204:
            self._begins = False
            return False
        try:
            question = orjson.loads(said.body)
            id, path, query = (str(question[name]) for name in ("id", "path", "query"))
            headers = {name: str(question["headers"][name]) for name in requests.HEADERS if name in question["headers"]}
        except (ValueError, KeyError, TypeError):
            raise Unavailable("Ce pair répond à nos appels sous une forme inconnue.") from None
        self._in_hand, self._begins = _InHand(id[:100], self._answered(path, query, headers), time.monotonic()), False
        return True

    def _answered(self, path: str, query: str, headers: Mapping[str, str]) -> Answer:
        """What this node answers; of its addresses only those of the wire between nodes lead anywhere."""
        status, body = 404, b""
        if ASKED.fullmatch(path) and path != PATH and len(query) <= QUERY_AT_MOST:
            status, body = self._answers(path, query, headers, self._node)
        if len(body) > AT_MOST_BYTES:
            status, body = 500, b""
        return Answer(status, body, format_datetime(clock.now(), usegmt=True))

    def _post(self, asked: dict[str, Any]) -> Answer:
        body = b""
        if self._in_hand is not None and time.monotonic() - self._in_hand.since < AWAITED_S:
            of = self._in_hand.answer
            asked |= {"id": self._in_hand.id, "status": of.status, "date": of.date}
            body = of.body
        if self._reach is None:
            self._reach = self._opened()
        at = clock.now() + self._ahead_by
        headers = requests.signed_post(self._identity, self._node, urlencode(asked), body, at)
        said = self._reach.post(PATH, asked, body, headers)
        with suppress(TypeError, ValueError):
            self._ahead_by = parsedate_to_datetime(said.date) - clock.now()
        if said.status == 413 and self._in_hand is not None:
            self._in_hand = _InHand(self._in_hand.id, Answer(413, b"", ""), self._in_hand.since)
        if said.status not in (200, 204):
            raise Unavailable(_why_not(said.status, len(body)))
        return said

    def _hang_up(self) -> None:
        if self._reach is not None:
            self._reach.close()
            self._reach = None


def _why_not(status: int, sent: int) -> str:
    if status == 404:
        return "Ce pair ne connaît pas ce nœud, ou sa version ne prend pas les appels : il doit ajouter sa carte."
    if status == 401:
        return "Ce pair n’a pas la dernière carte de ce nœud : il refuse ses appels."
    if status == 413:
        return f"Le mandataire de ce pair refuse {sent} octets : chez lui, client_max_body_size 16m."
    return f"Ce pair répond {status} aux appels de ce nœud."
