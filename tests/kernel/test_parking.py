"""An event that cannot be handled stops its own record and nothing else."""

from datetime import timedelta

from services.kernel import clock
from services.kernel.parking import DELAYS_S
from tests.kernel.nodes import CHANGED, KNOWN, Following, Writer

NEWER = "writer.thing.changed.v2"


def test_a_handler_that_always_raises_is_parked_and_the_others_go_on(writer: Writer, following: Following) -> None:
    following.fails = {"bad"}
    writer.write("a", "bad", "b", "bad", "c")
    writer.number()
    following.catch_up()
    assert following.seen() == [1, 3, 5]
    assert [(row["seq"], row["state"]) for row in following.parked()] == [(2, "retrying"), (4, "waiting")]


def test_what_failed_leaves_no_half_effect(writer: Writer, following: Following) -> None:
    following.fails = {"bad"}
    writer.write("bad")
    writer.number()
    following.catch_up()
    assert following.seen() == []


def test_once_it_can_be_handled_its_record_catches_up_in_order(writer: Writer, following: Following) -> None:
    following.fails = {"bad"}
    writer.write("bad", "a", "bad")
    writer.number()
    following.catch_up()
    following.fails = set()
    _later(following, DELAYS_S[0] + 1)
    for _ in range(2):
        following.follower.retry_due()
    assert following.seen() == [2, 1, 3]
    assert following.parked() == []


def test_after_its_last_attempt_an_event_waits_for_an_operator_who_retries_it(
    writer: Writer, following: Following
) -> None:
    following.fails = {"bad"}
    writer.write("bad", "bad")
    writer.number()
    following.catch_up()
    for attempt in range(len(DELAYS_S)):
        _later(following, sum(DELAYS_S[: attempt + 1]) + attempt + 1)
        following.follower.retry_due()
    [first, second] = following.parked()
    assert (first["state"], first["attempts"], second["state"]) == ("parked", len(DELAYS_S) + 1, "waiting")
    assert "RuntimeError" in first["error"]
    following.fails = set()
    with following.database.begin() as session:
        following.parking.retry(session, first["id"])
    for _ in range(2):
        following.follower.retry_due()
    assert following.seen() == [1, 2]


def test_an_operator_who_drops_an_event_lets_the_next_of_its_record_through(
    writer: Writer, following: Following
) -> None:
    following.fails = {"bad"}
    writer.write("bad", "bad")
    writer.number()
    following.catch_up()
    following.fails = set()
    with following.database.begin() as session:
        following.parking.drop(session, following.parked()[0]["id"])
    following.follower.retry_due()
    assert following.seen() == [2]
    assert following.parked() == []


def test_an_unknown_type_waits_for_the_upgrade_with_all_that_follows_of_its_record(
    writer: Writer, following: Following
) -> None:
    writer.write("new", kind=NEWER)
    writer.write("new", "other")
    writer.number()
    following.catch_up()
    assert following.seen() == [3]
    assert [row["state"] for row in following.parked()] == ["upgrade", "waiting"]
    following.reopen(KNOWN | {NEWER})
    for _ in range(3):
        following.follower.retry_due()
    assert following.seen() == [3, 1, 2]
    assert following.parked() == []


def test_what_is_no_event_of_ours_is_kept_as_it_came_and_never_read_again(writer: Writer, following: Following) -> None:
    writer.write("a")
    writer.number()
    [good] = writer.bodies()
    receipt = following.deliver([b"\xff\xfe", b"{}", b'{"x":' + b"9" * 2_000_000, good.replace(b'"a"', b'"z"'), good])
    assert (receipt.unreadable, receipt.kept) == (4, 1)
    following.apply()
    assert following.seen() == [1]
    assert {row["state"] for row in following.parked()} == {"unreadable"}


def _later(following: Following, seconds: float) -> None:
    at = clock.now() + timedelta(seconds=seconds)
    following.parking._now = lambda: at
    assert CHANGED in KNOWN
