"""The laws: whatever is lost, doubled, reordered or restarted, each event takes effect once, in order."""

import random
import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.kernel import clock, sequencer, verify
from services.kernel.envelope import read
from tests.kernel.nodes import NODE, STREAM, WRITER, Following, Writer, faults

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Chance = st.integers(0, 2**32).map(random.Random)
Step = st.one_of(
    st.tuples(st.just("write"), st.lists(st.sampled_from("abcde"), min_size=1, max_size=4)),
    st.tuples(st.just("number"), st.none()),
    st.tuples(st.just("deliver"), Chance),
    st.tuples(st.just("apply"), st.none()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("fail"), st.sets(st.sampled_from("abcde"), max_size=2)),
    st.tuples(st.just("retry"), st.none()),
)


def lossy(bodies: list[bytes], chance: random.Random) -> list[bytes]:
    """Some lost, some twice, in any order: the worst that a broker can do."""
    delivered = [body for body in bodies for _ in range(chance.choice([0, 1, 1, 2]))]
    chance.shuffle(delivered)
    return delivered


def take(step: str, said: object, writer: Writer, following: Following) -> None:
    """One step of a history."""
    if step == "write":
        writer.write(*said)  # type: ignore[misc]
    elif step == "number":
        writer.number()
    elif step == "deliver":
        following.deliver(lossy(writer.bodies(), said))  # type: ignore[arg-type]
    elif step == "apply":
        following.apply()
    elif step == "fail":
        following.fails = set(said)  # type: ignore[call-overload]
    elif step == "retry":
        retry_all(following)
    else:
        writer.reopen()
        following.reopen()


def retry_all(following: Following, operator: bool = False) -> None:
    """What is due is tried, its delay over; an operator also gives back what used up its attempts."""
    later = clock.now() + timedelta(hours=1)
    following.parking._now = lambda: later
    for row in following.parked():
        if operator and row["state"] == "parked":
            with following.database.begin() as session:
                following.parking.retry(session, row["id"])
    following.follower.retry_due()
    following.parking._now = clock.now


@FEW
@given(steps=st.lists(Step, max_size=25))
def test_any_interleaving_ends_as_if_the_log_were_applied_once_in_order(
    writer: Writer, following: Following, steps: list[tuple[str, object]]
) -> None:
    writer.clean()
    following.clean()
    never_failed = not any(step == "fail" and said for step, said in steps)
    for step, said in steps:
        take(step, said, writer, following)
    following.fails = set()
    writer.number()
    following.catch_up()
    while following.parked():
        retry_all(following, operator=True)
    [head] = writer.heads()
    seen = following.seen()
    if never_failed:
        assert seen == list(range(1, head.seq + 1))
    assert sorted(seen) == list(range(1, head.seq + 1))
    for subject, numbers in following.seen_by_subject().items():
        assert numbers == sorted(numbers), subject


def test_a_lost_last_message_is_heard_of_by_its_head_and_pulled(writer: Writer, following: Following) -> None:
    writer.write("a", "b", "c")
    writer.number()
    following.deliver(writer.bodies()[:2])
    following.apply()
    assert following.seen() == [1, 2]
    following.catch_up()
    assert following.seen() == [1, 2, 3]


def test_a_gap_is_repaired_from_the_log_before_what_follows_it(writer: Writer, following: Following) -> None:
    writer.write(*"abcdefgh")
    writer.number()
    following.deliver(writer.bodies()[5:])
    following.apply()
    assert following.seen() == list(range(1, 9))


def test_a_burst_too_far_ahead_is_left_to_the_log(writer: Writer, following: Following, monkeypatch: object) -> None:
    import services.kernel.inbox as inbox

    monkeypatch.setattr(inbox, "HOLD", 3)  # type: ignore[attr-defined]
    writer.write(*"abcdefgh")
    writer.number()
    receipt = following.deliver(writer.bodies())
    assert (receipt.kept, receipt.dropped) == (3, 5)
    following.catch_up()
    assert following.seen() == list(range(1, 9))


