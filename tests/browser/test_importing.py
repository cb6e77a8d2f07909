"""A spreadsheet as people have them: other columns, read by a mapping that the page proposes; chosen once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.conftest import RunningNode, Visit, enter
from tests.browser.test_staff import bring_in, open_record

SAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "samples"
ORDINARY = (
    "Nom,Adresse,Code postal,Ville,Téléphone,Mail\n"
    "La Grange aux Livres,1 rue du Pré,44130,Blain,02 40 00 00 01,grange@example.org\n"
)


def test_ordinary_columns_are_read_as_the_page_proposes_and_the_file_is_chosen_once(
    node: RunningNode, visit: Visit, tmp_path: Path
) -> None:
    file = tmp_path / "liste.csv"
    file.write_text(ORDINARY, "utf-8")
    page = enter(visit(phone=True, scripts=True), node)
    bring_in(page, file, source="pays-de-blain")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text("ne connaît pas les colonnes")
    proposed = page.get_by_label("Correspondance")
    assert 'courriel = "Mail"' in proposed.input_value()
    assert 'name = "pays-de-blain"' in proposed.input_value()
    assert "policy" not in proposed.input_value()
    assert violations(page) == []
    expect(page.get_by_label("Essayer d’abord")).to_be_checked()
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_role("heading", name="Ce qui serait fait")).to_be_visible()
    assert node.ask("directory", "imports")["imports"] == []
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_role("heading", name="Ce qui est fait")).to_be_visible()
    page.get_by_text("La correspondance qui a servi").click()
    assert 'courriel = "Mail"' in page.get_by_label("Le texte qui a servi").input_value()
    assert violations(page) == []
    [record] = node.ask("directory", "find", q="grange")["records"]
    assert (record["source"], record["fields"]["telephone"]) == ("pays-de-blain", "+33240000001")
    assert record["fields"]["code_insee"] == "44015"


def test_the_sample_spreadsheet_comes_in_with_the_mapping_beside_it(node: RunningNode, visit: Visit) -> None:
    page = enter(visit(), node)
    bring_in(page, SAMPLES / "exemple-tableur.csv", source="")
    page.get_by_label("Correspondance").fill("pas du toml")
    page.get_by_label("Essayer d’abord").check()
    page.get_by_label("Nom de la source").fill("Pas Un Nom")
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Le nom de la source s’écrit")
    expect(page.get_by_label("Essayer d’abord")).to_be_checked()
    page.get_by_label("Nom de la source").fill("")
    page.get_by_label("Essayer d’abord").uncheck()
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Ce n'est pas du TOML")
    expect(page.get_by_label("Essayer d’abord")).not_to_be_checked()
    text = (SAMPLES / "exemple-tableur.toml").read_text("utf-8")
    page.get_by_label("Correspondance").fill(text.replace('policy = "hold"', 'policy = "publish"'))
    page.get_by_label("Essayer d’abord").uncheck()
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_role("heading", name="Ce qui est fait")).to_be_visible()
    expect(page.get_by_text("maillage source set DOSSIER exemple-tableur --policy publish")).to_be_visible()
    [done] = node.ask("directory", "imports")["imports"]
    assert (done["source"], done["refused"]) == (
        "exemple-tableur",
        1,
    )  # its line 9 names a commune that there is none of
    assert done["created"] > 0


def test_an_import_is_taken_back_once_the_page_shows_what_that_would_do(
    node: RunningNode, visit: Visit, file: Path
) -> None:
    page = enter(visit(phone=True, scripts=True), node)
    bring_in(page, file)
    open_record(page, "Le Relais des Aînés")
    page.get_by_role("button", name="Qualifier").click()
    page.goto("/importer")
    page.get_by_role("link", name="Annuler l’import structures.csv").click()
    expect(page.get_by_role("heading", name="Annuler un import")).to_be_visible()
    stays = page.get_by_role("heading", name="Qualifiées ou modifiées depuis par une personne").locator("+ ul")
    expect(stays).to_have_text("Le Relais des Aînés")
    expect(page.get_by_role("heading", name="Retirées", exact=True).locator("+ ul")).to_have_text("L’Écluse des Outils")
    assert violations(page) == []
    assert [each["state"] for each in node.ask("directory", "imports")["imports"]] == ["finished"]
    page.get_by_role("button", name="Annuler cet import").click()
    expect(page.get_by_role("heading", name="Import annulé")).to_be_visible()
    assert violations(page) == []
    assert {each["name"]: each["status"] for each in _found(node)} == {
        "Le Relais des Aînés": "qualified",
        "L’Écluse des Outils": "withdrawn",
    }
    page.goto("/importer")
    expect(page.get_by_role("link", name="Annuler l’import")).to_have_count(0)


def test_what_a_person_edited_is_taken_back_too_where_the_box_is_ticked(
    node: RunningNode, visit: Visit, file: Path
) -> None:
    page = enter(visit(), node)
    bring_in(page, file)
    open_record(page, "Le Relais des Aînés")
    page.get_by_role("link", name="Modifier : Contact").click()
    page.get_by_label("Téléphone").fill("02 40 11 22 33")
    page.get_by_role("button", name="Enregistrer").click()
    page.goto("/importer")
    page.get_by_role("link", name="Annuler l’import structures.csv").click()
    page.get_by_label("Reprendre aussi la fiche").check()
    page.get_by_role("button", name="Annuler cet import").click()
    expect(page.get_by_text("1, reprises aussi")).to_be_visible()
    assert {each["status"] for each in _found(node)} == {"withdrawn"}


def _found(node: RunningNode) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = node.ask("directory", "find", q="blain")["records"]
    return records
