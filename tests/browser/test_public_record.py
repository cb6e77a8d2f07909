"""The public page of a record that says much, and of one in review: for everybody, on a phone and at a desk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import RunningNode, Visit, enter
from tests.browser.test_staff import bring_in, goto_soon, open_record, qualify_everything

STRUCTURE: dict[str, Any] = {
    "id": "e1", "nom": "L’Écluse des Outils", "date_maj": "2026-01-31", "adresse": "3 rue Haute",
    "code_postal": "44130", "commune": "Blain", "telephone": "02 40 00 00 00", "legal_form": "9220", "ess": "non",
    "languages": ["arabe", "français"], "accessibility": "De plain-pied, une place réservée devant la porte.",
    "memberships": [{"name": "LIS", "scale": "country"},
                    {"name": "CLIC du pays de Blain", "scale": "epci", "territory": "200072726"}],
    "reseaux_porteurs": ["mjc"], "rna": "W442001234", "lien_source": "https://example.org/fiches/1",
}  # fmt: skip
SERVICE: dict[str, Any] = {
    "id": "v1", "structure_id": "e1", "nom": "Atelier de réparation", "date_maj": "2026-01-31",
    "description": "On y répare ensemble.", "zone_eligibilite": ["44", "44015"],
    "contact_nom_prenom": "Camille Exemple",
    "volume_horaire_hebdomadaire": 3, "nombre_semaines": 6, "frais": "gratuit", "modes_accueil": ["en-presentiel"],
    "telephone": "02 40 00 00 00", "languages": ["fr"],
}  # fmt: skip


@pytest.fixture
def page(node: RunningNode, visit: Visit, tmp_path: Path) -> Page:
    """A permanent at a desk, who imported and qualified both."""
    path = tmp_path / "blain.json"
    path.write_text(json.dumps({"structures": [STRUCTURE], "services": [SERVICE]}), "utf-8")
    page = enter(visit(), node)
    bring_in(page, path)
    qualify_everything(page)
    return page


def looked_at(page: Page, name: str) -> None:
    """Nothing keeps anybody from it, nothing sticks out; a picture where somebody wants to see it."""
    assert violations(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url
    if folder := os.environ.get("MAILLAGE_TEST_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desk"])
def test_what_is_public_is_on_the_page_and_a_review_is_marked_everywhere_until_it_ends(
    page: Page, node: RunningNode, visit: Visit, phone: bool
) -> None:
    visitor, device = visit(phone=phone, scripts=True), "phone" if phone else "desk"
    goto_soon(visitor, "/services/pays-de-blain--v1")
    for said in ("Loire-Atlantique (département), Blain (commune)", "3 h par semaine, pendant 6 semaines",
                 "Personne à contacter : Camille Exemple", "3 rue Haute, 44130 Blain"):  # fmt: skip
        expect(visitor.get_by_text(said)).to_be_visible()
    looked_at(visitor, f"service-{device}")
    visitor.goto("/structures/pays-de-blain--e1")
    for said in ("arabe, français", "De plain-pied", "association déclarée", "LIS (pays), CLIC du pays de Blain (EPCI",
                 "W442001234"):  # fmt: skip
        expect(visitor.get_by_text(said)).to_be_visible()
    looked_at(visitor, f"structure-{device}")
    open_record(page, STRUCTURE["nom"])
    page.get_by_role("button", name="Faire un lien pour la structure").click()
    theirs = visit(phone=True)
    theirs.goto(page.locator("#lien").inner_text())
    theirs.get_by_role("button", name="Entrer").click()
    theirs.get_by_role("link", name="Relire la fiche").click()
    theirs.get_by_role("link", name="Modifier : Contact").click()
    theirs.get_by_label("Téléphone").fill("02 40 77 77 77")
    theirs.get_by_role("button", name="Enregistrer").click()
    goto_soon(visitor, "/structures/pays-de-blain--e1", "Fiche en cours de relecture depuis le")
    expect(visitor.get_by_text("telle qu’un permanent l’a vérifiée en dernier")).to_be_visible()
    expect(visitor.get_by_role("link", name="02 40 00 00 00")).to_be_visible()
    assert "77 77 77" not in visitor.content()
    looked_at(visitor, f"review-{device}")
    with urlopen(f"{node.url}/api/v1/structures/pays-de-blain--e1") as answer:
        said = answer.read().decode()
    assert json.loads(said)["record"]["review_since"]
    assert "40777777" not in said
    open_record(page, STRUCTURE["nom"])
    page.get_by_role("button", name="Qualifier").click()
    goto_soon(visitor, "/structures/pays-de-blain--e1", "02 40 77 77 77")
    assert "relecture" not in visitor.content()


def test_a_way_of_verifying_is_proposed_again_and_no_empty_panel_is_shown(page: Page, node: RunningNode) -> None:
    open_record(page, STRUCTURE["nom"])
    expect(page.get_by_label("Vérifiées comment ?")).to_have_value("visit")
    expect(page.get_by_role("button", name="Vérifier de nouveau")).to_be_visible()
    record = page.url.rpartition("/")[2].partition("?")[0]
    known = node.ask("directory", "open_record", id=record)
    row = {name: known[name] for name in ("kind", "source", "source_id", "sectors", "extra") if name in known}
    row["fields"] = known["fields"] | {"latitude": 47.4762, "longitude": -1.7649}
    opened = node.ask("directory", "import_begin", source="pays-de-blain", name="points")
    node.ask("directory", "import_rows", **{"import": opened["import"], "rows": [row]})
    node.ask("directory", "import_finish", **{"import": opened["import"]})
    assert node.ask("directory", "open_record", id=record)["waits"], "or there is nothing to look at"
    page.goto(f"/fiches/{record}")
    expect(page.get_by_role("heading", name="Ce qui attend d’être relu")).to_have_count(0)


def test_the_import_page_leads_to_a_guide_whose_example_works(node: RunningNode, visit: Visit, tmp_path: Path) -> None:
    for phone in (True, False):
        page = enter(visit(phone=phone, scripts=True), node)
        page.goto("/importer")
        page.get_by_text("Si les colonnes ont d’autres noms").click()
        page.get_by_role("link", name="Tout ce qu’il peut dire").click()
        expect(page.get_by_role("heading", name="Dire comment lire un tableur")).to_be_visible()
        looked_at(page, f"mapping-{'phone' if phone else 'desk'}")
    cells = page.locator("#tableur tr").evaluate_all("rows => rows.map(row => [...row.cells].map(c => c.innerText))")
    sheet = tmp_path / "annuaire.csv"
    sheet.write_text("\n".join(";".join(row) for row in cells), "utf-8")
    example = page.locator("#exemple").inner_text()
    page.goto("/importer")
    page.get_by_label("Le fichier").set_input_files(sheet)
    page.get_by_text("Si les colonnes ont d’autres noms").click()
    page.get_by_label("Correspondance").fill(example)
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_role("heading", name="Ce qui est fait")).to_be_visible()
    kinds = [each["kind"] for each in node.ask("directory", "find", q="repas")["records"]]
    kinds += [each["kind"] for each in node.ask("directory", "find", q="meule")["records"]]
    assert kinds == ["service", "structure"]
