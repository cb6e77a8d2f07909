"""A structure's link that opens no more: what its holder reads, whom to ask, and another link by mail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.accounts.postbox import Postbox
from tests.browser.conftest import MARIE, RunningNode, Visit
from tests.browser.test_public_record import looked_at
from tests.federation.test_messages import soon
from tests.running import running_node

ADDRESS, CONTACT = "contact@example.org", "bonjour@example.org"


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    """A mail server of this machine."""
    box = Postbox()
    yield box
    box.close()


@pytest.fixture
def node(tmp_path: Path, postbox: Postbox) -> Iterator[RunningNode]:
    """A node that sends mail, says how it is reached, and shows one structure."""
    mail = {"MAILLAGE_MAIL_HOST": "127.0.0.1", "MAILLAGE_MAIL_PORT": str(postbox.port),
            "MAILLAGE_MAIL_SECURITY": "none", "MAILLAGE_MAIL_SENDER": CONTACT}  # fmt: skip
    with running_node(tmp_path / "node", MAILLAGE_NODE_CONTACT=CONTACT, **mail) as made:
        made.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        fields = {"nom": "La Grange", "date_maj": "2026-01-31", "courriel": ADDRESS}
        row = {"kind": "structure", "source": "liste", "source_id": "g1", "fields": fields}
        opened = made.ask("directory", "import_begin", source="liste", name="m", policy="publish")
        made.ask("directory", "import_rows", **{"import": opened["import"], "rows": [row]})
        made.ask("directory", "import_finish", **{"import": opened["import"]})
        yield made


def use(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Entrer").click()


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desk"])
def test_who_comes_by_a_used_link_is_told_so_and_may_have_another_sent(
    node: RunningNode, visit: Visit, postbox: Postbox, phone: bool
) -> None:
    [record] = node.ask("directory", "export", kind="structure")["records"]
    url = node.ask("accounts", "structure_link", structures=[record["id"]])["url"]
    use(visit(), url)
    page, device = visit(phone=phone, scripts=True), "phone" if phone else "desk"
    use(page, url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Ce lien n’ouvre plus")
    expect(page.get_by_role("alert")).to_contain_text("Ce lien a déjà servi, ou son temps est passé.")
    expect(page.get_by_role("link", name=CONTACT)).to_have_attribute("href", f"mailto:{CONTACT}")
    looked_at(page, f"spent-{device}")
    page.get_by_role("button", name="Envoyer un autre lien à la structure").click()
    expect(page.get_by_role("status")).to_contain_text("Si une adresse est connue ici pour ce lien")
    looked_at(page, f"spent-asked-{device}")
    told = page.get_by_role("main").inner_text()
    [letter] = soon(lambda: list(postbox.letters))
    assert letter["To"] == ADDRESS
    [fresh] = [line for line in letter.get_content().splitlines() if "/entrer/" in line]
    stranger = visit(phone=phone)
    use(stranger, f"{node.url}/entrer/never-was")
    stranger.get_by_role("button", name="Envoyer un autre lien à la structure").click()
    assert stranger.get_by_role("main").inner_text() == told, "whether an address is known is told to nobody"
    use(stranger, fresh)
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Votre fiche dans l’annuaire")
    stranger.get_by_role("link", name="Relire la fiche").click()
    stranger.get_by_role("link", name="Historique").click()
    assert MARIE not in stranger.content()
    assert len(postbox.letters) == 1


def test_whose_entry_is_no_more_is_told_so_and_whom_to_ask(node: RunningNode, visit: Visit) -> None:
    [record] = node.ask("directory", "export", kind="structure")["records"]
    url = node.ask("accounts", "structure_link", structures=[record["id"]])["url"]
    node.ask("directory", "withdraw", id=record["id"], reason="Fermée depuis mai.")
    page = visit(phone=True, scripts=True)
    use(page, url)
    expect(page.get_by_role("heading", level=2)).to_have_text("Votre fiche n’est plus dans l’annuaire")
    expect(page.get_by_text("Elle a été retirée : Fermée depuis mai.")).to_be_visible()
    expect(page.get_by_role("link", name=CONTACT)).to_have_attribute("href", f"mailto:{CONTACT}")
    looked_at(page, "spent-withdrawn")
