"""Acts on many records, and on one that changes meanwhile: what each would change is shown, nothing is done unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import is_for_everybody
from tests.browser.conftest import RunningNode, Visit, as_marie, enter
from tests.browser.test_staff import bring_in, goto_soon, open_record, qualify_everything

AINES, OUTILS = "Le Relais des Aînés", "L’Écluse des Outils"
SOURCE = "pays-de-blain"


def import_again(node: RunningNode, **telephones: str) -> None:
    """The same list once more, by a machine, with other telephones: `e2="0240000009"`."""
    numbers = {"e1": "0240000000", "e2": "0240000001"} | telephones
    names = {"e1": OUTILS, "e2": AINES}
    opened = node.ask("directory", "import_begin", source=SOURCE, name="encore.csv")
    rows = [
        {"kind": "structure", "source": SOURCE, "source_id": each, "fields": {
            "nom": names[each], "date_maj": "2026-01-31", "commune": "Blain", "code_insee": "44015",
            "code_postal": "44130", "telephone": f"+33{number[1:]}",
        }} for each, number in numbers.items()
    ]  # fmt: skip
    node.ask("directory", "import_rows", **{"import": opened["import"], "rows": rows})
    node.ask("directory", "import_finish", **{"import": opened["import"]})


@pytest.fixture
def page(node: RunningNode, visit: Visit, file: Path, phone: bool) -> Page:
    """A permanent, with two structures that are public."""
    page = enter(visit(phone, scripts=True), node)
    bring_in(page, file, source=SOURCE)
    qualify_everything(page)
    return page


both = pytest.mark.parametrize("phone", [True, False], ids=["phone", "desk"])
at_desk = pytest.mark.parametrize("phone", [False], ids=["desk"])


def status_of(node: RunningNode, name: str) -> Any:
    [found] = node.ask("directory", "find", q=name)["records"]
    return found["status"]


@both
def test_one_that_changed_while_it_was_read_is_shown_again_and_qualified_on_a_second_press(
    page: Page, node: RunningNode
) -> None:
    import_again(node, e2="0240000008")
    open_record(page, AINES)
    import_again(node, e2="0240000009")
    page.get_by_label("Vérifiées comment ?").select_option("par téléphone")
    page.get_by_role("button", name="Qualifier").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Rien n’est fait : cette fiche a changé depuis que vous l’avez lue")
    expect(alert.locator("del")).to_have_text("02 40 00 00 08")
    expect(alert.locator("ins")).to_have_text("02 40 00 00 09")
    expect(page.get_by_label("Vérifiées comment ?")).to_have_value("call")
    is_for_everybody(page)
    assert status_of(node, AINES) == "review"
    page.get_by_role("button", name="Qualifier").click()
    expect(page.get_by_role("status")).to_have_text("La fiche est qualifiée.")
    assert status_of(node, AINES) == "qualified"


@at_desk
@pytest.mark.parametrize("button", ["La structure confirme sa fiche", "Mettre à revoir", "Retirer"])
def test_what_else_is_decided_of_one_that_changed_meanwhile_is_not_done(
    page: Page, node: RunningNode, button: str
) -> None:
    open_record(page, AINES)
    [found] = node.ask("directory", "find", q=AINES)["records"]
    before = as_marie(node, "edit", id=found["id"], version=found["version"], fields={"description": "Le mardi"})
    if button == "Retirer":
        page.get_by_text("Retirer la fiche").click()
        page.get_by_label("Pourquoi ?").fill("Elle a fermé")
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("alert").locator("ins")).to_have_text("Le mardi")
    [now] = node.ask("directory", "find", q=AINES)["records"]
    assert (now["version"], now["status"], now["confirmed_at"]) == (before["version"], "qualified", None)
    if button == "Retirer":
        expect(page.get_by_label("Pourquoi ?")).to_have_value("Elle a fermé")
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("status")).to_be_visible()


@both
def test_a_whole_list_is_qualified_but_for_what_changed_since_it_was_seen(
    page: Page, node: RunningNode, visit: Visit
) -> None:
    import_again(node, e1="0240000007", e2="0240000008")
    page.goto("/travail?motif=review")
    is_for_everybody(page)
    page.get_by_role("button", name="Qualifier les 2").click()
    expect(page.get_by_role("heading", name="Ce que le public verrait changer : 2 fiches")).to_be_visible()
    shown = page.get_by_role("listitem").filter(has_text=AINES)
    expect(shown.locator("del").filter(has_text="02")).to_have_text("02 40 00 00 01")
    expect(shown.locator("ins").filter(has_text="02")).to_have_text("02 40 00 00 08")
    is_for_everybody(page)
    import_again(node, e1="0240000007", e2="0240000009")
    page.get_by_label("Vérifiées comment ?").select_option("par téléphone")
    page.get_by_role("button", name="Qualifier ces 2 fiches").click()
    expect(page.get_by_role("heading", name="Changées depuis que vous les avez vues")).to_be_visible()
    expect(page.locator("ins")).to_have_text("02 40 00 00 09")
    is_for_everybody(page)
    assert (status_of(node, OUTILS), status_of(node, AINES)) == ("qualified", "review")
    expect(page.get_by_label("Vérifiées comment ?")).to_have_value("call")
    page.get_by_role("button", name="Qualifier cette fiche, telle qu’elle est maintenant").click()
    expect(page.get_by_text("Devenues publiques, ou restées")).to_be_visible()
    assert status_of(node, AINES) == "qualified"
    goto_soon(visit(), "/structures/pays-de-blain--e2", "02 40 00 00 09")


@at_desk
def test_one_that_lacks_something_is_left_out_and_said_and_the_others_are_qualified(
    page: Page, node: RunningNode
) -> None:
    for number, said in ((1, {"description": "Le mardi, à deux."}), (2, {})):
        fields = {"nom": f"Visite {number}", "date_maj": "2026-01-31"} | said
        draft = {"kind": "service", "source": SOURCE, "source_id": f"v{number}", "structure_source_id": "e2"}
        [made] = node.ask("directory", "put", records=[draft | {"fields": fields}])["records"]
        node.ask("directory", "step", id=made["id"], step="submit")
    page.goto("/travail?motif=submitted")
    page.get_by_role("button", name="Qualifier les 2").click()
    expect(page.get_by_role("heading", name="Refusées")).to_be_visible()
    expect(page.get_by_role("link", name="« Visite 2 » ne peut pas être publiée.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Visite 1")).to_contain_text("deviendrait publique")
    is_for_everybody(page)
    page.get_by_role("button", name="Qualifier cette fiche").click()
    assert (status_of(node, "Visite 1"), status_of(node, "Visite 2")) == ("qualified", "submitted")
    page.goto("/travail?motif=submitted")
    page.get_by_label("Choisir Visite 2").check()
    page.get_by_role("button", name="Voir ce que donnerait leur qualification").last.click()
    expect(page.get_by_text("Aucune ne peut être qualifiée telle qu’elle est.")).to_be_visible()


@at_desk
def test_nothing_chosen_is_lost_where_a_form_cannot_be_taken(page: Page, node: RunningNode) -> None:
    import_again(node, e1="0240000007", e2="0240000008")
    page.goto("/travail?motif=review")
    page.get_by_role("button", name="Voir ce que donnerait leur qualification").click()
    expect(page.get_by_role("alert")).to_have_text("Choisissez au moins une fiche.")
    expect(page.get_by_role("heading", name="À revoir")).to_be_visible()
    page.get_by_label(f"Choisir {AINES}").check()
    page.get_by_role("button", name="Voir ce que donnerait leur qualification").click()
    page.evaluate("document.querySelector('#how option').value = 'au hasard'")
    page.get_by_label("Vérifiées comment ?").select_option(index=0)
    page.get_by_role("button", name="Qualifier cette fiche").click()
    expect(page.get_by_role("alert")).to_contain_text("« au hasard »")
    is_for_everybody(page)
    page.evaluate("document.querySelector('[name=how]').value = 'call'")
    page.get_by_role("button", name="Voir de nouveau ce que cela donnerait").click()
    page.get_by_role("button", name="Qualifier cette fiche").click()
    assert (status_of(node, OUTILS), status_of(node, AINES)) == ("review", "qualified")


@both
def test_a_whole_list_goes_back_to_review_with_a_reason_that_its_history_keeps(page: Page, node: RunningNode) -> None:
    for name in (OUTILS, AINES):
        [found] = node.ask("directory", "find", q=name)["records"]
        as_marie(node, "edit", id=found["id"], version=found["version"], ess="yes")
    page.goto("/travail?motif=held")
    page.get_by_role("button", name="Mettre les 2 à revoir").click()
    expect(page.get_by_role("link", name=AINES)).to_be_visible()
    page.get_by_label("Pourquoi les relire ?").fill("   ")
    page.get_by_role("button", name="Mettre ces 2 fiches à revoir").click()
    expect(page.get_by_role("alert")).to_contain_text("Dites pourquoi")
    is_for_everybody(page)
    assert status_of(node, AINES) == "qualified"
    page.get_by_label("Pourquoi les relire ?").fill("La commune a changé de nom")
    page.get_by_role("button", name="Mettre ces 2 fiches à revoir").click()
    expect(page.get_by_text("Fiches mises à revoir")).to_be_visible()
    is_for_everybody(page)
    assert (status_of(node, OUTILS), status_of(node, AINES)) == ("review", "review")
    open_record(page, AINES)
    page.get_by_role("link", name="Historique").click()
    expect(page.get_by_text("La commune a changé de nom")).to_be_visible()
