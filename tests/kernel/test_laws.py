"""The laws: whatever is lost, doubled, reordered or restarted, each event takes effect once, in order."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.kernel import verify
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
)


def lossy(bodies: list[bytes], chance: random.Random) -> list[bytes]:
    """Some lost, some twice, in any order: the worst that a broker can do."""
    delivered = [body for body in bodies for _ in range(chance.choice([0, 1, 1, 2]))]
    chance.shuffle(delivered)
    return delivered


@FEW
@given(steps=st.lists(Step, max_size=25))
def test_any_interleaving_ends_as_if_the_log_were_applied_once_in_order(
    writer: Writer, following: Following, steps: list[tuple[str, object]]
) -> None:
    writer.clean()
    following.clean()
    for name, said in steps:
        if name == "write":
            writer.write(*said)  # type: ignore[misc]
        elif name == "number":
            writer.number()
        elif name == "deliver":
            following.deliver(lossy(writer.bodies(), said))  # type: ignore[arg-type]
        elif name == "apply":
            following.apply()
        else:
            writer.reopen()
            following.reopen()
    writer.number()
    following.catch_up()
    [head] = writer.heads()
    assert following.seen() == list(range(1, head.seq + 1))
    assert following.parked() == []


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


SIGNED = ("header", "signature", "data", "salt")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=st.sampled_from(SIGNED), seq=st.integers(1, 6), place=st.floats(0, 0.999), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_in_what_was_signed_is_found_by_verify(
    writer: Writer, column: str, seq: int, place: float, bit: int
) -> None:
    if not writer.heads()[0].seq:
        writer.write(*"abcdef")
        writer.number()
    statement = f"SELECT {column} FROM event_log WHERE reach = 'shared' AND seq = :seq"
    with writer.database.begin() as session:
        original = bytes(session.scalar(text(statement), {"seq": seq}))
    flipped = bytearray(original)
    flipped[int(place * len(flipped))] ^= 1 << bit
    _put_back(writer, column, seq, bytes(flipped))
    assert faults(writer) != []
    _put_back(writer, column, seq, original)
    assert faults(writer) == []


def _put_back(writer: Writer, column: str, seq: int, value: bytes) -> None:
    with writer.database.begin() as session:
        statement = f"UPDATE event_log SET {column} = :value WHERE reach = 'shared' AND seq = :seq"
        session.execute(text(statement), {"value": value, "seq": seq})


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
    import services.kernel.sequencer as sequencer

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
    assert tuple(cursor) == (2, 4)
    assert following.seen() == [1, 2, 3, 3]
