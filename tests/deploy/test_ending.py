"""A node's rooms end together: none is waited for because it asks another that has ended already."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import eventlet
from eventlet.event import Event

from deploy import node
from services.kernel.engine import Engine
from services.kernel.errors import Unavailable


class Asking:
    """A room that waits for an answer which never comes, until its question is given up."""

    def __init__(self, given_up: Event) -> None:
        self._given_up = given_up
        self.ended = False

    def stop(self) -> None:
        """As nameko's container: returns once the room's work has ended."""
        self._given_up.wait()
        self.ended = True


def test_a_question_to_a_room_that_has_ended_is_given_up_after_a_moment() -> None:
    given_up = Event()
    room, other = Asking(given_up), SimpleNamespace(stop=lambda: None)
    given = SimpleNamespace(hang_up=given_up.send)
    began = time.monotonic()
    with eventlet.Timeout(10):
        node.stop(cast("Any", given), cast("Any", [room, other]))
    assert room.ended
    assert node.ANSWERED_WITHIN_S <= time.monotonic() - began < node.ANSWERED_WITHIN_S + 2


def test_a_room_that_is_told_to_end_asks_no_second_room_for_its_heads() -> None:
    asked: list[str] = []
    engine = Engine.__new__(Engine)

    def ask(holder: str, door: str, request: dict[str, Any]) -> Any:
        asked.append(f"{holder}.{door}")
        engine.stop_flag.set()
        raise Unavailable("Personne ne répond.")

    follows = [SimpleNamespace(SERVICE="federation"), SimpleNamespace(SERVICE="accounts")]
    engine.stop_flag = threading.Event()
    engine.runtime = cast("Any", SimpleNamespace(ask=ask))
    engine.prefix = "n/directory"
    engine.container = SimpleNamespace(
        service_cls=SimpleNamespace(name="directory", follows=follows, others=follows[0])
    )
    assert engine._fetch_heads() == []
    assert asked == ["federation.heads"]
