"""An event that cannot be handled stops its own record and nothing else."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from services.kernel import clock, redaction
from services.kernel.applier import Applier, Event, Handlers
from services.kernel.envelope import read
from services.kernel.errors import NotFound, WrongState
from services.kernel.parking import DELAYS_S
from tests.conftest import Backend
from tests.kernel.nodes import CHANGED, KNOWN, STREAM, WRITER, Following, Seen, Writer, faults

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


def test_only_what_may_go_on_alone_can_be_retried(writer: Writer, following: Following) -> None:
    following.fails = {"bad"}
    writer.write("bad", "bad")
    writer.write("new", kind=NEWER)
    writer.number()
    following.deliver([b"no event"])
    following.catch_up()
    states = {row["state"]: row["id"] for row in following.parked()}
    assert set(states) == {"retrying", "waiting", "upgrade", "unreadable"}
    for state in ("waiting", "upgrade", "unreadable"):
        with pytest.raises(WrongState), following.database.begin() as session:
            following.parking.retry(session, states[state])
    with pytest.raises(NotFound), following.database.begin() as session:
        following.parking.retry(session, 1_000_000)
    assert {row["state"]: row["id"] for row in following.parked()} == states


def test_an_operator_may_drop_anything_and_what_waited_behind_it_goes_on(writer: Writer, following: Following) -> None:
    writer.write("new", kind=NEWER)
    writer.write("new", "new")
    writer.number()
    following.deliver([b"no event"])
    following.catch_up()
    ids = {row["seq"]: row["id"] for row in following.parked()}
    for dropped in (0, 2, 1):
        with following.database.begin() as session:
            following.parking.drop(session, ids[dropped])
    following.follower.retry_due()
    assert following.seen() == [3]
    assert following.parked() == []


def test_an_event_that_fails_only_at_the_commit_is_parked_and_stops_no_other(
    writer: Writer, following: Following
) -> None:
    """A constraint checked at the end: no handler raised, yet the batch cannot be committed."""
    with following.database.begin() as session:
        session.execute(text("CREATE TABLE kind (id TEXT PRIMARY KEY)"))
        session.execute(text("INSERT INTO kind VALUES ('a'), ('b')"))
        reference = "REFERENCES kind (id) DEFERRABLE INITIALLY DEFERRED"
        session.execute(text(f"CREATE TABLE kept (seq INTEGER PRIMARY KEY, kind TEXT {reference})"))

    def keep(session: Session, event: Event) -> None:
        session.execute(text("INSERT INTO kept VALUES (:seq, :kind)"), {"seq": event.seq, "kind": event.subject})

    _apply_with(writer, following, keep)
    with following.database.read() as session:
        assert session.scalars(text("SELECT seq FROM kept ORDER BY seq")).all() == [1, 3]
    assert [(row["seq"], row["state"]) for row in following.parked()] == [(2, "retrying")]


def test_what_a_handler_only_prepared_fails_in_its_name(writer: Writer, following: Following) -> None:
    def prepare(session: Session, event: Event) -> None:
        session.add(Seen(id=7 if event.subject == "c" else event.seq, subject=event.subject, seq=event.seq))
        if event.subject == "c":
            session.add(Seen(id=1, subject=event.subject, seq=event.seq))

    _apply_with(writer, following, prepare)
    assert following.seen() == [1, 3]
    assert [row["seq"] for row in following.parked()] == [2]


def test_a_handler_with_a_wrong_statement_is_parked_as_any_other_fault(writer: Writer, following: Following) -> None:
    def broken(session: Session, event: Event) -> None:
        session.execute(text("SELECT nothing_of_the_kind" if event.subject == "c" else "SELECT 1"))
        session.execute(insert(Seen), {"subject": event.subject, "seq": event.seq})

    _apply_with(writer, following, broken)
    assert following.seen() == [1, 3]
    assert [row["seq"] for row in following.parked()] == [2]


def test_one_handler_failing_does_not_take_the_event_from_the_others(writer: Writer, following: Following) -> None:
    def note(session: Session, event: Event) -> None:
        session.execute(insert(Seen), {"subject": event.subject, "seq": event.seq})

    def fail(session: Session, event: Event) -> None:
        raise RuntimeError

    writer.write(*"abc")
    writer.number()
    handlers = Handlers({CHANGED: {"note": note, "fail": fail}}, KNOWN)
    following.deliver(writer.bodies())
    Applier(following.database, handlers, following.parking).run_once(STREAM)
    assert following.seen() == [1, 2, 3]
    assert [(row["handler"], row["seq"]) for row in following.parked()] == [("fail", 1), ("fail", 2), ("fail", 3)]


def test_an_upgrade_queues_events_where_they_came_whatever_the_handlers_number(
    writer: Writer, following: Following
) -> None:
    writer.write("new", kind=NEWER)
    writer.write("new")
    writer.write("new", kind=NEWER)
    writer.number()
    following.catch_up()
    order: list[tuple[str, int]] = []
    calls = {name: lambda session, event, name=name: order.append((name, event.seq)) for name in ("one", "two")}
    handlers = Handlers({CHANGED: calls, NEWER: calls}, KNOWN | {NEWER})
    with following.database.begin() as session:
        following.parking.upgraded(session, handlers.names)
    for _ in range(10):
        with following.database.read() as session:
            due = following.parking.due(session)
        for parked_id in due:
            run = lambda name, session, signed: handlers.run(name, session, Event.of(signed))  # noqa: E731
            following.parking.attempt(following.database, parked_id, run)
    assert [seq for name, seq in order if name == "one"] == [1, 3]
    assert [seq for name, seq in order if name == "two"] == [1, 3]


def test_what_is_parked_behind_an_event_while_an_operator_drops_it_is_not_forgotten(
    writer: Writer, following: Following, backend: Backend
) -> None:
    """The applier reads what is parked, then parks behind it: between the two, the drop has to wait its turn."""
    following.fails = {"bad"}
    writer.write("bad")
    writer.number()
    following.catch_up()
    [first] = following.parked()
    writer.write("bad")
    writer.number()
    following.deliver(writer.bodies()[1:])
    dropping = threading.Thread(target=_drop, args=(following, first["id"]))
    blocked = following.parking.blocked

    def read_then_dropped(session: Session) -> set[tuple[str, str]]:
        found = blocked(session)
        dropping.start()
        dropping.join(0.5)
        return found

    following.parking.blocked = read_then_dropped  # type: ignore[method-assign]
    following.apply()
    dropping.join(10)
    following.fails = set()
    following.follower.retry_due()
    assert following.seen() == [2]
    assert following.parked() == []


def _drop(following: Following, parked_id: int) -> None:
    with following.database.begin() as session:
        following.parking.drop(session, parked_id)


def _apply_with(writer: Writer, following: Following, handler: object) -> None:
    """Three events to one handler, the second of which is of the kind `c`."""
    writer.write("a", "c", "b")
    writer.number()
    following.deliver(writer.bodies())
    handlers = Handlers({CHANGED: {"handler": handler}}, KNOWN)  # type: ignore[dict-item]
    Applier(following.database, handlers, following.parking).run_once(STREAM)


def _later(following: Following, seconds: float) -> None:
    at = clock.now() + timedelta(seconds=seconds)
    following.parking._now = lambda: at


def test_a_clock_put_back_by_a_day_does_not_have_an_event_wait_for_a_day(writer: Writer, following: Following) -> None:
    following.fails = {"bad"}
    writer.write("bad")
    writer.number()
    _later(following, 86_400)
    following.catch_up()
    _later(following, 0)
    with following.database.read() as session:
        assert following.parking.due(session) != []


def test_what_its_home_erased_is_erased_where_it_waits_and_holds_nothing_back(
    writer: Writer, following: Following
) -> None:
    following.fails = {"bad"}
    writer.write("bad", "a", "bad")
    writer.number()
    following.catch_up()
    with writer.database.begin() as session:
        [told] = redaction.erase(session, WRITER, ["bad"], lambda data: True)
        writer.log.append(session, told)
    writer.number()
    following.catch_up()
    with following.database.read() as session:
        bodies = session.scalars(text("SELECT body FROM parked")).all()
    assert [(read(body).header.seq, read(body).data) for body in bodies] == [(1, None), (3, None)]
    following.parking = following.follower._parking
    clock_later = timedelta(hours=1)
    following.follower._parking._now = lambda: clock.now() + clock_later
    for _ in range(4):
        following.follower.retry_due()
    assert (following.parked(), following.seen()) == ([], [2])
    assert faults(writer) == []
