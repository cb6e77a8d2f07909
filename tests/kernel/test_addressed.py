"""What is addressed to one node: sealed, numbered and signed as all else, kept until it is acknowledged."""

from __future__ import annotations

import base64
from datetime import timedelta

import orjson
import pytest
from nacl.public import PrivateKey
from sqlalchemy import text

from services.kernel import addressed, catchup, clock, sealing, verify
from services.kernel.envelope import read
from services.kernel.errors import Conflict
from services.kernel.log import CAUSE
from tests.kernel.nodes import NODE, WRITER, Writer

PEER, KEY = "p" * 32, PrivateKey(b"k" * 32)


def post(writer: Writer, *said: str) -> None:
    with writer.database.begin() as session:
        session.info[CAUSE] = "the-public-event-that-caused-it"
        public = bytes(KEY.public_key)
        writer.log.append(session, *(sealing.sealed(WRITER, PEER, public, {"said": each}) for each in said))
    writer.number()


def ask(writer: Writer, after: int = 0, epoch: int = 1, limit: int = 100) -> list[bytes]:
    with writer.database.begin() as session:
        return list(addressed.asked(session, PEER, epoch, after, limit).bodies)


def unread(writer: Writer) -> dict[str, int]:
    with writer.database.read() as session:
        return addressed.unread(session)


def opened(body: bytes, key: PrivateKey = KEY) -> object:
    return (sealing.opened(read(body).payload(), key) or {}).get("said")


def test_messages_come_in_order_and_stay_until_they_are_acknowledged(writer: Writer) -> None:
    assert ask(writer) == []
    post(writer, "un", "deux")
    assert [opened(body) for body in ask(writer)] == ["un", "deux"]
    assert unread(writer) == {PEER: 2}
    post(writer, "trois")
    assert [opened(body) for body in ask(writer, after=2)] == ["trois"]
    assert unread(writer) == {PEER: 1}
    assert ask(writer, after=3) == []
    assert unread(writer) == {PEER: 0}
    with pytest.raises(Conflict):
        ask(writer, after=4)


def test_outside_each_message_is_like_every_other(writer: Writer) -> None:
    post(writer, "oui", "x" * 700)
    one, other = map(read, ask(writer))
    assert len(one.data or b"") == len(other.data or b"")
    assert {one.header.type, other.header.type} == {f"{WRITER}.{sealing.FACT}"}
    assert one.header.subject != other.header.subject
    assert [one.header.causation, other.header.causation] == ["", ""]
    assert b"oui" not in (one.data or b"") and b"xxx" not in (other.data or b"")
    assert opened(one.body(), PrivateKey(b"z" * 32)) is None


@pytest.mark.parametrize("data", [None, {}, {"sealed": 3}, {"sealed": "pas du base64"}, {"sealed": "YQ=="}, []])
def test_what_is_no_sealed_message_opens_to_nothing(data: object) -> None:
    assert sealing.opened(data, KEY) is None


def test_a_sealed_text_that_is_no_object_is_no_message() -> None:
    from nacl.public import SealedBox

    box = SealedBox(KEY.public_key).encrypt(orjson.dumps([1, 2]))
    assert sealing.opened({"sealed": base64.b64encode(box).decode()}, KEY) is None


def test_it_is_in_no_stream_that_others_read_and_needs_no_checkpoint(writer: Writer) -> None:
    post(writer, "un")
    writer.checkpoint()
    with writer.database.read() as session:
        streams = [head.stream for head in catchup.heads(session, f"{NODE.name}/{WRITER}")]
        kinds = set(session.scalars(text("SELECT type FROM event_log WHERE reach LIKE 'to/%'")))
    assert not [stream for stream in streams if "/to/" in stream]
    assert kinds == {f"{WRITER}.{sealing.FACT}"}


def test_what_was_acknowledged_goes_with_time_and_the_log_still_proves_itself(writer: Writer) -> None:
    post(writer, "un", "deux", "trois", "quatre")
    later = clock.to_text(clock.now() + timedelta(days=1))
    with writer.database.begin() as session:
        assert addressed.prune(session, later) == 0
    ask(writer, after=3)
    with writer.database.begin() as session:
        assert addressed.prune(session, clock.to_text(clock.now() - timedelta(days=1))) == 0
        assert addressed.prune(session, later) == 2
    assert [opened(body) for body in ask(writer, after=3)] == ["quatre"]
    assert [opened(body) for body in ask(writer)] == ["trois", "quatre"]  # a recipient that was put back
    with writer.database.read() as session:
        proofs = list(verify.verify_room(session, f"{NODE.name}/{WRITER}", NODE.keyring()))
    assert [proof.faults for proof in proofs] == [[] for _ in proofs]


def test_a_database_put_back_to_before_it_goes_on_in_a_new_epoch(writer: Writer) -> None:
    post(writer, "perdu")
    with writer.database.begin() as session:
        session.execute(text("DELETE FROM event_log"))
        session.execute(text("DELETE FROM stream"))
    assert f"to/{PEER}" in writer.reopen()
    post(writer, "après")
    events = [read(body) for body in ask(writer)]
    assert {event.header.epoch for event in events} == {2}
    assert opened(events[-1].body()) == "après"
