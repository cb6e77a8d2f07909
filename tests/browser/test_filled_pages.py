"""Pages as they are on a day of work, with pairs, propositions and an opposition: for everybody, and in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import is_for_everybody
from tests.browser.conftest import RunningNode, Visit, as_marie, enter
from tests.browser.test_staff import bring_in, goto_soon, open_record

RADAR = Path(__file__).resolve().parents[2] / "deploy" / "samples" / "radar.json"
GIROUETTE = "La Girouette Bleue"


@pytest.fixture
def page(node: RunningNode, visit: Visit) -> Page:
    """A permanent on a phone, with RADAR's sample imported twice under two names, the first of them public."""
    page = enter(visit(phone=True, scripts=True), node)
    bring_in(page, RADAR, source="exemples-radar")
    page.get_by_role("button", name="Voir ce que donnerait leur qualification").click()
    page.get_by_role("button", name="Qualifier ces").click()
    expect(page.get_by_text("Devenues publiques")).to_be_visible()
    bring_in(page, RADAR, source="autre-liste")
    return page


def test_pairs_propositions_and_an_opposition_are_pages_for_everybody(page: Page, node: RunningNode) -> None:
    goto_soon(page, "/doublons", "Presque sûr")
    assert page.get_by_role("region").count() > 2
    is_for_everybody(page)
    [found] = [each for each in _found(node, GIROUETTE) if each["public"]]
    node.ask("directory", "suggest", id=found["id"], message="Le numéro ne répond pas.")
    page.goto("/propositions")
    is_for_everybody(page)
    page.get_by_label("Réponse").fill("Nous avons appelé : il répond.")
    page.get_by_role("button", name="Refuser").click()
    expect(page.get_by_role("status")).to_have_text("La proposition est refusée.")
    [refused] = as_marie(node, "suggestions", state="refused")["suggestions"]
    assert refused["answer"] == "Nous avons appelé : il répond."
    page.goto("/oppositions")
    page.get_by_label("Téléphone").fill("02 61 91 08 00")
    page.get_by_role("button", name="Voir ce qui la nomme").click()
    expect(page.get_by_role("link", name=GIROUETTE).first).to_be_visible()
    expect(page.get_by_text("téléphone").first).to_be_visible()
    is_for_everybody(page)


def test_a_service_its_offer_and_the_link_of_its_structure_are_pages_for_everybody(
    page: Page, node: RunningNode, visit: Visit
) -> None:
    open_record(page, "Pôle de ressources sur la souffrance")
    is_for_everybody(page)
    page.get_by_role("link", name="Modifier : Offre").click()
    is_for_everybody(page)
    page.go_back()
    page.get_by_role("button", name="Faire un lien pour la structure").click()
    is_for_everybody(page)
    theirs = visit(phone=True, scripts=True)
    theirs.goto(page.locator("#lien").inner_text())
    is_for_everybody(theirs)
    theirs.get_by_role("button", name="Entrer").click()
    is_for_everybody(theirs)
    theirs.goto("/travail")
    expect(theirs.get_by_text("demande un autre rôle que le vôtre")).to_be_visible()


def test_a_public_structure_that_is_said_to_be_of_the_social_economy_leaves_the_public_and_its_page_says_why(
    page: Page, node: RunningNode, visit: Visit
) -> None:
    [found] = [each for each in _found(node, GIROUETTE) if each["public"]]
    visitor = visit()
    public = f"/structures/{found['source']}--{found['source_id']}"
    goto_soon(visitor, public, "la structure est connue")
    visitor.emulate_media(media="print")
    expect(visitor.get_by_role("heading", level=1)).to_be_visible()
    expect(visitor.get_by_role("link", name="Signaler une erreur")).to_be_hidden()
    visitor.emulate_media(media="screen")
    page.goto(f"/fiches/{found['id']}/identity")
    page.get_by_label("De l’économie sociale et solidaire").select_option("oui")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status")).to_contain_text("n’est plus publique")
    page.goto("/travail?motif=held")
    expect(page.get_by_role("link", name=GIROUETTE)).to_be_visible()
    is_for_everybody(page)
    for _ in range(50):
        visitor.goto(public)
        if visitor.get_by_text("pas publique en ce moment").count():
            break
        visitor.wait_for_timeout(200)
    expect(visitor.get_by_text("pas publique en ce moment")).to_be_visible()


def _found(node: RunningNode, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = node.ask("directory", "find", q=name)["records"]
    return found
