"""What peers hold of a stream that its own node forgot: proved by its own signatures, whoever brings it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from services.kernel import tail as tails
from services.kernel.errors import MaillageError, NotFound, Unavailable
from services.kernel.identity import Identity
from services.kernel.witness import Mark
from tests.kernel.nodes import NODE, STREAM, Writer


def mark(body: bytes) -> Mark:
    """The place of an event, as the log that was put back ends with it."""
    [header] = [each.signed.header for each in [tails._proved(body, STREAM, NODE.kept_keys())]]
    return Mark(header.epoch, header.seq, header.hash)


def holding(**held: list[bytes] | MaillageError) -> Callable[[str, dict[str, Any]], Any]:
    """The room that speaks to peers, each of which holds these events or cannot say."""

    def ask(door: str, asked: dict[str, Any]) -> Any:
        if door == "holders":
            return {"peers": list(held)}
        found = held[asked["peer"]]
        if isinstance(found, MaillageError):
            raise found
        place = asked["epoch"], asked["after"]
        later = [each for each in found if place < (orjson.loads(each)["epoch"], orjson.loads(each)["sequence"])]
        return {"events": [each.decode() for each in later[: asked["limit"]]], "holes": False}

    return ask


def numbers(ask: Callable[[str, dict[str, Any]], Any], head: Mark) -> list[tuple[str, int]]:
    """Who brought which event."""
    found = tails.tail(ask, NODE.kept_keys(), STREAM, head, lambda seconds: False)
    return [(peer, event.seq) for peer, page in found for event in page]


def story(writer: Writer, count: int = 6) -> list[bytes]:
    """The bodies of so many events."""
    for number in range(count):
        writer.write(f"s{number}")
        writer.number()
    return writer.bodies()


def test_each_peer_goes_on_where_the_one_before_it_ends(writer: Writer) -> None:
    bodies = story(writer)
    ask = holding(away=Unavailable("…"), gone=NotFound("…"), early=bodies[:4], late=bodies)
    assert numbers(ask, mark(bodies[1])) == [("early", 3), ("early", 4), ("late", 5), ("late", 6)]
    assert numbers(ask, mark(bodies[5])) == []


def test_what_no_key_of_this_node_signed_is_not_taken_in(writer: Writer) -> None:
    bodies = story(writer)
    said = orjson.loads(bodies[2])
    for change in ({"recordversion": 7}, {"data": {"subject": "x"}}, {"stream": STREAM.replace("writer", "other")}):
        assert (
            numbers(holding(liar=[bodies[0], bodies[1], orjson.dumps(said | change), *bodies[3:]]), mark(bodies[1]))
            == []
        )
    revoked = NODE.rotated(bytes(range(32)), revoked=True)
    ask = holding(peer=bodies)
    found = tails.tail(ask, revoked.kept_keys(), STREAM, mark(bodies[1]), lambda seconds: False)
    assert list(found) == [], "who stole the former key could have signed it"
    assert isinstance(revoked, Identity)


def test_another_history_than_the_one_that_led_here_is_not_taken_in(writer: Writer) -> None:
    bodies = story(writer)
    head = mark(bodies[1])
    assert numbers(holding(peer=bodies), head._replace(hash="0" * 64)) == []
    assert numbers(holding(peer=[*bodies[:2], *bodies[3:]]), head) == [], "one is missing"


def test_who_ends_meanwhile_asks_nothing_more_and_nobody_is_waited_for_long(writer: Writer, monkeypatch: Any) -> None:
    bodies = story(writer)
    assert list(tails.tail(holding(peer=bodies), NODE.kept_keys(), STREAM, mark(bodies[1]), lambda seconds: True)) == []
    monkeypatch.setattr(tails, "WITHIN_S", 0.05)

    def ask(door: str, asked: dict[str, Any]) -> Any:
        raise Unavailable("not yet there")

    assert numbers(ask, mark(bodies[1])) == []
