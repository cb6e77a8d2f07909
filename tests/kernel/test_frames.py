"""Frames packed by us, read by py-amqp's own reading: the same messages, whatever their number, length and key."""

from struct import unpack_from
from typing import Any

from amqp.basic_message import Message
from amqp.serialization import loads
from hypothesis import given
from hypothesis import strategies as some

from services.kernel.frames import BODY, END, HEADER, METHOD, OVERHEAD, writes

KEYS = some.text("abcz.", min_size=1, max_size=100)
MESSAGES = some.lists(some.tuples(KEYS, some.binary(max_size=5_000)), min_size=1, max_size=20)


def frames(raw: bytes) -> list[tuple[int, int, bytes]]:
    """(kind, channel, payload) of each frame."""
    found, at = [], 0
    while at < len(raw):
        kind, channel, size = unpack_from(">BHI", raw, at)
        payload = raw[at + 7 : at + 7 + size]
        assert raw[at + 7 + size : at + 8 + size] == END
        found.append((kind, channel, payload))
        at += 8 + size
    return found


def published(raw: bytes) -> list[tuple[str, str, dict[str, Any], bytes]]:
    """(exchange, routing key, properties, body) of each message."""
    found: list[tuple[str, str, dict[str, Any], bytes]] = []
    for kind, _, payload in frames(raw):
        if kind == METHOD:
            assert unpack_from(">HH", payload) == (60, 40)
            _, exchange, routing_key, mandatory, immediate = loads("Bssbb", payload, 4)[0]
            assert not mandatory and not immediate
        elif kind == HEADER:
            assert unpack_from(">HH", payload) == (60, 0)
            message = Message()
            message._load_properties(60, payload, 12)
            left = unpack_from(">Q", payload, 4)[0]
            body = b""
            if not left:
                found.append((exchange, routing_key, message.properties, body))
        elif kind == BODY:
            body += payload
            if len(body) == left:
                found.append((exchange, routing_key, message.properties, body))
    return found


@given(messages=MESSAGES, frame_max=some.sampled_from([0, 4_096, 131_072]), channel=some.integers(1, 65_535))
def test_any_messages_are_read_as_they_were_given(
    messages: list[tuple[str, bytes]], frame_max: int, channel: int
) -> None:
    raw = b"".join(writes(channel, frame_max, "writer.events", messages))
    properties = {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2}
    assert published(raw) == [("writer.events", key, properties, body) for key, body in messages]
    assert {each for _, each, _ in frames(raw)} == {channel}
    assert frame_max == 0 or all(len(payload) + OVERHEAD <= frame_max for _, _, payload in frames(raw))


def test_a_long_window_leaves_in_several_writes_and_a_short_one_in_one() -> None:
    assert len(list(writes(1, 131_072, "x", [("k", b"{}")] * 500))) == 1
    assert len(list(writes(1, 131_072, "x", [("k", b"x" * 1_000)] * 500))) == 5
