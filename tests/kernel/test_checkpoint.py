"""The state root: the same 32 bytes whether kept up to date, made anew or recomputed by a stranger from the log."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.kernel import sequencer as sequencing
from services.kernel.checkpoint import BUCKETS, EMPTY, StateRoot, bucket_of, root_of
from services.kernel.envelope import read
from tests.conftest import Backend
from tests.kernel.nodes import CHANGED, Writer, faults, put_back

GONE = "writer.thing.withdrawn.v1"
MANY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Change = st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([CHANGED, CHANGED, GONE]))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A checkpoint every third event instead of every thousandth."""
    monkeypatch.setattr(sequencing, "EVERY_EVENTS", 3)
    yield


def test_the_root_of_nothing_is_that_of_empty_buckets() -> None:
    assert root_of({}) == hashlib.sha256(EMPTY * BUCKETS).hexdigest() == StateRoot("shared").root()


@given(st.dictionaries(st.text(max_size=5), st.binary(min_size=32, max_size=32).map(bytes.hex), max_size=30))
def test_a_root_is_made_of_buckets_as_the_documentation_says(heads: dict[str, str]) -> None:
    digests = [EMPTY] * BUCKETS
    for bucket in {bucket_of(subject) for subject in heads}:
        inside = sorted(bytes.fromhex(digest) for subject, digest in heads.items() if bucket_of(subject) == bucket)
        digests[bucket] = hashlib.sha256(b"".join(inside)).digest()
    assert root_of(heads) == hashlib.sha256(b"".join(digests)).hexdigest()


@MANY
@given(rounds=st.lists(st.tuples(st.lists(Change, max_size=7), st.booleans()), max_size=6))
def test_the_root_kept_up_to_date_is_the_root_recomputed_from_the_log(
    writer: Writer, often: None, rounds: list[tuple[list[tuple[str, str]], bool]]
) -> None:
    writer.clean()
    for changes, restarted in rounds:
        for subject, kind in changes:
            writer.write(subject, kind=kind)
        writer.number()
        if restarted:
            writer.reopen()
    assert faults(writer) == []


def test_a_record_withdrawn_and_published_again_counts_again(writer: Writer, often: None) -> None:
    for kind in (CHANGED, GONE, CHANGED, GONE, CHANGED):
        writer.write("a", kind=kind)
        writer.write("b", kind=GONE)
        writer.number()
    assert faults(writer) == []
    assert sum("checkpointed" in read(body).header.type for body in writer.bodies()) == 2


def test_a_bit_flipped_in_the_kept_state_shows_at_the_next_checkpoint(writer: Writer, often: None) -> None:
    writer.write(*"abcd")
    writer.number()
    with writer.database.begin() as session:
        session.execute(text("UPDATE stream_record SET hash = :hash WHERE subject = 'a'"), {"hash": "0" * 64})
    writer.reopen()
    writer.write(*"bcde")
    writer.number()
    assert any("root" in fault for fault in faults(writer))


def test_what_was_not_yet_in_a_checkpoint_when_an_epoch_opened_is_in_the_next(writer: Writer, often: None) -> None:
    writer.write("a", "b")
    writer.number()  # two events: no checkpoint yet
    put_back(writer, after=1, marked=5)
    assert writer.reopen() == ["shared"]
    writer.write(*"cdef")
    writer.number()
    assert faults(writer) == []
    assert any("checkpointed" in read(body).header.type for body in writer.bodies())


def test_two_sequencers_in_turn_keep_one_state(writer: Writer, often: None, backend: Backend, tmp_path: Path) -> None:
    other = writer.sequencer
    writer.reopen()
    for number, letters in enumerate(["abc", "cde", "ab", "fgh", "aaa", "bcd"]):
        writer.write(*letters)
        (other if number % 2 else writer.sequencer).run_once()
    writer.number()
    assert faults(writer) == []
