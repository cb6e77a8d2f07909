"""What a person emptied and an import says again stands beside the record; the record's page opens all the same."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import RunningNode, Visit, enter
from tests.browser.test_staff import bring_in, open_record

COLUMNS = "nom;adresse;code_postal;commune;telephone;horaires_accueil;courriel;date_maj;id\n"
ROW = "L’Écluse des Outils;3 rue Haute;44130;Blain;0240000000;Mo-Fr 09:00-12:00;e@example.org;2026-01-31;e1\n"
EMPTIED = ("telephone", "horaires_accueil", "courriel")


def test_fields_that_were_emptied_and_come_again_by_import_are_shown_as_empty(
    node: RunningNode, visit: Visit, tmp_path: Path
) -> None:
    file = tmp_path / "structures.csv"
    file.write_text(COLUMNS + ROW, "utf-8")
    page = enter(visit(), node)
    bring_in(page, file)
    open_record(page, "L’Écluse des Outils")
    record = page.url
    for group in ("contact", "hours"):
        page.goto(f"{record}/{group}")
        for name in EMPTIED:
            box = page.locator(f"[name='{name}']")
            if box.count():
                box.fill("")
        page.get_by_role("button", name="Enregistrer").click()
    page.goto("/travail")
    bring_in(page, file)
    answer = page.goto(record)
    assert answer is not None
    assert answer.status == 200
    expect(page.get_by_role("heading", name="Un import dit autre chose")).to_be_visible()
    expect(page.get_by_text("02 40 00 00 00")).to_be_visible()
