"""A log keeps what its settings say: nothing is lost but the way to it, and who was away finds what is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel import catchup, clock, retention
from services.kernel.catchup import Page
from services.kernel.checkpoint import root_of
from services.kernel.envelope import read
from services.kernel.errors import Gone
from services.kernel.retention import Keep
from tests.conftest import Backend
from tests.kernel.nodes import CHANGED, KNOWN, NODE, STREAM, WRITER, Following, Writer, faults

GONE = "writer.thing.withdrawn.v1"
NOTHING = Keep(timedelta(0))


@pytest.fixture
def writer(backend: Backend, tmp_path: Path) -> Iterator[Writer]:
    """A room that only writes."""
    made = Writer(backend, tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def follower(backend: Backend, writer: Writer) -> Iterator[Following]:
    """Who follows it."""
    made = Following(backend, writer, KNOWN | {GONE})
    yield made
    made.database.close()


def prune(writer: Writer, keep: Keep = NOTHING) -> int:
    """As once a day."""
    time.sleep(0.002)  # a checkpoint of this very millisecond is not old
    return retention.prune(writer.database, keep, lambda session, subjects: None)


def snapshot(writer: Writer, epoch: int = 1, seq: int = 0, limit: int = 500) -> list[bytes]:
    """All pages of the state after a place."""
    bodies: list[bytes] = []
    anew = seq == 0
    while True:
        with writer.database.read() as session:
            page = catchup.snapshot_after(session, "shared", epoch, seq, limit, anew=anew)
        bodies += page.bodies
        if len(page.bodies) == 0 or read(bodies[-1]).header.type.endswith("checkpointed.v1"):
            return bodies
        epoch, seq = read(bodies[-1]).header.epoch, read(bodies[-1]).header.seq


def test_of_what_is_old_the_last_event_of_each_record_is_kept_and_the_log_still_proves_itself(writer: Writer) -> None:
    for _ in range(5):
        writer.write("a", "b", "c")
    writer.write("c", kind=GONE)
    writer.checkpoint()
    writer.write("a")
    writer.number()
    assert prune(writer) == 13
    kept = [(read(body).header.subject, read(body).header.seq) for body in writer.bodies()]
    assert [seq for subject, seq in kept if subject in ("a", "b", "c")] == [13, 14, 16, 18]
    assert faults(writer) == []
    assert prune(writer) == 0


def test_what_is_younger_than_asked_is_kept_whole(writer: Writer) -> None:
    writer.write("a", "a", "a")
    writer.checkpoint()
    assert prune(writer, Keep(timedelta(days=7))) == 0
    assert prune(writer, Keep(timedelta(days=7), at_most_bytes=1)) == 0, "a week is kept, whatever its size"
    assert len(writer.bodies()) == 4


def test_who_was_away_while_it_was_pruned_applies_the_last_event_of_each_record(
    writer: Writer, follower: Following
) -> None:
    writer.write("a", "b")
    writer.number()
    follower.catch_up()
    for _ in range(3):
        writer.write("a", "b", "c")
    writer.write("b", kind=GONE)
    writer.checkpoint()
    assert prune(writer)
    writer.write("d")
    writer.number()
    follower.catch_up()
    seen = follower.seen_by_subject()
    assert (seen["a"], seen["b"], seen["c"], seen["d"]) == ([1, 9], [2, 12], [11], [14])


def test_a_message_that_came_before_the_pages_is_not_in_their_way(writer: Writer, follower: Following) -> None:
    for _ in range(4):
        writer.write("a", "b")
    writer.checkpoint()
    late = writer.bodies()[-2]
    prune(writer)
    follower.deliver([late])
    follower.catch_up()
    assert follower.seen_by_subject() == {"a": [7], "b": [8]}


def test_a_message_that_waits_for_what_the_log_then_forgot_holds_nothing_back(
    writer: Writer, follower: Following
) -> None:
    writer.write("a", "b")
    writer.number()
    follower.deliver(writer.bodies()[1:])  # the first is lost: this one waits
    writer.write("a", "b")
    writer.checkpoint()
    assert prune(writer), "the log forgets what waits there, and what it waits for"
    follower.catch_up()
    assert follower.seen_by_subject() == {"a": [3], "b": [4]}


def test_more_than_a_hold_of_numbers_may_be_missing(writer: Writer, follower: Following) -> None:
    for _ in range(12):
        writer.write(*["a"] * 1_000)
    writer.write("b")
    writer.checkpoint()
    prune(writer)
    follower.catch_up()
    assert set(follower.seen_by_subject()) == {"a", "b"}


def test_the_state_is_read_in_pages_that_end_at_a_checkpoint_which_it_proves(writer: Writer) -> None:
    for number in range(30):
        writer.write(f"r{number}")
    writer.write("r3", kind=GONE)
    writer.checkpoint()
    writer.write("r4")
    writer.number()
    bodies = snapshot(writer, limit=7)
    *records, end = [read(body) for body in bodies]
    assert len(records) == 30
    live = {each.header.subject: each.header.hash for each in records if each.header.type == CHANGED}
    assert root_of(live) == orjson.loads(end.data or b"")["root"]
    assert "r3" not in live
    assert snapshot(writer, 1, end.header.seq) == [], "nothing is newer than the last checkpoint"
    assert [read(body).header.subject for body in snapshot(writer, 1, 28)][:3] == ["r28", "r29", "r3"]


def test_after_a_year_tombstones_go_and_who_is_older_is_told_to_begin_anew(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write("a", "b")
    writer.write("b", kind=GONE)
    writer.checkpoint()
    gone: list[str] = []
    later = clock.now() + timedelta(days=400)
    monkeypatch.setattr(retention.clock, "now", lambda: later)
    retention.prune(writer.database, NOTHING, lambda session, subjects: gone.extend(subjects))
    assert gone == ["b"]
    assert next(read(body).header.subject for body in writer.bodies()) == "a"
    with writer.database.read() as session, pytest.raises(Gone):
        catchup.snapshot_after(session, "shared", 1, 2, 500)
    assert next(read(body).header.subject for body in snapshot(writer)) == "a"
    assert faults(writer) == []


def test_a_stream_that_is_read_anew_is_applied_from_its_beginning_and_then_swept(
    writer: Writer, follower: Following
) -> None:
    writer.write("a", "b")
    writer.checkpoint()
    follower.catch_up()
    swept: list[str] = []
    inner = follower.follower
    inner._sweep = swept.append
    [head] = writer.heads()
    anew = head._replace(generation=1, base_epoch=1, base_seq=head.seq)
    inner._fetch_heads = lambda: [anew]
    inner._fetch = lambda *asked: Page(writer.fetch(*asked).bodies, holes=True)
    follower.catch_up()
    assert (follower.seen(), swept) == ([1, 2, 1, 2], [STREAM])
    follower.catch_up()
    assert follower.seen() == [1, 2, 1, 2]


schedules = st.lists(
    st.sampled_from(["a", "b", "c", "-a", "-b", "checkpoint", "prune", "follow", "lose", "restart"]), max_size=40
)


@given(schedule=schedules)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_law_whatever_was_pruned_when_the_follower_ends_with_the_last_event_of_each_record(
    writer: Writer, follower: Following, schedule: list[str]
) -> None:
    writer.clean()
    follower.clean()
    follower.reopen(KNOWN | {GONE})
    last: dict[str, str] = {}
    for step in schedule:
        if step in ("a", "b", "c", "-a", "-b"):
            writer.write(step.strip("-"), kind=GONE if "-" in step else CHANGED)
            last[step.strip("-")] = step
        elif step == "checkpoint":
            writer.checkpoint()
        elif step == "prune":
            prune(writer)
        elif step == "follow":
            follower.catch_up()
        elif step == "lose":
            writer.number()
            follower.deliver(writer.bodies()[-2:-1])
        else:
            writer.reopen()
            follower.reopen(KNOWN | {GONE})
    writer.number()
    follower.catch_up()
    final = {read(body).header.subject: read(body).header.seq for body in writer.bodies()}
    assert {subject: seen[-1] for subject, seen in follower.seen_by_subject().items()} == {
        subject: final[subject] for subject in last
    }
    assert all(seen == sorted(set(seen)) for seen in follower.seen_by_subject().values()), "in order, none twice"
    assert faults(writer) == []
    with writer.database.read() as session:
        assert {head.stream for head in catchup.heads(session, f"{NODE.name}/{WRITER}")} >= {STREAM}
