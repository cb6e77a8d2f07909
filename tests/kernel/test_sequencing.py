"""Numbers: gapless, in the order of commits where one record is concerned, whoever numbers."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import event, insert, text

from services.kernel.announce import NewEvent
from services.kernel.errors import Unavailable, ValidationError
from services.kernel.log import _row
from services.kernel.rows import LogRow
from services.kernel.sequencer import Sequencer
from services.kernel.witness import Witness
from tests.conftest import Backend
from tests.kernel.nodes import CHANGED, NODE, WRITER, Writer


def numbered(writer: Writer) -> list[tuple[int, str]]:
    with writer.database.read() as session:
        rows = session.execute(text("SELECT seq, subject FROM event_log WHERE reach = 'shared' ORDER BY seq"))
        return [(seq, subject) for seq, subject in rows]


def test_two_transactions_on_one_record_are_numbered_as_they_committed(writer: Writer) -> None:
    with writer.database.begin() as session:
        session.execute(text("CREATE TABLE thing (id TEXT PRIMARY KEY, value TEXT)"))
        session.execute(text("INSERT INTO thing VALUES ('t', '')"))
    holds, told = threading.Event(), threading.Event()
    order: list[str] = []

    def slow() -> None:
        with writer.database.begin() as session:
            session.execute(text("UPDATE thing SET value = 'slow' WHERE id = 't'"))
            writer.log.append(session, NewEvent(CHANGED, "slow", 1, {}))
            holds.set()
            told.wait(5)
            order.append("slow")

    def quick() -> None:
        holds.wait(5)
        with writer.database.begin() as session:
            writer.log.append(session, NewEvent(CHANGED, "quick", 1, {}))
            session.execute(text("UPDATE thing SET value = 'quick' WHERE id = 't'"))
            order.append("quick")

    threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
    for thread in threads:
        thread.start()
    holds.wait(5)
    threads[1].join(0.3)  # it waits for the record
    assert order == []
    told.set()
    for thread in threads:
        thread.join(5)
    writer.number()
    assert [subject for _, subject in numbered(writer)] == order == ["slow", "quick"]


def test_a_row_that_commits_late_gets_a_later_number_and_none_is_missing(writer: Writer, backend: Backend) -> None:
    if backend.name == "embedded":
        pytest.skip("SQLite has one writer at a time: no row can commit after a later one")
    begun, go_on = threading.Event(), threading.Event()

    def late() -> None:
        with writer.database.begin() as session:
            session.execute(insert(LogRow), _row(NewEvent(CHANGED, "late", 1, {}), ""))
            begun.set()
            go_on.wait(5)

    thread = threading.Thread(target=late)
    thread.start()
    begun.wait(5)
    writer.write("early")
    writer.number()
    go_on.set()
    thread.join(5)
    writer.number()
    assert numbered(writer) == [(1, "early"), (2, "late")]


def test_several_sequencers_at_once_make_one_sequence_without_gaps(writer: Writer, tmp_path: Path) -> None:
    for number in range(60):
        writer.write(f"s{number}", f"t{number}")
    others = [
        Sequencer(writer.database, WRITER, NODE, Witness(tmp_path / f"other{number}.json")) for number in range(3)
    ]

    def run(sequencer: Sequencer) -> None:
        while sequencer.run_once(7):
            pass

    threads = [threading.Thread(target=run, args=(each,)) for each in [*others, writer.sequencer]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    writer.number()
    assert [seq for seq, _ in numbered(writer)] == list(range(1, 121))


def test_nothing_is_announced_of_a_transaction_that_fails(writer: Writer) -> None:
    with pytest.raises(RuntimeError), writer.database.begin() as session:
        writer.log.append(session, NewEvent(CHANGED, "never", 1, {}))
        raise RuntimeError("after the append")
    writer.write("then")
    writer.number()
    assert numbered(writer) == [(1, "then")]


def test_an_event_too_large_for_any_queue_is_refused_where_it_is_written(writer: Writer) -> None:
    with pytest.raises(ValidationError), writer.database.begin() as session:
        writer.log.append(session, NewEvent(CHANGED, "huge", 1, {"text": "x" * 1_000_001}))
    writer.number()
    assert numbered(writer) == []


def test_a_full_disk_refuses_the_write_whole_and_goes_on_when_there_is_room(writer: Writer, backend: Backend) -> None:
    if backend.name == "node":
        pytest.skip("PostgreSQL's own disk cannot be filled without filling the machine's")
    writer.write("before")
    with writer.database.read() as session:
        pages = session.scalar(text("PRAGMA page_count")) or 0
    _limit(writer, pages + 2)
    with pytest.raises(Unavailable, match="disque est plein"):
        for _ in range(50):
            with writer.database.begin() as session:
                writer.log.append(session, NewEvent(CHANGED, "big", 1, {"text": "x" * 20_000}))
    _limit(writer, 1_000_000)
    writer.write("after")
    writer.number()
    subjects = [subject for _, subject in numbered(writer)]
    assert (subjects[0], subjects[-1]) == ("before", "after")


def _limit(writer: Writer, pages: int) -> None:
    writer.database.engine.dispose()

    @event.listens_for(writer.database.engine, "connect")
    def limit(connection: object, record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]
