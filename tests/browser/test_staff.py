"""The guide of the directory, by pages alone: each step as a permanent, a structure and a visitor meet it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from services.directory.formats.argumentaire import PARTS
from services.directory.formats.reading import read
from tests.browser.axe import violations
from tests.browser.conftest import COLUMNS, ROWS, RunningNode, Visit, enter


def bring_in(page: Page, file: Path, trial: bool = False, source: str = "pays-de-blain") -> None:
    page.get_by_role("link", name="Importer").click()
    page.get_by_label("Le fichier").set_input_files(file)
    page.get_by_label("Nom de la source").fill(source)
    if trial:
        page.get_by_label("Essayer d’abord").check()
    page.get_by_role("button", name="Importer", exact=True).click()


def goto_soon(page: Page, path: str, holding: str = "") -> None:
    """Open a page once it has what is made a moment after the act: the read model, files, duplicates."""
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at:
        answer = page.goto(path)
        if answer is not None and answer.ok and holding in page.content():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} does not show {holding!r}")


def qualify_everything(page: Page) -> None:
    page.get_by_role("button", name="Voir ce que donnerait leur qualification").click()
    page.get_by_label("Vérifiées comment ?").select_option("sur place")
    page.get_by_role("button", name="Qualifier ces 2 fiches").click()


def open_record(page: Page, name: str) -> None:
    page.goto(f"/travail/chercher?q={name}")
    page.get_by_role("link", name=name).first.click()


def test_a_spreadsheet_is_tried_then_imported_held_for_review_and_qualified_in_bulk(
    node: RunningNode, visit: Visit, file: Path
) -> None:
    page = enter(visit(), node)
    bring_in(page, file, trial=True)
    expect(page.get_by_role("heading", name="Ce qui serait fait")).to_be_visible()
    expect(page.get_by_text("ligne 4", exact=False)).to_contain_text("Nulle-Part")
    assert node.ask("directory", "imports")["imports"] == []
    bring_in(page, file)
    expect(page.get_by_role("heading", name="Ce qui est fait")).to_be_visible()
    visitor = visit(phone=True)
    visitor.goto("/structures/pays-de-blain--e1")
    expect(visitor.get_by_role("heading", level=1)).to_have_text("Introuvable")
    qualify_everything(page)
    expect(page.get_by_text("Devenues publiques")).to_be_visible()
    goto_soon(visitor, "/structures/pays-de-blain--e1")
    expect(visitor.get_by_role("heading", level=1)).to_have_text("L’Écluse des Outils")
    expect(visitor.get_by_text("Vérifiée par un permanent")).to_be_visible()
    visitor.goto("/?q=ecluse")
    visitor.get_by_role("link", name="L’Écluse des Outils").click()
    expect(visitor.get_by_role("heading", level=1)).to_have_text("L’Écluse des Outils")
    open_record(page, "L’Écluse des Outils")
    page.get_by_role("button", name="Mettre à revoir").click()
    goto_soon(visitor, "/structures/pays-de-blain--e1", "Fiche en cours de relecture depuis le")


def test_a_structure_of_the_social_economy_waits_for_its_argumentaire_and_shows_it(
    node: RunningNode, visit: Visit, file: Path
) -> None:
    page = enter(visit(), node)
    bring_in(page, file)
    open_record(page, "L’Écluse des Outils")
    page.get_by_role("link", name="Modifier : Identité").click()
    page.get_by_label("De l’économie sociale et solidaire").select_option("oui")
    page.get_by_role("button", name="Enregistrer").click()
    page.get_by_role("button", name="Qualifier").click()
    expect(page.get_by_role("status")).to_contain_text("pas encore publique")
    for part in PARTS:
        expect(page.get_by_text(f"{part.label} : manque")).to_be_visible()
    page.get_by_role("link", name="Modifier : Argumentaire").click()
    for part in PARTS:
        page.get_by_label(part.label).fill(f"{part.example} À Blain.")
    page.get_by_role("button", name="Enregistrer").click()
    visitor = visit(phone=True)
    goto_soon(visitor, "/structures/pays-de-blain--e1")
    expect(visitor.get_by_role("heading", name="Ce que cette structure apporte")).to_be_visible()
    expect(visitor.get_by_text("À Blain.").first).to_be_visible()


def test_what_is_typed_badly_is_said_beside_its_field_and_nothing_typed_is_lost(
    node: RunningNode, visit: Visit, file: Path
) -> None:
    page = enter(visit(phone=True), node)
    bring_in(page, file)
    open_record(page, "Le Relais des Aînés")
    page.get_by_role("link", name="Modifier : Contact").click()
    page.get_by_label("Téléphone").fill("02 40")
    page.get_by_label("Adresse électronique").fill("bonjour@example.org")
    page.get_by_role("button", name="Enregistrer").click()
    wrong = page.get_by_label("Téléphone")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_value("02 40")
    expect(page.get_by_label("Adresse électronique")).to_have_value("bonjour@example.org")
    page.get_by_label("Téléphone").fill("02 40 11 22 33")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status")).to_have_text("C’est enregistré.")
    expect(page.get_by_text("02 40 11 22 33")).to_be_visible()


def test_two_permanents_at_the_same_record_lose_nothing(node: RunningNode, visit: Visit, file: Path) -> None:
    one = enter(visit(), node)
    bring_in(one, file)
    other = enter(visit(), node)
    for page in (one, other):
        open_record(page, "Le Relais des Aînés")
        page.get_by_role("link", name="Modifier : Identité").click()
    one.get_by_label("Description").fill("Visites à domicile le mardi")
    one.get_by_role("button", name="Enregistrer").click()
    other.get_by_label("Description").fill("Visites à domicile le jeudi")
    other.get_by_role("button", name="Enregistrer").click()
    expect(other.get_by_role("alert")).to_contain_text("a changé depuis que vous l’avez ouverte")
    expect(other.get_by_label("Description")).to_have_value("Visites à domicile le jeudi")


def test_two_entries_of_one_structure_become_one_and_can_be_separated(
    node: RunningNode, visit: Visit, file: Path, tmp_path: Path
) -> None:
    page = enter(visit(), node)
    bring_in(page, file)
    qualify_everything(page)
    other = tmp_path / "autres.csv"
    other.write_text(COLUMNS + ROWS.splitlines()[0].replace(";e1", ";x1").replace(";;2026", ";a@example.org;2026"))
    bring_in(page, other, source="autre-liste")
    goto_soon(page, "/doublons", "Presque sûr")
    page.get_by_role("button", name="C’est la même").click()
    expect(page.get_by_text("n’en font plus qu’une")).to_be_visible()
    visitor = visit(phone=True)
    goto_soon(visitor, "/structures/pays-de-blain--e1", "a@example.org")
    expect(visitor.get_by_text("autre-liste")).to_be_visible()
    open_record(page, "L’Écluse des Outils")
    page.get_by_role("button", name="Défaire la dernière fusion").click()
    expect(page.get_by_role("status")).to_contain_text("de nouveau séparées")
    goto_soon(page, "/doublons", "Presque sûr")
    page.get_by_role("button", name="la seconde").click()
    expect(page.get_by_text("C’est noté : l’une est un établissement")).to_be_visible()
    goto_soon(page, "/doublons", "Aucune paire n’attend de décision")
    open_record(page, "L’Écluse des Outils")
    expect(page.get_by_role("heading", name="Établissement")).to_be_visible()


def test_a_change_is_read_in_the_history_and_taken_back(node: RunningNode, visit: Visit, file: Path) -> None:
    page = enter(visit(), node)
    bring_in(page, file)
    open_record(page, "Le Relais des Aînés")
    page.get_by_role("link", name="Modifier : Identité").click()
    page.get_by_label("Nom", exact=True).fill("Le Relais")
    page.get_by_role("button", name="Enregistrer").click()
    page.get_by_role("link", name="Historique").click()
    expect(page.locator("del").first).to_have_text("Le Relais des Aînés")
    csrf = page.locator("[name='csrf']").first.input_value()
    for of in ("99999999999999999999", "-1", "x"):
        assert page.request.post(page.url, form={"csrf": csrf, "of": of}).status == 404
    page.get_by_role("button", name="Défaire la version 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Le Relais des Aînés")


def test_a_contact_is_withdrawn_for_good(node: RunningNode, visit: Visit, file: Path) -> None:
    page = enter(visit(), node)
    bring_in(page, file)
    qualify_everything(page)
    page.get_by_role("link", name="Oppositions").click()
    page.get_by_label("Téléphone").fill("02 40 00 00 01")
    page.get_by_role("button", name="Voir ce qui la nomme").click()
    expect(page.get_by_role("heading", name="1 fiche la nomme")).to_be_visible()
    page.get_by_role("button", name="Effacer pour de bon").click()
    expect(page.get_by_role("status")).to_contain_text("C’est effacé")
    bring_in(page, file)
    open_record(page, "Le Relais des Aînés")
    expect(page.get_by_text("5 rue Basse")).to_be_visible()
    expect(page.get_by_text("02 40 00 00 01")).to_have_count(0)
    page.get_by_role("link", name="Historique").click()
    expect(page.get_by_text("changée par un import").first).to_be_visible()
    assert "40000001" not in page.content().replace(" ", "")
    assert not node.ask("directory", "verify")["streams"][0]["faults"]


def test_everything_public_is_taken_as_files_in_both_standards(
    node: RunningNode, visit: Visit, file: Path, tmp_path: Path
) -> None:
    page = enter(visit(), node)
    bring_in(page, file)
    qualify_everything(page)
    goto_soon(page, "/structures/pays-de-blain--e2")
    page.goto("/a-propos")
    page.get_by_role("link", name="Tout l’annuaire en fichiers").click()
    goto_soon(page, "/data/", "2 structures et 0 services")
    for name in ("structures.json", "hsds-organizations.json", "annuaire-hsds.zip", "annuaire.xlsx"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        taken = tmp_path / name
        download.value.save_as(taken)
        names = {draft["fields"]["nom"] for row in read([taken]) for draft in row.drafts}
        assert names == {"L’Écluse des Outils", "Le Relais des Aînés"}, name


def test_a_form_of_another_site_is_refused_and_who_is_out_sees_the_way_in(
    node: RunningNode, visit: Visit, file: Path
) -> None:
    page = visit()
    page.goto("/travail")
    expect(page.get_by_role("heading", level=1)).to_have_text("Entrer")
    enter(page, node)
    forged = page.request.post("/sortir", form={"csrf": "x"})
    assert forged.status == 403
    elsewhere = page.request.post("/sortir", form={}, headers={"Origin": "https://ailleurs.example"})
    assert elsewhere.status == 403
    cookie = page.context.cookies()[0]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    page.goto("/travail")
    page.get_by_role("button", name="Sortir").click()
    page.goto("/travail")
    expect(page.get_by_role("heading", level=1)).to_have_text("Entrer")


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desk"])
def test_every_page_can_be_used_by_everybody_and_fits_its_screen(
    node: RunningNode, visit: Visit, file: Path, phone: bool
) -> None:
    page = visit(phone, scripts=True)
    page.goto("/entrer")
    expect(page.get_by_text("demandez votre lien à son administrateur")).to_be_visible()
    expect(page.get_by_role("button", name="Recevoir un lien")).to_have_count(0)
    assert violations(page) == []
    enter(page, node)
    bring_in(page, file)
    assert violations(page) == []
    page.get_by_role("button", name="Voir ce que donnerait leur qualification").click()
    assert violations(page) == []
    page.get_by_role("button", name="Qualifier ces 2 fiches").click()
    open_record(page, "Le Relais des Aînés")
    record = page.url
    goto_soon(page, "/structures/pays-de-blain--e2")
    groups = ("identity", "place", "contact", "hours", "access", "argumentaire", "historique")
    public = (
        "/",
        "/?q=relais",
        "/structures/pays-de-blain--e2",
        "/a-propos",
        "/data/",
        "/docs",
        f"/signaler/{record.rsplit('/', 1)[1]}",
    )
    staff = (
        "/travail",
        "/propositions",
        "/doublons",
        "/importer",
        "/oppositions",
        "/masquees",
        "/fraicheur",
        "/travail/chercher?q=relais",
    )
    for address in (record, *(f"{record}/{group}" for group in groups), *staff, "/travail/chercher?q=relais", *public):
        answer = page.goto(address)
        assert answer is not None and answer.ok, address
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, address
