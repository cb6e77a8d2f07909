"""Freshness as figures: what is verified, confirmed and changed, by department and by sector."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kernel.errors import Forbidden
from tests.accounts.test_signing import later
from tests.directory.conftest import structure
from tests.directory.test_qualification import imported, put
from tests.rooms import VOLUNTEER, Opened


def test_what_the_public_sees_is_counted_by_department_and_by_sector(
    directory: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(directory, [structure(9, code_insee="35238", commune="Rennes")], policy="publish")
    ids = put(
        directory, structure(1, "dora", code_insee="44109") | {"sectors": ["logement", "mobilite"]},
        structure(2, "dora", code_insee="44015", commune="Blain"), structure(3, "dora"),
    )  # fmt: skip
    directory.qualify(ids=ids[:2])
    directory.confirm(id=ids[0])
    found = directory.freshness()
    assert found["all"] == {"records": 3, "verified": 2, "confirmed": 1, "changed": 3}
    assert found["departments"]["44"] == {"records": 2, "verified": 2, "confirmed": 1, "changed": 2}
    assert found["departments"]["35"]["verified"] == 0
    assert {code: each["records"] for code, each in found["sectors"].items()} == {"": 2, "logement": 1, "mobilite": 1}
    later(monkeypatch, timedelta(days=400))
    assert directory.freshness()["all"] == {"records": 3, "verified": 0, "confirmed": 0, "changed": 0}


def test_figures_are_for_those_who_write(directory: Opened) -> None:
    assert directory.freshness()["all"]["records"] == 0
    with pytest.raises(Forbidden):
        directory.as_(VOLUNTEER).freshness()
