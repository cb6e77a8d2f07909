"""Other nodes by the pages: whom this one follows, and what it does not show of them."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.conftest import RunningNode, Visit, enter
from tests.browser.test_staff import goto_soon
from tests.running import running_node


def test_a_permanent_hides_a_record_of_another_node_and_shows_it_again(
    node: RunningNode, visit: Visit, tmp_path: Path
) -> None:
    with running_node(tmp_path / "orpan", MAILLAGE_NODE_ID="orpan", MAILLAGE_NODE_NAME="ORPAN") as orpan:
        orpan.ask("directory", "source_set", name="liste", policy="publish")
        fields = {"nom": "La Grange", "commune": "Blain", "code_insee": "44015", "date_maj": "2026-01-31"}
        draft = {"kind": "structure", "source": "liste", "source_id": "g1", "fields": fields}
        opened = orpan.ask("directory", "import_begin", source="liste", name="m", policy="publish")
        orpan.ask("directory", "import_rows", **{"import": opened["import"], "rows": [draft]})
        orpan.ask("directory", "import_finish", **{"import": opened["import"]})
        node.ask("federation", "peer_add", card=orpan.ask("federation", "card")["card"])
        page = enter(visit(), node)
        goto_soon(page, "/structures/liste--g1", "La Grange")
        address = page.url
        page.goto("/travail")
        page.get_by_role("link", name="Masquées").click()
        page.get_by_label("Adresse de sa page").fill("https://ailleurs.example.org/structures/autre--1")
        page.get_by_role("textbox", name="Raison").fill("Fermée depuis l’été")
        page.get_by_role("button", name="Masquer ici").click()
        expect(page.get_by_role("alert")).to_contain_text("autre--1")
        expect(page.get_by_role("textbox", name="Raison")).to_have_value("Fermée depuis l’été")
        page.get_by_label("Adresse de sa page").fill(address)
        page.get_by_role("button", name="Masquer ici").click()
        expect(page.get_by_role("status")).to_contain_text("ne montre plus")
        expect(page.get_by_text("La Grange")).to_be_visible()
        checked = enter(visit(scripts=True), node)
        checked.goto("/masquees")
        assert violations(checked) == []
        page.get_by_role("button", name="Montrer de nouveau La Grange").click()
        expect(page.get_by_role("status")).to_contain_text("de nouveau")
        goto_soon(page, "/structures/liste--g1", "La Grange")


def test_an_administrator_sees_whom_this_node_follows_and_a_permanent_does_not(
    node: RunningNode, visit: Visit, tmp_path: Path
) -> None:
    page = enter(visit(), node)
    page.goto("/pairs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Action non permise")
    node.ask("accounts", "person_add", email="admin@example.org", roles=["administrator"])
    page = enter(visit(), node, "admin@example.org")
    expect(page.get_by_role("heading", level=1)).to_have_text("Premiers pas")
    expect(page.get_by_role("listitem").filter(has_text="Inviter un permanent")).to_contain_text("Fait.")
    expect(page.get_by_role("listitem").filter(has_text="Suivre un autre membre")).to_contain_text("À faire.")
    page.get_by_role("link", name="Importer").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Importer")
    page.get_by_role("link", name="Pairs").first.click()
    expect(page.get_by_text("Ce nœud ne suit personne")).to_be_visible()
    with running_node(tmp_path / "orpan", MAILLAGE_NODE_ID="orpan", MAILLAGE_NODE_NAME="ORPAN") as orpan:
        card = orpan.ask("federation", "card")
        node.ask("federation", "peer_add", card=card["card"])
        page.goto("/pairs")
        expect(page.get_by_role("row", name="ORPAN")).to_contain_text("suivi")
        expect(page.get_by_text(card["node"][:4])).to_be_visible()
        expect(page.get_by_role("row", name="ORPAN")).to_contain_text("il y a", timeout=30_000)
        checked = enter(visit(scripts=True), node, "admin@example.org")
        for at in ("/pairs", "/demarrer"):
            checked.goto(at)
            assert violations(checked) == []
        expect(checked.get_by_role("listitem").filter(has_text="Suivre un autre membre")).to_contain_text("Fait.")
