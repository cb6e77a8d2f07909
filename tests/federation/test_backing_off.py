"""Who is away is asked less and less often, and at once when it is heard again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from services.directory.events import is_told_by
from services.federation import links, requests
from services.federation.links import Link
from services.federation.reaching import Reach
from services.federation.taking import Taker
from services.kernel import clock
from services.kernel.database import Database
from services.kernel.errors import Unauthorized, Unavailable
from services.kernel.identity import Identity
from tests.federation.test_messages import soon
from tests.federation.test_peers import ORPAN, add, card_of, federation
from tests.federation.test_reaching import Answering, answering
from tests.rooms import NODE, Opened

__all__ = ["answering", "federation"]
AT_ONCE_S = 3.0


@contextmanager
def away(database: Database, heard: Callable[[], int]) -> Iterator[list[float]]:
    """A link to a node that does not answer; the times at which it was tried."""
    tried: list[float] = []

    def opened() -> Reach:
        tried.append(time.monotonic())
        raise Unavailable("away")

    link = Link(database, ORPAN.name, Taker(ORPAN.keyring(), is_told_by), opened, lambda stream: None, heard=heard)
    stop = threading.Event()
    running = threading.Thread(target=link.run, args=(stop, lambda: False))
    running.start()
    try:
        yield tried
    finally:
        stop.set()
        running.join(5)


def test_a_peer_that_is_heard_is_asked_at_once_whatever_the_delay_has_grown_to(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "FIRST_DELAY_S", 120.0)
    heard = [0]
    with away(database, lambda: heard[0]) as tried:
        soon(lambda: tried)
        time.sleep(2 * links.HEARD_WITHIN_S)
        assert len(tried) == 1
        heard[0] += 1
        began = time.monotonic()
        soon(lambda: len(tried) > 1)
        assert tried[1] - began < AT_ONCE_S
        time.sleep(2 * links.HEARD_WITHIN_S)
        assert len(tried) == 2, "once for each time that it is heard"


@pytest.mark.parametrize("number", [2**64 - 1, 1e308, 1.0, True, -1, "1"])
def test_a_number_that_no_database_holds_is_told_of_the_peer_and_its_link_goes_on(
    federation: Opened, answering: Answering, number: Any
) -> None:
    add(federation, card_of(ORPAN))
    stream, asked = f"{ORPAN.name}/directory/shared", list[str]()
    said = {"node": ORPAN.name, "card": 1, "streams": [{"stream": stream, "epoch": 1, "seq": number}], "claims": []}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(orjson.dumps(said))

    url = answering(answer)
    link = Link(federation.database, ORPAN.name, Taker(ORPAN.keyring(), is_told_by),
                lambda: Reach(url, "http://127.0.0.1:8080"), lambda stream: None)  # fmt: skip
    stop = threading.Event()
    running = threading.Thread(target=link.run, args=(stop, lambda: False))
    running.start()
    try:
        soon(lambda: len(asked) > 1)
    finally:
        stop.set()
        running.join(15)
    assert "n’est pas celle d’un nœud" in federation.peers()["peers"][0]["trouble"]


def test_the_delay_grows_and_has_an_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert links.LAST_DELAY_S + 5.0 <= 15.0, "a connection is given five seconds"
    monkeypatch.setattr(links, "FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(links, "LAST_DELAY_S", 0.2)
    with away(database, lambda: 0) as tried:
        soon(lambda: len(tried) > 8)
    between = [later - earlier for earlier, later in pairwise(tried)]
    assert min(between[3:]) >= 0.2
    assert sum(between[3:8]) < 5 * 0.2 + AT_ONCE_S


def test_who_signs_a_question_is_heard_and_who_only_names_a_peer_is_not(federation: Opened) -> None:
    add(federation, card_of(ORPAN))

    def asks(by: Identity) -> None:
        query = urlencode({"from": ORPAN.name, "service": "directory"})
        federation.wire_addressed(query=query, headers=requests.signed(by, NODE.name, query, clock.now()))

    with pytest.raises(Unauthorized):
        asks(NODE)
    assert federation.room.heard[ORPAN.name] == 0
    asks(ORPAN)
    assert federation.room.heard[ORPAN.name] == 1
