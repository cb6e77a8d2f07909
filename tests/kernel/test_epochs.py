"""A database copied back tells no second history: a new epoch opens, says where, and followers go on."""

import threading
from pathlib import Path

import pytest

from services.kernel import catchup, succession
from services.kernel.envelope import GENESIS, claim_of, read, read_claim
from services.kernel.sequencer import Sequencer
from services.kernel.verify import verify_room
from services.kernel.witness import Mark, Witness
from tests.kernel.nodes import NODE, WRITER, Following, Writer, faults, put_back


def cursor(following: Following) -> tuple[int, int]:
    """Epoch and next number of the one followed stream."""
    from services.kernel.applier import cursor_of
    from tests.kernel.nodes import STREAM

    with following.database.begin() as session:
        row = cursor_of(session, STREAM)
        return row.epoch, row.next


def test_the_witness_is_never_behind_what_may_be_published(writer: Writer) -> None:
    writer.write(*"abc")
    writer.number()
    mark = Witness(writer.witness_path).mark("shared")
    assert mark == (1, 3, read(writer.bodies()[-1]).header.hash)


def test_a_witness_that_is_behind_or_level_changes_nothing(writer: Writer) -> None:
    writer.write(*"abc")
    writer.number()
    assert writer.reopen() == []
    writer.witness_path.unlink()
    assert writer.reopen() == []


def test_another_event_at_the_witnessed_place_opens_a_new_epoch(writer: Writer) -> None:
    writer.write(*"abc")
    writer.number()
    put_back(writer, after=2)
    writer.write("another third")
    writer.sequencer.run_once()  # a process that started without its witness
    Witness(writer.witness_path).record({"shared": Mark(1, 3, "f" * 64)})
    assert writer.reopen() == ["shared"]
    writer.number()
    assert faults(writer) == []


def test_a_follower_who_misses_the_end_of_the_old_epoch_reads_it_before_the_new_one(
    writer: Writer, following: Following
) -> None:
    writer.write(*"abcdef")
    writer.number()
    put_back(writer, after=5)
    writer.reopen()
    writer.write("g")
    writer.number()
    bodies = writer.bodies()
    following.deliver([*bodies[:2], bodies[5], bodies[7]])  # 3 to 5 were lost; the new epoch's first events were not
    following.apply()
    assert following.seen() == [1, 2, 3, 4, 5, 8]
    assert cursor(following) == (2, 9)


def test_two_epochs_lost_one_after_the_other_leave_a_log_that_new_followers_can_read(
    writer: Writer, following: Following
) -> None:
    writer.write(*"abcd")
    writer.number()
    put_back(writer, after=3)
    writer.reopen()
    writer.write("e")
    writer.number()
    put_back(writer, after=2)  # the backup of the first day again: epoch 2 is gone, the witness saw it
    assert writer.reopen() == ["shared"]
    writer.write("f")
    writer.number()
    assert [(read(body).header.epoch, read(body).header.seq) for body in writer.bodies()] == [
        (1, 1), (1, 2), (3, 3), (3, 4), (3, 5)
    ]  # fmt: skip
    following.catch_up()
    assert following.seen() == [1, 2, 5]
    assert faults(writer) == []


def test_a_follower_who_applied_a_lost_epoch_goes_on_in_the_next(writer: Writer, following: Following) -> None:
    writer.write(*"abc")
    writer.number()
    put_back(writer, after=2)
    writer.reopen()
    writer.write("d")
    writer.number()
    following.catch_up()
    assert cursor(following) == (2, 6)
    put_back(writer, after=1)
    writer.reopen()
    writer.write("e")
    writer.number()
    following.catch_up()
    assert cursor(following) == (3, 5)
    assert following.seen() == [1, 2, 5, 4]


