"""Following several streams: each goes on by itself, and all stop when told to."""

import threading
import time
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from services.kernel.catchup import Head, lag
from services.kernel.errors import Conflict, Unavailable
from services.kernel.inbox import Receipt
from tests.kernel.nodes import NODE, STREAM, WRITER, Following, Writer

HOME = f"{NODE.name}/{WRITER}/home"
AWAY = f"{NODE.name}/away/shared"


def both_heads(writer: Writer) -> list[Head]:
    """Of the writer's streams."""
    from services.kernel import catchup

    with writer.database.read() as session:
        return catchup.heads(session, f"{NODE.name}/{WRITER}")


def test_a_room_that_is_away_holds_back_no_other(writer: Writer, following: Following) -> None:
    writer.write(*"abc")
    writer.number()
    fetch = following.follower._fetch

    def only_the_writer(stream: str, epoch: int, after: int, limit: int) -> Sequence[bytes]:
        if stream == AWAY:
            raise Unavailable("away")
        return fetch(stream, epoch, after, limit)

    following.follower._fetch = only_the_writer
    following.follower._fetch_heads = lambda: [Head(AWAY, 1, 5), *writer.heads()]
    following.follower.poll_heads()
    with pytest.raises(Unavailable):
        following.follower.apply_all()
    assert following.seen() == [1, 2, 3]
    following.follower._fetch_heads = list  # nobody answers: what was known stays known
    following.follower.poll_heads()
    with pytest.raises(Unavailable):
        following.follower.apply_all()


def test_a_log_with_a_hole_is_said_and_not_read_for_ever(writer: Writer, following: Following) -> None:
    writer.write(*"abcdef")
    writer.number()
    with writer.database.begin() as session:
        session.execute(text("DELETE FROM event_log WHERE seq = 3"))
    following.follower.poll_heads()
    with pytest.raises(Conflict, match="ne reprend pas"):
        following.follower.apply_all()
    assert following.seen() == [1, 2]


def test_a_follower_ahead_of_a_log_that_lost_its_witness_too_says_so(writer: Writer, following: Following) -> None:
    writer.write(*"abc")
    writer.number()
    with pytest.raises(Conflict, match="ne va pas jusqu"):
        writer.fetch(STREAM, 1, 4, 10)
    assert writer.fetch(STREAM, 1, 3, 10).bodies == []


def test_streams_take_turns_so_that_a_long_one_does_not_hide_a_short_one(writer: Writer, following: Following) -> None:
    for _ in range(12):
        writer.write(*["long"] * 100)
    writer.write("short", reach="home")
    writer.number()
    following.follower._fetch_heads = lambda: sorted(both_heads(writer), reverse=True)
    following.catch_up()
    with following.database.read() as session:
        subjects = session.scalars(text("SELECT subject FROM seen ORDER BY id")).all()
    assert len(subjects) == 1_201
    assert subjects.index("short") <= 1_000


def test_who_waits_for_what_was_applied_is_told_after_each_page(writer: Writer, following: Following) -> None:
    for _ in range(12):
        writer.write(*["s"] * 100)
    writer.number()
    told = list[int]()
    following.follower._on_applied = lambda: told.append(len(following.seen()))
    following.catch_up()
    assert told == [500, 1_000, 1_200]


def test_a_stream_of_which_a_bell_tells_is_read_from_its_log_at_once(writer: Writer, following: Following) -> None:
    writer.write("a")
    writer.number()
    following.catch_up()
    writer.write("b")
    writer.number()
    run_once, looked = following.follower._applier.run_once, list[str]()

    def once(stream: str) -> object:
        looked.append(f"inbox after {following.seen()}")
        return run_once(stream)

    following.follower._applier.run_once = once  # type: ignore[method-assign,assignment]
    following.follower.heard(STREAM)
    following.apply()
    assert following.seen() == [1, 2]
    assert looked == []


def test_a_bell_is_enough_for_all_that_came_since(writer: Writer, following: Following) -> None:
    writer.write("a")
    writer.number()
    following.catch_up()
    for _ in range(12):
        writer.write(*["s"] * 100)
    writer.number()
    following.follower.heard(STREAM)
    following.apply()
    assert len(following.seen()) == 1_201, "without asking for its head again"


def test_told_to_stop_it_ends_after_the_page_at_hand(writer: Writer, following: Following) -> None:
    for _ in range(20):
        writer.write(*["s"] * 100)
    writer.number()
    following.deliver(writer.bodies())
    stop = threading.Event()
    run_once, pages = following.follower._applier.run_once, []

    def once(stream: str) -> object:
        pages.append(stream)
        stop.set()
        return run_once(stream)

    following.follower._applier.run_once = once  # type: ignore[method-assign,assignment]
    following.follower.apply_all(stop)
    assert len(pages) == 1
    assert following.seen() == list(range(1, 501))


@pytest.mark.alone
def test_a_lone_event_waits_for_no_other(writer: Writer, following: Following) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=following.follower.run, args=(stop,))
    thread.start()
    time.sleep(0.3)
    writer.write("a")
    writer.number()
    at = time.monotonic()
    following.deliver(writer.bodies())
    while following.seen() != [1] and time.monotonic() < at + 5:
        time.sleep(0.005)
    took_s = time.monotonic() - at
    stop.set()
    following.follower.wake()
    thread.join(5)
    assert took_s < 0.5


def test_lag_says_how_far_behind_each_stream_is(writer: Writer, following: Following) -> None:
    writer.write(*"abcde")
    writer.number()
    following.deliver(writer.bodies()[:2])
    following.follower.on_receipt(Receipt(streams={STREAM}))
    with following.database.begin():
        pass
    assert lag(following.database, writer.heads()) == {STREAM: {"head": 5, "next": 1, "lag": 5}}
    following.catch_up()
    assert lag(following.database, writer.heads()) == {STREAM: {"head": 5, "next": 6, "lag": 0}}
