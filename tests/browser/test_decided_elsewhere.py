"""A pair of two nodes by the pages: who holds the other, what is decided elsewhere, and who decided otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import DESK, MARIE, PHONE, enter
from tests.browser.test_shared_directory import as_marie, is_for_everybody
from tests.browser.test_staff import goto_soon
from tests.federation.test_messages import follow, publish, soon
from tests.running import RunningNode, running_node


@pytest.fixture
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningNode, RunningNode]]:
    """RADAR and ORPAN, which follow each other, with one structure each, alike."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with ExitStack() as opened:
        radar, orpan = found = tuple(
            opened.enter_context(running_node(folder / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper()))
            for name in ("radar", "orpan")
        )
        for node in found:
            node.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
            publish(node)
        follow(radar, orpan)
        follow(orpan, radar)
        yield radar, orpan


def test_two_nodes_decide_otherwise_and_each_reads_who_and_what_holds(
    nodes: tuple[RunningNode, RunningNode], browser: Browser
) -> None:
    radar, orpan = nodes
    for node in nodes:
        soon(lambda node=node: as_marie(node, "duplicates")["pairs"])
    context = browser.new_context(viewport=DESK, base_url=radar.url, locale="fr-FR")
    page = enter(context.new_page(), radar)
    goto_soon(page, "/doublons", "tenue par ORPAN")
    expect(page.get_by_text("rien n’est fusionné")).to_be_visible()
    expect(page.get_by_label("Si c’est la même, fiche gardée")).to_have_count(0)
    is_for_everybody(page)
    page.get_by_role("button", name="C’est la même").click()
    expect(page.get_by_role("status").filter(has_text="C’est dit aux autres nœuds")).to_be_visible()
    [pair] = soon(lambda: [each for each in as_marie(orpan, "duplicates")["pairs"] if each["said"]])
    as_marie(orpan, "duplicate_decide", a=pair["a"]["id"], b=pair["b"]["id"], decision="different")
    goto_soon(page, "/doublons", "Un autre nœud a décidé autrement")
    page.set_viewport_size(PHONE)
    panel = page.locator("#contraires")
    expect(panel).to_contain_text("ORPAN : ce sont deux (nœud d’origine)")
    expect(panel).to_contain_text("Ce qui vaut partout : ce sont deux")
    is_for_everybody(page)
    page.goto("/travail?motif=contrary")
    page.get_by_role("link", name="Voir qui a décidé autrement").click()
    page.get_by_role("button", name="Garder notre décision").click()
    expect(page.get_by_role("status").filter(has_text="Décision gardée")).to_be_visible()
    expect(page.locator("#contraires")).to_have_count(0)