def test_marks_never_go_back_however_many_processes_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "witness" / "room.json"
    witnesses = [Witness(path) for _ in range(4)]

    def record(number: int) -> None:
        for seq in range(number, 80, 4):
            witnesses[number].record({"shared": Mark(1, seq, f"{seq:064x}")})

    threads = [threading.Thread(target=record, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Witness(path).mark("shared") == Mark(1, 79, f"{79:064x}")


def test_what_could_not_be_witnessed_is_witnessed_before_anything_else(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, marks: dict[str, Mark]) -> None:
        raise OSError(28, "No space left on device")

    writer.write("a")
    with monkeypatch.context() as patched:
        patched.setattr(Witness, "record", full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                writer.sequencer.run_once()
    assert Witness(writer.witness_path).mark("shared") in (None, Mark(1, 0, GENESIS))
    assert writer.sequencer.run_once() == 0
    assert Witness(writer.witness_path).mark("shared") == (1, 1, read(writer.bodies()[0]).header.hash)


def test_what_others_hold_in_its_name_tells_a_writer_that_lost_its_witness_too(
    writer: Writer, following: Following
) -> None:
    writer.write(*"abc")
    writer.checkpoint()
    [*_, held] = [read(body) for body in writer.bodies()]
    following.catch_up()
    put_back(writer, after=1)
    writer.witness_path.unlink()
    writer.reopen()
    writer.write(*"xyz")
    writer.checkpoint()
    claim = read_claim(claim_of(held))
    with writer.database.read() as session:
        lost = catchup.unknown_here(session, "shared", [claim])
        assert lost is not None and lost.header == held.header
        known = [read_claim(claim_of(read(body))) for body in writer.bodies()]
        assert catchup.unknown_here(session, "shared", known) is None
    writer.sequencer.lost = {"shared": Mark(1, lost.header.seq, lost.header.hash)}
    writer.write("w")
    writer.number()
    assert [read(body).header.epoch for body in writer.bodies()] == [1, 1, 1, 1, 1, 2, 2, 2]
    assert faults(writer) == []
    with writer.database.read() as session:
        assert catchup.unknown_here(session, "shared", [claim]) is None, "it is said once"


def test_a_node_with_a_new_key_says_so_before_it_says_anything_else(writer: Writer, following: Following) -> None:
    writer.write(*"ab")
    writer.checkpoint()
    second = NODE.rotated(b"2" * 32, revoked=False)
    sequencer = writer.sequencer = Sequencer(writer.database, WRITER, second, Witness(writer.witness_path))
    assert sequencer.recover() == []
    assert sequencer.recover() == [], "it is said once"
    writer.write("c")
    writer.number()
    events = [read(body).header for body in writer.bodies()]
    assert [each.type.split(".")[2] for each in events[3:]] == ["rekeyed", "checkpointed", "changed"]
    assert [each.keyid for each in events] == [NODE.keyid] * 3 + [second.keyid] * 3
    following.catch_up()
    assert following.seen() == [1, 2, 6]
    with writer.database.read() as session:
        assert [p.faults for p in verify_room(session, f"{NODE.name}/{WRITER}", second.all_keys())] == [[], []]
        ends = succession.ends_of_keys(session, "shared")
    assert ends == {NODE.keyid: [1, 3, events[2].hash]}


def test_a_revoked_key_ends_its_epoch(writer: Writer) -> None:
    writer.write("a")
    writer.number()
    second = NODE.rotated(b"2" * 32, revoked=True)
    writer.sequencer = Sequencer(writer.database, WRITER, second, Witness(writer.witness_path))
    writer.sequencer.recover()
    assert [(read(body).header.epoch, read(body).header.seq) for body in writer.bodies()] == [(1, 1), (2, 2), (2, 3)]
    with writer.database.read() as session:
        assert [p.faults for p in verify_room(session, f"{NODE.name}/{WRITER}", second.all_keys())] == [[], []]
        assert succession.ends_of_keys(session, "shared")[NODE.keyid][:2] == [1, 1]
