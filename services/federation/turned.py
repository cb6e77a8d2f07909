"""Ask a node that nobody can reach: a question waits here until that node calls, and its next call brings the answer.

The link is turned around, and nothing else: what is asked, and how an answer is proved, is as over any way
(`links.py`, `reading.py`, `taking.py`). Who calls has proved by its signature that it is the node it names; what it
answers is believed no more than what an address answers. In memory, of this process: a question that is lost with it
is asked again by the link that asked it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from services.federation.reaching import AT_MOST_BYTES, NO_HEADERS, Answer
from services.kernel.errors import Unavailable

CALLS_FOR_S: Final = 60.0
"""A node calls, as long as its last call is not older: it is asked by its calls, whatever its address is."""
ANSWERED_WITHIN_S: Final = 30.0
WAITING_AT_MOST: Final = 16
"""Questions to one node at a time."""


@dataclass(frozen=True)
class Question:
    """A `GET` as it is handed to the node that calls: `query` is what the signature in `headers` covers, if any."""

    id: str
    path: str
    query: str
    headers: Mapping[str, str]

    def said(self) -> dict[str, Any]:
        """As it travels."""
        return {"id": self.id, "path": self.path, "query": self.query, "headers": dict(self.headers)}


@dataclass
class _Pending:
    question: Question
    at_most: int
    done: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None
    why_not: str = ""

    def end(self, answer: Answer | None, why_not: str = "") -> None:
        self.answer, self.why_not = answer, why_not
        self.done.set()


@dataclass
class _Caller:
    """One node that calls: its last call, what waits for it, what it took and has not answered."""

    call: str = ""
    called_at: float = 0.0
    waiting: list[_Pending] = field(default_factory=list)
    taken: dict[str, _Pending] = field(default_factory=dict)


class Callers:
    """The nodes that call this one. Only those of which a call was proved are known here."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._callers: dict[str, _Caller] = {}

    def came(self, node: str, call: str, *, begins: bool, brings: str = "") -> int:
        """A node calls: how many bytes of an answer to `brings` are awaited, 0 where nobody asked that.

        The latest call is the one that is given questions. `begins`: what was given to it before, but for `brings`,
        it does not have (any more): who asked that need not wait for it.
        """
        with self._lock:
            caller = self._callers.setdefault(node, _Caller())
            caller.call, caller.called_at = call, self._now()
            for each in [each for each in caller.taken.values() if begins and each.question.id != brings]:
                del caller.taken[each.question.id]
                each.end(None, "Ce nœud a été coupé avant de répondre.")
            awaited = caller.taken.get(brings)
            return awaited.at_most if awaited else 0

    def question(self, node: str, call: str) -> tuple[Question | None, bool]:
        """The next question to a node, and whether this call is to wait for one still: not where it called again."""
        with self._lock:
            caller = self._callers.get(node)
            if caller is None or caller.call != call:
                return None, False
            caller.called_at = self._now()
            if not caller.waiting:
                return None, True
            pending = caller.waiting.pop(0)
            caller.taken[pending.question.id] = pending
            return pending.question, False

    def answered(self, node: str, id: str, answer: Answer) -> bool:
        """What a node answers to a question that it was given; false where it was not, or not any more."""
        with self._lock:
            caller = self._callers.get(node)
            pending = caller.taken.pop(id, None) if caller else None
        if pending is None:
            return False
        if len(answer.body) > pending.at_most:
            pending.end(None, f"Ce nœud répond plus de {pending.at_most} octets.")
        else:
            pending.end(answer)
        return True

    def calls(self, node: str) -> bool:
        """Whether a node calls, now or a moment ago."""
        with self._lock:
            caller = self._callers.get(node)
            return caller is not None and self._now() - caller.called_at < CALLS_FOR_S

    def ask(self, node: str, path: str, query: str, headers: Mapping[str, str], at_most: int) -> Answer:
        """Ask a node at its next call. Raises `Unavailable` where it does not call, or does not answer within 30 s."""
        if not self.calls(node):
            raise Unavailable("Ce nœud n’appelle plus.")
        pending = _Pending(Question(secrets.token_urlsafe(12), path, query, headers), at_most)
        with self._lock:
            caller = self._callers[node]
            if len(caller.waiting) + len(caller.taken) >= WAITING_AT_MOST:
                raise Unavailable("Trop de questions attendent déjà que ce nœud appelle.")
            caller.waiting.append(pending)
        answered = pending.done.wait(ANSWERED_WITHIN_S)
        with self._lock:  # nobody waits for it any more, whatever comes
            caller.taken.pop(pending.question.id, None)
            caller.waiting = [each for each in caller.waiting if each is not pending]
        if pending.answer is None:
            raise Unavailable(pending.why_not if answered else "Ce nœud appelle, et ne répond pas à temps.")
        return pending.answer


class Turned:
    """The way to one node by its own calls: `reaching.Way`."""

    def __init__(self, callers: Callers, node: str) -> None:
        self._callers, self._node = callers, node

    def get(
        self, path: str, asked: Mapping[str, object], at_most: int = AT_MOST_BYTES, *, lines: bool = False,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Answer:  # fmt: skip
        """As `Reach.get`; an answer comes whole or not at all, its digest is signed. Raises `Unavailable`."""
        return self._callers.ask(self._node, path, urlencode(asked), headers, at_most)

    def close(self) -> None:
        """Nothing is open: the node calls."""