BYTES = ("header", "signature", "data", "salt")
TEXTS = ("id", "type", "subject", "time", "causation")
NUMBERS = ("epoch", "seq", "recordversion")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    column=st.sampled_from([*BYTES, *TEXTS, *NUMBERS]), seq=st.integers(1, 7), place=st.floats(0, 0.999),
    bit=st.integers(0, 6),
)  # fmt: skip
def test_a_flipped_bit_anywhere_in_the_log_is_found_by_verify(
    writer: Writer, column: str, seq: int, place: float, bit: int
) -> None:
    if not writer.heads()[0].seq:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sequencer, "EVERY_EVENTS", 6)
            writer.write(*"abcdef")
            writer.number()  # and the seventh, a checkpoint
    with writer.database.begin() as session:
        statement = f"SELECT row_id, {column} FROM event_log WHERE reach = 'shared' AND seq = :seq"
        row_id, original = session.execute(text(statement), {"seq": seq}).one()
    _put(writer, column, row_id, _flipped(original, place, bit))
    found = faults(writer)
    _put(writer, column, row_id, original)
    assert found != []
    assert faults(writer) == []


def _flipped(value: object, place: float, bit: int) -> object:
    """The same with one bit changed, still of a type and form that its column takes; an empty text gets a letter."""
    if isinstance(value, int):
        return value ^ (1 << (bit + 4))  # the lowest would collide: the index on the numbers refuses those
    if isinstance(value, str):
        raw = bytearray(value.encode() or b"x")
        raw[int(place * len(raw))] ^= 1 << min(bit, 3)
        return "x" if not value else raw.decode().replace("\0", "?")
    raw = bytearray(value)  # type: ignore[arg-type]
    raw[int(place * len(raw))] ^= 1 << bit
    return bytes(raw)


def _put(writer: Writer, column: str, row_id: int, value: object) -> None:
    with writer.database.begin() as session:
        statement = f"UPDATE event_log SET {column} = :value WHERE row_id = :row_id"
        session.execute(text(statement), {"value": value, "row_id": row_id})


def test_data_taken_away_is_found_too(writer: Writer) -> None:
    writer.write(*"abc")
    writer.number()
    with writer.database.begin() as session:
        session.execute(text("UPDATE event_log SET data = NULL, salt = NULL WHERE seq = 2"))
    assert any("gone" in fault for fault in faults(writer))


def test_a_log_in_use_is_proved_as_one_at_rest(writer: Writer) -> None:
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            writer.write(*"abc")
            writer.number()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        for _ in range(15):
            assert faults(writer) == []
    finally:
        stop.set()
        thread.join(30)


def test_a_row_taken_out_of_the_log_or_cut_from_its_end_is_found(writer: Writer) -> None:
    writer.write(*"abcdef")
    writer.number()
    for seq in (3, 6):
        with writer.database.begin() as session:
            session.execute(text("UPDATE event_log SET reach = 'away' WHERE seq = :seq"), {"seq": seq})
        assert faults(writer) != []
        with writer.database.begin() as session:
            session.execute(text("UPDATE event_log SET reach = 'shared' WHERE seq = :seq"), {"seq": seq})
    assert faults(writer) == []


def test_checkpoints_hold_the_root_that_a_verifier_recomputes(writer: Writer, monkeypatch: object) -> None:
    monkeypatch.setattr(sequencer, "EVERY_EVENTS", 4)  # type: ignore[attr-defined]
    for letters in ("abcd", "aabb", "efgh", "aaaa"):
        writer.write(*letters)
        writer.number()
    writer.write("b", kind="writer.thing.withdrawn.v1")
    writer.write(*"cdcd")
    writer.reopen()
    writer.number()
    with writer.database.read() as session:
        [proof] = [p for p in verify.verify_room(session, f"{NODE.name}/{WRITER}", NODE.keyring()) if p.events]
    assert proof.checkpoints >= 4
    assert proof.faults == []


def test_a_database_copied_back_opens_a_new_epoch_and_followers_go_on(writer: Writer, following: Following) -> None:
    writer.write(*"abc")
    writer.number()
    following.catch_up()
    with writer.database.begin() as session:  # the backup was taken after `a`: what came later never happened
        session.execute(text("DELETE FROM event_log WHERE seq > 1"))
        first = read(writer.bodies()[0]).header
        statement = text("UPDATE stream SET seq = :seq, hash = :hash WHERE reach = 'shared'")
        session.execute(statement, {"seq": first.seq, "hash": first.hash})
    assert writer.reopen() == ["shared"]
    writer.write("d")
    writer.number()
    following.catch_up()
    assert faults(writer) == []
    with following.database.read() as session:
        cursor = session.execute(
            text("SELECT epoch, next FROM cursor WHERE stream = :stream"), {"stream": STREAM}
        ).one()
    assert tuple(cursor) == (2, 5)
    assert following.seen() == [1, 2, 3, 4]
