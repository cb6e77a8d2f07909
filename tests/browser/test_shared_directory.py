"""One directory of two nodes, by the pages: whose a record is, who hears of an error in it, how it passes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.client import connected
from services.kernel import identity
from tests.browser.axe import violations
from tests.browser.conftest import DESK, MARIE, PHONE, enter
from tests.browser.test_staff import goto_soon
from tests.federation.test_messages import follow, soon
from tests.running import RunningNode, running_node

NAMES = {"g1": "La Grange", "g2": "Le Moulin", "g3": "La Forge"}
UNWANTED = "+33240000002"
"""The number of Le Moulin, to which somebody objects at RADAR."""
OFFERS = "Fiches proposées par d’autres nœuds"


@dataclass
class Pair:
    """RADAR and ORPAN, which follow each other; ORPAN has three public structures, one with a service."""

    radar: RunningNode
    orpan: RunningNode
    ids: dict[str, str]
    browser: Browser

    def page(self, of: RunningNode, phone: bool = False) -> Page:
        """A browser in front of one of them; its scripts run, so that axe can look."""
        context = self.browser.new_context(viewport=PHONE if phone else DESK, base_url=of.url, locale="fr-FR")
        page = context.new_page()
        page.set_default_timeout(10_000)
        return page

    def permanent(self, of: RunningNode, phone: bool = False) -> Page:
        """The same, with Marie in."""
        return enter(self.page(of, phone), of)

    def offer(self, *names: str, note: str = "") -> str:
        """ORPAN offers structures to RADAR; the offer's name there, once it came."""
        known = {each["id"] for each in as_marie(self.radar, "offers")["offers"]}
        ids = [self.ids[name] for name in names]
        as_marie(self.orpan, "hand_over", to=identity.load(self.radar.folder).name, ids=ids, note=note)

        def came() -> Any:
            return [each["id"] for each in as_marie(self.radar, "offers")["offers"] if each["id"] not in known]

        found: str = soon(came)[0]
        return found


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with ExitStack() as opened:
        radar, orpan = (
            opened.enter_context(running_node(folder / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper()))
            for name in ("radar", "orpan")
        )
        for node in (radar, orpan):
            node.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        publish(orpan)
        follow(radar, orpan)
        follow(orpan, radar)
        found = orpan.ask("directory", "export", kind="structure")["records"]
        ids = {each["source_id"]: each["id"] for each in found}
        soon(lambda: len(radar.ask("directory", "changes", after=0, limit=10)["items"]) == len(NAMES) + 1)
        yield Pair(radar, orpan, ids, browser)


def as_marie(node: RunningNode, door: str, **asked: Any) -> Any:
    """A door of the directory in Marie's name; whoever came in as her stays in."""
    with connected(node.folder) as client:
        actor = client.call("accounts", "act_as", {"email": MARIE})["actor"]
        return client.call("directory", door, asked, actor)


def publish(node: RunningNode) -> None:
    """Structures and a service of a source that is published unseen."""
    common: dict[str, Any] = {"commune": "Blain", "code_insee": "44015", "date_maj": "2026-01-31"}
    rows = [
        {"kind": "structure", "source": "liste", "source_id": each, "fields": common | {"nom": name}}
        for each, name in NAMES.items()
    ]
    rows[1]["fields"]["telephone"] = UNWANTED
    rows.append({
        "kind": "service", "source": "liste", "source_id": "s1", "structure_source_id": "g1",
        "fields": common | {"nom": "Atelier du grain", "description": "On y moud le grain."},
    })  # fmt: skip
    opened = node.ask("directory", "import_begin", source="liste", name="m", policy="publish")
    node.ask("directory", "import_rows", **{"import": opened["import"], "rows": rows})
    node.ask("directory", "import_finish", **{"import": opened["import"]})


