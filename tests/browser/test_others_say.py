"""What visitors and structures say of a record, by pages alone, and how it is answered."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import RunningNode, Visit, enter
from tests.browser.test_staff import bring_in, goto_soon, open_record, qualify_everything


def test_a_visitor_reports_an_error_and_a_permanent_answers_it(node: RunningNode, visit: Visit, file: Path) -> None:
    page = enter(visit(), node)
    bring_in(page, file)
    qualify_everything(page)
    visitor = visit(phone=True)
    goto_soon(visitor, "/structures/pays-de-blain--e2")
    visitor.get_by_role("link", name="Signaler une erreur").click()
    visitor.get_by_label("Ce qui est à corriger").select_option(label="Téléphone (aujourd’hui : 02 40 00 00 01)")
    visitor.get_by_label("La bonne valeur").fill("02 40 99 99 99")
    visitor.get_by_role("button", name="Envoyer").click()
    expect(visitor.get_by_role("status")).to_contain_text("Merci")
    page.get_by_role("link", name="Propositions", exact=True).first.click()
    expect(page.get_by_text("02 40 99 99 99")).to_be_visible()
    page.get_by_role("button", name="Accepter, et changer la fiche").click()
    expect(page.get_by_role("status")).to_contain_text("la fiche a changé")
    visitor.goto(visitor.url)
    visitor.get_by_label("Ce qui est à corriger").select_option(label="Horaires")
    visitor.get_by_label("La bonne valeur").fill("quand le coq chante")
    visitor.get_by_role("button", name="Envoyer").click()
    expect(visitor.get_by_role("alert")).to_contain_text("Par exemple : lundi au vendredi")
    expect(visitor.get_by_role("alert")).not_to_contain_text("gardé à côté")
    visitor.get_by_label("Ce qui est à corriger").select_option(label="Autre chose, ou toute la fiche")
    visitor.get_by_label("La bonne valeur").fill("")
    visitor.get_by_label("Dites-le avec vos mots").fill("La porte est derrière l’église.")
    visitor.get_by_role("button", name="Envoyer").click()
    page.goto("/propositions")
    page.get_by_role("button", name="Accepter : je m’en occupe").click()
    expect(page.get_by_role("status")).to_contain_text("La fiche n’a pas changé")
    page.get_by_role("link", name="Acceptées").click()
    expect(page.get_by_text("derrière l’église")).to_be_visible()
    goto_soon(visitor, "/structures/pays-de-blain--e2", "02 40 99 99 99")
    expect(visitor.get_by_role("link", name="02 40 99 99 99")).to_be_visible()


def test_a_structure_opens_its_link_answers_the_question_and_confirms_its_entry(
    node: RunningNode, visit: Visit, file: Path
) -> None:
    page = enter(visit(), node)
    bring_in(page, file)
    qualify_everything(page)
    open_record(page, "Le Relais des Aînés")
    page.get_by_role("button", name="Faire un lien pour la structure").click()
    url = page.locator("#lien").inner_text()
    phone = visit(phone=True)
    phone.goto(url)
    phone.get_by_role("button", name="Entrer").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Votre fiche dans l’annuaire")
    phone.get_by_role("link", name="Répondre").click()
    phone.get_by_label("Horaires d’accueil").fill("lundi au vendredi 9h-12h")
    phone.get_by_role("button", name="Enregistrer").click()
    phone.get_by_role("button", name="je confirme").click()
    expect(phone.get_by_role("status")).to_have_text("La fiche est confirmée. Merci !")
    phone.get_by_role("link", name="Modifier : Contact").click()
    phone.get_by_label("Téléphone").fill("02 40 77 77 77")
    phone.get_by_role("button", name="Enregistrer").click()
    expect(phone.get_by_role("status")).to_contain_text("attend d’être relu par un permanent")
    phone.get_by_role("button", name="je confirme").click()
    expect(phone.get_by_role("status")).to_contain_text("attend encore d’être relu")
    phone.goto("/equipe")
    expect(phone.get_by_text("Un changement attend d’être relu")).to_be_visible()
    assert phone.goto("/travail").status == 403
    again = visit()
    again.goto(url)
    again.get_by_role("button", name="Entrer").click()
    expect(again.get_by_role("alert")).to_contain_text("déjà servi")
    open_record(page, "Le Relais des Aînés")
    expect(page.get_by_text("Confirmée par la structure")).to_be_visible()
    expect(page.get_by_text("Le public voit : 02 40 00 00 01")).to_be_visible()
    expect(page.get_by_text("Attend : 02 40 77 77 77")).to_be_visible()
    page.get_by_role("link", name="Historique").click()
    expect(page.get_by_text("par la structure, par son lien").first).to_be_visible()
    assert "structure_editor" not in page.content()
    visitor = visit()
    goto_soon(visitor, "/structures/pays-de-blain--e2", "lundi au vendredi")
    expect(visitor.get_by_text("Confirmée par la structure")).to_be_visible()
    expect(visitor.get_by_text("lundi au vendredi")).to_be_visible()
