"""Whatever is changed, killed, cut and put back at three nodes, in any order: once all is mended, all are equal."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.kernel.errors import MaillageError
from tests.faults.conftest import Three
from tests.faults.report import IS_SOAK, Result, tell
from tests.faults.sites import EQUAL_WITHIN_S, Site, all_of, equal, until

TEST = "tests/faults/test_schedules.py"
SCHEDULES = int(os.environ.get("MAILLAGE_SCHEDULES", 40)) if IS_SOAK else 2
STEPS_AT_MOST = 16 if IS_SOAK else 10
SOURCE = "schedule"
NODES, CHOICE = st.integers(0, 2), st.integers(0, 9)


def change(site: Site, choice: int) -> None:
    """Ten records, new or known, in other words than before."""
    site.publish(10, first=choice, name=f"Vers {time.monotonic()}", source=SOURCE)


def withdraw(site: Site, choice: int) -> None:
    """One of its own records is taken away."""
    own = [item for item in site.feed() if item["op"] == "put" and item["event"]["source"].endswith(site.name)]
    for gone in own[choice : choice + 1]:
        version = gone["event"]["recordversion"]
        site.ask("directory", "withdraw", id=gone["id"], version=version, reason="fermée")


def prune(site: Site, choice: int) -> None:
    """The log keeps each record's last event only, and what is held of the others too."""
    for room in ("directory", "federation"):
        site.ask(room, "prune", days=0)


def kill(site: Site, choice: int) -> None:
    """SIGKILL; it stays away until something else starts it."""
    site.node.stop(signal.SIGKILL)


def start(site: Site, choice: int) -> None:
    """It comes back."""
    if site.node.process is None:
        site.node.start()


def save(site: Site, choice: int) -> None:
    """Its databases are copied by hand, as they stand when it does not run."""
    site.node.stop()
    shutil.rmtree(_copy(site), ignore_errors=True)
    shutil.copytree(site.node.folder / "data", _copy(site))
    site.node.start()


def put_back(site: Site, choice: int) -> None:
    """And put back as they were then: it finds out by its witness."""
    if _copy(site).exists():
        site.node.stop()
        shutil.rmtree(site.node.folder / "data")
        shutil.copytree(_copy(site), site.node.folder / "data")
        site.node.start()


def cut(site: Site, choice: int) -> None:
    """Nobody reaches it: refused, unanswered, or broken off once."""
    wire = site.wire
    (wire.cut, wire.hang, wire.hang_up)[choice % 3]()


def mend(site: Site, choice: int) -> None:
    """They do again."""
    site.wire.mend()


STEPS: dict[str, Callable[[Site, int], None]] = {
    each.__name__: each for each in (change, withdraw, prune, kill, start, save, put_back, cut, mend)
}
STEP = st.tuples(st.sampled_from(["change", "change", *sorted(STEPS)]), NODES, CHOICE)


def _copy(site: Site) -> Path:
    return site.node.folder.parent / f"{site.label}-copy"


@settings(
    max_examples=SCHEDULES, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck),
    print_blob=False,
)  # fmt: skip
@given(schedule=st.lists(STEP, min_size=STEPS_AT_MOST // 2, max_size=STEPS_AT_MOST))
def run(three: Three, counted: list[Result], schedule: list[tuple[str, int, int]]) -> None:
    """One schedule, then every repair; all six pairs are equal in the end."""
    for each in three.all:
        shutil.rmtree(_copy(each), ignore_errors=True)
    before = sum(each.head()[1] for each in three.all)
    for name, node, choice in schedule:
        with suppress(MaillageError):  # it is away: nothing changes there
            STEPS[name](three.all[node], choice)
    counted.append(repaired(three, before))


def repaired(three: Three, before: int) -> Result:
    """Mend and start everything, agree to what was put back on purpose; what was counted."""
    for each in three.all:
        mend(each, 0)
        start(each, 0)
        change(each, 0)
    began = time.monotonic()
    lost = 0
    for home in three.all:
        until(lambda: home.sign() is None)  # noqa: B023 — just started, a room may not be there yet
    for home, other in all_of(three.all):
        until(lambda: agreed(home, other), EQUAL_WITHIN_S, lambda: str(other.peer(home)))  # noqa: B023
        lost += equal(home, other, began + EQUAL_WITHIN_S)
    events = sum(each.head()[1] for each in three.all) - before
    return Result(22, "", max(events, 0), lost, 0, round(time.monotonic() - began, 1), "", TEST)


def agreed(home: Site, other: Site) -> bool:
    """Whether a node is equal to a home, where more than a fifth went once its operator has agreed."""
    found = other.stream(home)
    if "disparaîtraient" in found["trouble"]:
        other.ask("federation", "peer_accept", peer=home.label)
    return bool(found["equal"]) and found["held"] >= home.head()[1]


def test_any_schedule_of_changes_faults_and_repairs_ends_with_equal_nodes(three: Three) -> None:
    counted: list[Result] = []
    run(three, counted)
    slowest, events = max(each.equal_s for each in counted), sum(each.events for each in counted)
    what = f"{len(counted)} schedules of changes, kills, cuts, prunings and put-backs by chance; the slowest"
    status = "; ".join(other.stream(home)["trouble"] or "equal" for home, other in all_of(three.all)[:1])
    result = Result(22, what, events, sum(each.lost for each in counted), 0, slowest, f"lag 0, {status}", TEST)
    tell(result)
    assert result.lost == 0
