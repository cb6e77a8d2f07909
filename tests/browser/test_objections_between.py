"""An objection between two nodes by the pages: seen before, told, examined at the other, answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import MARIE, RunningNode, Visit, enter
from tests.browser.test_staff import goto_soon
from tests.federation.test_messages import as_permanent, follow, publish, soon
from tests.running import running_node

PHONE = "02 40 00 00 01"
"""Of the structure that `publish` makes."""


@pytest.fixture
def orpan(node: RunningNode, tmp_path: Path) -> Iterator[RunningNode]:
    """Another node with one public structure; both follow each other."""
    with running_node(tmp_path / "orpan", MAILLAGE_NODE_ID="orpan", MAILLAGE_NODE_NAME="ORPAN") as made:
        made.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        publish(made)
        follow(node, made)
        follow(made, node)
        yield made


def object_by_page(page: Page) -> None:
    """Somebody's telephone is withdrawn for good, after a look at what names it."""
    page.goto("/oppositions")
    page.get_by_label("Téléphone").fill(PHONE)
    page.get_by_role("button", name="Voir ce qui la nomme").click()
    elsewhere = page.get_by_role("listitem").filter(has_text="La Grange, tenue par ORPAN : téléphone")
    expect(elsewhere.get_by_role("link", name="masquer ici")).to_be_visible()
    page.get_by_role("button", name="Effacer pour de bon").click()
    expect(page.get_by_role("status")).to_contain_text("en sont prévenus")
    expect(page.get_by_role("listitem").filter(has_text="tenue par ORPAN")).to_contain_text("prévenu")


def test_what_another_node_told_is_examined_set_aside_with_a_reason_and_accepted(
    node: RunningNode, orpan: RunningNode, visit: Visit
) -> None:
    page = enter(visit(), node)
    goto_soon(page, "/structures/liste--g1", "La Grange")
    object_by_page(page)
    soon(lambda: as_permanent(orpan, "objections_heard")["heard"])
    there = enter(visit(), orpan)
    there.goto(f"{orpan.url}/travail")
    there.get_by_role("link", name="Oppositions à examiner").click()
    expect(there.get_by_role("heading", name="Opposition à examiner, reçue de")).to_be_visible()
    expect(there.get_by_role("listitem").filter(has_text="La Grange").last).to_contain_text("téléphone")
    checked = enter(visit(scripts=True), orpan)
    checked.goto(f"{orpan.url}/oppositions/recues")
    assert violations(checked) == []
    there.get_by_role("button", name="Écarter").click()
    expect(there.get_by_role("alert")).to_contain_text("pourquoi")
    there.get_by_role("button", name="Accepter, et effacer pour de bon").click()
    expect(there.get_by_role("status")).to_contain_text("l’autre nœud l’apprendra")
    expect(there.get_by_role("listitem").filter(has_text="acceptée")).to_be_visible()
    soon(lambda: as_permanent(node, "objections_told")["told"][0]["state"] == "accepted")
    checked = enter(visit(scripts=True), node)
    checked.goto("/oppositions")
    expect(checked.get_by_role("listitem").filter(has_text="tenue par ORPAN")).to_contain_text("acceptée")
    assert violations(checked) == []


def test_from_the_preview_a_record_of_another_node_is_hidden_here(
    node: RunningNode, orpan: RunningNode, visit: Visit
) -> None:
    page = enter(visit(), node)
    goto_soon(page, "/structures/liste--g1", "La Grange")
    page.goto("/oppositions")
    page.get_by_label("Téléphone").fill(PHONE)
    page.get_by_role("button", name="Voir ce qui la nomme").click()
    page.get_by_role("link", name="masquer ici").click()
    page.get_by_role("textbox", name="Raison").fill("Opposition en cours")
    page.get_by_role("button", name="Masquer ici").click()
    expect(page.get_by_role("status")).to_contain_text("ne montre plus")
    page.goto("/oppositions")
    page.get_by_label("Téléphone").fill(PHONE)
    page.get_by_role("button", name="Voir ce qui la nomme").click()
    expect(page.get_by_role("listitem").filter(has_text="tenue par ORPAN")).to_contain_text("masquée ici")
