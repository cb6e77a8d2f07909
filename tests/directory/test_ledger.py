"""What the database forgot of objections, since it was put back, a file beside it remembers, by digest."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from services.directory.ledger import Entry, Ledger
from services.directory.service import DirectoryService
from services.directory.service.hearing import HearingDoors
from services.directory.service.regaining import Regaining
from tests.directory.test_objections import NUMBER, TRACES, ZOE, everything_kept, named, rows
from tests.directory.test_qualification import imported, seen
from tests.rooms import Opened

__all__ = ["named"]


def test_who_objected_is_taken_out_again_and_kept_from_imports(directory: Opened, named: list[str]) -> None:
    directory.object_to(ZOE)
    directory.number_all()
    with directory.database.begin() as session:  # as if the database of before were here again
        session.execute(text("DELETE FROM objection"))
    imported(directory, rows())
    directory.number_all()
    assert all(trace in everything_kept(directory) for trace in TRACES)
    directory.room.put_back()
    kept = everything_kept(directory)
    assert [trace for trace in TRACES if trace in kept] == []
    imported(directory, rows())
    assert "telephone" not in seen(directory)["s1"]["fields"]
    before = directory.announced()
    directory.room.put_back()
    assert directory.announced() == before


def test_it_holds_no_value_and_survives_a_line_that_was_cut_off(directory: Opened, tmp_path: Path) -> None:
    directory.object_to(ZOE)
    [file] = list(tmp_path.rglob("*.objected"))
    raw = file.read_bytes().lower()
    assert not [trace for trace in (*TRACES, NUMBER) if trace.encode() in raw]
    assert [each.field for each in Ledger(file.parents[1]).entries()] == list(ZOE)
    with file.open("ab") as cut:
        cut.write(b'\n{"digest":"n00')
    ledger = Ledger(file.parents[1])
    ledger.add([Entry("n" * 64, "id", "telephone", "2026", "marie")])
    assert [each.digest[0] for each in ledger.entries()] == ["n"] * 4


def test_the_ledger_is_heeded_by_the_service_as_it_runs() -> None:
    assert DirectoryService.heed_ledger is Regaining.heed_ledger is not HearingDoors.heed_ledger
