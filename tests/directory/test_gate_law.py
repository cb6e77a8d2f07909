"""Whatever is done to a record, by whom and in whatever order, the public sees only what the gate lets through."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.directory import qualification, store
from services.directory.formats import argumentaire
from services.kernel.errors import MaillageError
from tests.directory.conftest import structure
from tests.directory.test_qualification import WRITTEN, get, imported, put
from tests.rooms import MACHINE, PERMANENT, Opened

STEPS = st.sampled_from(
    ["put", "machine", "qualify", "review", "confirm", "ess", "no ess", "write", "import", "withdraw"]
)


def test_whatever_is_done_the_public_sees_only_what_the_gate_lets_through(directory: Opened) -> None:
    number = 0

    @settings(deadline=None, max_examples=40)
    @given(st.lists(STEPS, max_size=12))
    def law(steps: list[str]) -> None:
        nonlocal number
        number += 1
        [record] = put(directory, structure(number))
        for rank, step in enumerate(steps):
            try:
                _do(directory.as_(PERMANENT), record, number, step, rank)
            except MaillageError:
                continue
            finally:
                directory.as_(PERMANENT)
            assert _faults(directory, record) == []

    law()


def _do(directory: Opened, record: str, number: int, step: str, rank: int) -> None:
    version = get(directory, record)["version"]
    draft = structure(number, telephone=f"+3324000{rank:04d}")
    match step:
        case "put":
            directory.put(records=[draft])
        case "machine":
            directory.as_(MACHINE).put(records=[draft])
        case "qualify":
            directory.qualify(ids=[record])
        case "review":
            directory.step(id=record, step="review")
        case "confirm":
            directory.confirm(id=record)
        case "ess" | "no ess":
            directory.edit(id=record, version=version, ess="yes" if step == "ess" else "no")
        case "write":
            directory.edit(id=record, version=version, argumentaire=WRITTEN)
        case "import":
            imported(directory, [draft])
        case "withdraw":
            directory.withdraw(id=record, reason="fermeture")


def _faults(directory: Opened, record: str) -> list[str]:
    """Whether the feed shows the record exactly where the directory says it is public, at that version, and whole."""
    directory.number_all()
    with directory.database.read() as session:
        known = store.record(session, record)
    assert known is not None
    after, items = 0, []
    while page := directory.changes(after=after, limit=500)["items"]:
        items += [item for item in page if item["id"] == record]
        after = page[-1]["position"]
    shown = [item["event"]["data"] for item in items if item["op"] == "put"]
    found = [] if bool(shown) == known.is_public else [f"public {known.is_public}, shown {shown}"]
    for data in shown:
        told = data.get("ess") != "yes" or not argumentaire.unwritten(data.get("argumentaire", {}))
        marked = known.waits and data["version"] == (known.public_version or 0) + 1  # told that a change waits
        status = (qualification.REVIEW,) if known.waits else qualification.CHECKED
        if not (told and data["status"] in status and (marked or data["version"] == known.public_version)):
            found.append(str(data))
    return found
