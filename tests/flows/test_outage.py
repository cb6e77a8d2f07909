"""A node that was away for a while and is back is read in time, by who hears of it and by who does not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.conftest import Program
from tests.flows.test_two_nodes import ECLUSE, follow, names, orpan, publish, radar
from tests.running import RunningNode, running_node

__all__ = ["orpan", "radar"]
AWAY_S = 34.0 if os.environ.get("MAILLAGE_SOAK") else 5.0
"""In `make soak`, long enough for a delay that doubles without end to be half a minute by then. The short absence shows
that who is back is read in time; that the delay has an end, `tests/federation/test_backing_off.py` does.
"""
READ_WITHIN_S = 15.0


@pytest.fixture
def rural(tmp_path: Path) -> Iterator[RunningNode]:
    """A third node, which nobody follows."""
    with running_node(tmp_path / "rural") as made:
        yield made


@pytest.mark.timeout(180)
def test_a_node_that_is_back_after_an_outage_is_read_within_fifteen_seconds(
    orpan: RunningNode, radar: RunningNode, rural: RunningNode
) -> None:
    publish(orpan, ECLUSE)
    for one, other in ((radar, orpan), (orpan, radar), (rural, orpan)):
        follow(one, other)
    for node in (radar, rural):
        Program(node.url).until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
    orpan.stop()
    time.sleep(AWAY_S)
    orpan.start()
    began = time.monotonic()
    publish(orpan, ECLUSE | {"nom": "De retour"})
    for node in (radar, rural):
        left_s = READ_WITHIN_S - (time.monotonic() - began)
        found = Program(node.url).until("/api/v1/structures", lambda it: names(it) == {"De retour"}, within_s=left_s)
        assert [each["nom"] for each in found["items"]] == ["De retour"]