def is_for_everybody(page: Page) -> None:
    assert violations(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url


@pytest.fixture(params=[True, False], ids=["phone", "desk"])
def phone(request: pytest.FixtureRequest) -> bool:
    chosen: bool = request.param
    return chosen


def test_a_search_says_whose_each_record_is_and_leads_to_it(pair: Pair, phone: bool) -> None:
    page = pair.page(pair.radar, phone)
    goto_soon(page, "/?q=grain", "Atelier du grain")
    expect(
        page.get_by_text("Fiche tenue par ORPAN. Pas encore confirmée par la structure, ni vérifiée.")
    ).to_be_visible()
    is_for_everybody(page)
    page.get_by_role("link", name="La Grange").click()
    assert page.url.endswith(f"/structures/{pair.ids['g1']}")
    expect(page.get_by_text("Fiche tenue par ORPAN")).to_be_visible()
    expect(page.get_by_text("Masquer cette fiche")).to_have_count(0)


def test_a_permanent_hides_a_record_where_it_is_read_and_its_home_hears_why(pair: Pair, phone: bool) -> None:
    page, record = pair.permanent(pair.radar, phone), pair.ids["g2"]
    goto_soon(page, f"/structures/{record}", "Le Moulin")
    page.get_by_text("Masquer cette fiche sur ce nœud").click()
    is_for_everybody(page)
    reason = f"Deux plaintes, {'au téléphone' if phone else 'au bureau'}"
    page.get_by_role("textbox", name="Raison").fill(reason)
    page.get_by_label("Le dire, avec la raison, à ORPAN").check()
    page.get_by_role("button", name="Masquer ici").click()
    expect(page.get_by_role("status")).to_have_text(
        "Ce nœud ne montre plus cette fiche, et le dit à celui qui la tient."
    )
    soon(lambda: [each for each in as_marie(pair.orpan, "suggestions")["suggestions"] if reason in each["message"]])
    visitor = pair.page(pair.radar)
    soon(lambda: getattr(visitor.goto(f"/structures/{record}"), "status", 0) == 404)
    expect(visitor.get_by_text(f"tenue par ORPAN, {pair.orpan.url}")).to_be_visible()
    page.get_by_role("button", name="Montrer de nouveau Le Moulin").click()
    goto_soon(visitor, f"/structures/{record}", "Le Moulin")


def test_offered_records_are_refused_with_a_word_or_taken_back(pair: Pair) -> None:
    as_marie(pair.radar, "object_to", telephone=UNWANTED)
    offer = pair.offer("g2", note="Vous êtes plus près.")
    page = pair.permanent(pair.radar, phone=True)
    page.goto("/travail")
    page.get_by_role("link", name=OFFERS).click()
    expect(page.get_by_text("Vous êtes plus près.")).to_be_visible()
    is_for_everybody(page)
    page.get_by_role("link", name="De ORPAN : 1 fiche").click()
    expect(page.get_by_role("listitem").filter(has_text="Le Moulin")).to_contain_text("ne sera pas pris : téléphone")
    assert UNWANTED not in page.content()
    is_for_everybody(page)
    page.get_by_label("Réponse").fill("Pas cette année.")
    page.get_by_role("button", name="Refuser").click()
    expect(page.get_by_role("status")).to_contain_text("C’est refusé")
    answer = page.goto(f"/passations/{offer}")
    assert answer is not None and answer.ok
    expect(page.get_by_role("button", name="Prendre")).to_have_count(0)
    at_home = pair.permanent(pair.orpan)
    goto_soon(at_home, "/passations", "Pas cette année.")
    pair.offer("g3")
    at_home.goto("/passations")
    at_home.get_by_role("link", name="À RADAR : 1 fiche").first.click()
    is_for_everybody(at_home)
    at_home.get_by_role("button", name="Reprendre").click()
    expect(at_home.get_by_role("status")).to_contain_text("La proposition est reprise")
    goto_soon(page, "/passations", "reprise le")


def test_a_permanent_offers_a_structure_by_its_page_after_seeing_what_would_go(pair: Pair, phone: bool) -> None:
    page = pair.permanent(pair.orpan, phone)
    page.goto(f"/fiches/{pair.ids['g3']}")
    page.get_by_role("link", name="Proposer cette fiche à un autre nœud").click()
    page.get_by_label("À quel nœud ?").select_option(label="RADAR")
    note = f"Plus près de vous, {'au téléphone' if phone else 'au bureau'}."
    page.get_by_label("Un mot pour qui décidera").fill(note)
    page.get_by_role("button", name="Voir ce qui serait proposé").click()
    expect(page.get_by_role("heading", name="Ce qui serait proposé à RADAR")).to_be_visible()
    is_for_everybody(page)
    assert note not in str(as_marie(pair.orpan, "offers"))
    page.get_by_role("button", name="Proposer cette fiche à RADAR").click()
    expect(page.get_by_role("status")).to_contain_text("C’est proposé")
    there = pair.permanent(pair.radar, phone)
    goto_soon(there, "/passations", note)
    page.get_by_role("link", name="À RADAR : 1 fiche").first.click()
    page.get_by_role("button", name="Reprendre").click()


def test_all_of_a_source_may_be_offered_and_what_is_sent_to_other_nodes_names_them(pair: Pair) -> None:
    page = pair.permanent(pair.orpan)
    page.goto("/passations")
    page.get_by_role("link", name="Proposer des fiches").click()
    page.get_by_label("À quel nœud ?").select_option(label="RADAR")
    page.get_by_label("Quelles fiches ?").select_option(label="Toutes celles de la source liste")
    page.get_by_role("button", name="Voir ce qui serait proposé").click()
    expect(page.get_by_role("button", name="Proposer ces 4 fiches à RADAR")).to_be_visible()
    as_marie(pair.radar, "suggest", id=pair.ids["g1"], message="La porte est bleue.")
    there = pair.permanent(pair.radar)
    there.goto("/propositions")
    expect(there.get_by_text("à ORPAN : attend sa réponse").first).to_be_visible()
    is_for_everybody(there)
    [made] = [each for each in soon(lambda: as_marie(pair.orpan, "suggestions")["suggestions"])
              if each["message"] == "La porte est bleue."]  # fmt: skip
    as_marie(pair.orpan, "decide", suggestion=made["suggestion"], accept=False, answer="Elle est verte.")
    goto_soon(there, "/propositions", "Elle est verte.")
    expect(there.get_by_text("à ORPAN : pas retenue")).to_be_visible()


def test_taken_they_are_this_nodes_and_the_old_one_leads_to_them(pair: Pair, phone: bool) -> None:
    source = "g2" if phone else "g1"
    pair.offer(source)
    page = pair.permanent(pair.radar, phone)
    page.goto("/passations")
    page.get_by_role("link", name="De ORPAN").first.click()
    page.get_by_role("button", name="Prendre").click()
    expect(page.get_by_role("status")).to_contain_text("C’est accepté")
    record = pair.ids[source]
    goto_soon(page, f"/fiches/{record}", NAMES[source])
    page.goto("/travail")
    expect(page.get_by_role("link", name=OFFERS)).to_have_count(0)
    at_home = pair.permanent(pair.orpan, phone)
    goto_soon(at_home, f"/structures/{record}", "Fiche tenue par")
    at_home.goto(f"/fiches/{record}")
    expect(at_home.get_by_text(f"Cette fiche est tenue par RADAR, {pair.radar.url}")).to_be_visible()
    is_for_everybody(at_home)
    at_home.get_by_role("link", name="Ouvrir cette fiche chez RADAR").click()
    assert at_home.url == f"{pair.radar.url}/structures/{record}"
    expect(at_home.get_by_role("heading", level=1)).to_have_text(NAMES[source])


def test_who_reports_an_error_is_told_who_reads_it_and_where_to_go_when_nobody_there_is_reached(pair: Pair) -> None:
    page, record = pair.page(pair.radar, phone=True), pair.ids["g3"]
    goto_soon(page, f"/signaler/{record}")
    expect(page.get_by_text("Votre message part à ORPAN")).to_be_visible()
    page.get_by_label("Dites-le avec vos mots").fill("La porte est murée.")
    pair.radar.ask("federation", "peer_pause", peer="orpan")
    page.get_by_role("button", name="Envoyer").click()
    expect(page.get_by_role("alert")).to_contain_text(f"écrivez-lui à {pair.orpan.url}")
    expect(page.get_by_label("Dites-le avec vos mots")).to_have_value("La porte est murée.")
    page.goto(f"/signaler/{record}")
    expect(page.get_by_role("status")).to_contain_text("ORPAN n’est pas joint en ce moment")
    expect(page.get_by_role("button", name="Envoyer")).to_have_count(0)
    is_for_everybody(page)
    page.get_by_role("link", name="Le signaler chez ORPAN").click()
    assert page.url == f"{pair.orpan.url}/signaler/{record}"
    expect(page.get_by_role("button", name="Envoyer")).to_be_visible()
    pair.radar.ask("federation", "peer_block", peer="orpan")
    soon(lambda: getattr(page.goto(f"{pair.radar.url}/signaler/{record}"), "status", 0) == 404)
    expect(page.get_by_text(f"tenue par ORPAN, {pair.orpan.url}")).to_be_visible()
    pair.radar.ask("federation", "peer_resume", peer="orpan")
    goto_soon(page, f"{pair.radar.url}/signaler/{record}", "Votre message part à ORPAN")
