"""What arrives: kept once, dropped when it is old or far ahead, set aside when it is no event of ours."""

from collections.abc import Iterator

import orjson
import pytest
from sqlalchemy import select

from services.kernel.database import Database
from services.kernel.inbox import HOLD, MAX_BODY_BYTES, Receipt, receive, waiting
from services.kernel.rows import CursorRow, ParkedRow
from tests.conftest import Backend
from tests.kernel.nodes import STREAM, Writer

FOLLOWS = frozenset({STREAM})


@pytest.fixture
def room(backend: Backend) -> Iterator[Database]:
    opened = Database(backend.migrated_url("room"), "room")
    yield opened
    opened.close()


@pytest.fixture
def bodies(writer: Writer) -> list[bytes]:
    writer.write("a", "b", "c")
    writer.number()
    return writer.bodies()


def received(room: Database, *bodies: bytes) -> Receipt:
    with room.begin() as session:
        return receive(session, bodies, FOLLOWS)


def held(room: Database) -> int:
    with room.read() as session:
        return waiting(session, STREAM)


def set_aside(room: Database) -> list[str]:
    with room.read() as session:
        return list(session.scalars(select(ParkedRow.error).order_by(ParkedRow.id)))


def test_a_message_delivered_again_in_the_same_batch_or_later_is_kept_once(room: Database, bodies: list[bytes]) -> None:
    received(room, *bodies, *reversed(bodies))
    received(room, *bodies)
    assert held(room) == 3


def test_what_was_applied_is_dropped(room: Database, bodies: list[bytes]) -> None:
    with room.begin() as session:
        session.add(CursorRow(stream=STREAM, epoch=1, next=3))
    receipt = received(room, *bodies)
    assert (receipt.kept, receipt.dropped, held(room)) == (1, 2, 1)


def test_what_lies_too_far_ahead_is_left_to_the_log_and_its_stream_is_looked_at(
    room: Database, bodies: list[bytes]
) -> None:
    far = orjson.dumps(orjson.loads(bodies[0]) | {"sequence": HOLD + 1})
    receipt = received(room, far)
    assert (receipt.kept, receipt.dropped, receipt.streams) == (0, 1, {STREAM})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\xff\xfe", "not JSON"),
        (b"[]", "an event is a JSON object"),
        (b'{"specversion":"1.0"}', "attribute stream"),
        (b" " * (MAX_BODY_BYTES + 1), "at most"),
    ],
)
def test_what_is_no_event_is_set_aside_with_its_reason_and_the_others_are_kept(
    room: Database, bodies: list[bytes], body: bytes, why: str
) -> None:
    receipt = received(room, bodies[0], body, bodies[1])
    assert (receipt.kept, receipt.unreadable) == (2, 1)
    [error] = set_aside(room)
    assert why in error


def test_an_event_whose_data_was_changed_on_the_way_is_set_aside(room: Database, bodies: list[bytes]) -> None:
    forged = orjson.dumps(orjson.loads(bodies[0]) | {"data": {"subject": "z"}})
    assert received(room, forged).unreadable == 1
    assert "not what was signed" in set_aside(room)[0]


def test_an_event_of_a_stream_that_is_not_followed_is_set_aside(room: Database, bodies: list[bytes]) -> None:
    with room.begin() as session:
        receipt = receive(session, bodies, frozenset({"other/writer/shared"}))
    assert receipt.unreadable == 3
    assert "is not followed here" in set_aside(room)[0]
