"""A node that runs, and a browser in front of it: a permanent at a desk, somebody of a structure with a phone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from deploy.client import connected
from deploy.debian import CHROMIUM
from tests.running import RunningNode, running_node

MARIE = "marie@example.org"
COLUMNS = "nom;description;siret;adresse;code_postal;commune;telephone;courriel;date_maj;id\n"
ROWS = (
    "L’Écluse des Outils;Un atelier où l’on répare ensemble;;3 rue Haute;44130;Blain;0240000000;;2026-01-31;e1\n"
    "Le Relais des Aînés;Visites à domicile;;5 rue Basse;44130;Blain;0240000001;;2026-01-31;e2\n"
    "Sans commune connue;Une ligne à refuser;;1 rue;99999;Nulle-Part;;;2026-01-31;e3\n"
)
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    """An empty node with one permanent, Marie; its bulk files wait for nothing."""
    with running_node(tmp_path / "node", MAILLAGE_BULK_PAUSE_MIN="0") as made:
        made.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window; one of a module, since a second beside it would not start."""
    path = os.environ.get("MAILLAGE_TEST_CHROMIUM") or CHROMIUM.find()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=Path(str(path)), args=["--no-sandbox"])
        yield opened
        opened.close()


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, node: RunningNode) -> Iterator[Visit]:
    """A function that opens the node for somebody: `visit()`, or `visit(phone=True)`; without JavaScript."""
    contexts = []

    def make(phone: bool = False, scripts: bool = False) -> Page:
        context = browser.new_context(
            viewport=PHONE if phone else DESK, java_script_enabled=scripts, base_url=node.url, locale="fr-FR"
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        return page

    yield make
    for context in contexts:
        context.close()


def enter(page: Page, node: RunningNode, email: str = MARIE) -> Page:
    """Come in by the link that the operator hands over."""
    page.goto(node.ask("accounts", "link_make", email=email)["url"])
    page.get_by_role("button", name="Entrer").click()
    return page


def as_marie(node: RunningNode, door: str, **asked: Any) -> Any:
    """Marie's word to the directory, by another way than the page under test."""
    secret = node.ask("accounts", "link_make", email=MARIE)["url"].rpartition("/")[2]
    session = node.ask("accounts", "session_open", secret=secret)["session"]
    actor = node.ask("accounts", "session_get", session=session)["actor"]
    with connected(node.folder) as client:
        return client.call("directory", door, asked, actor)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A spreadsheet of three structures, of which one has a fault."""
    path = tmp_path / "structures.csv"
    path.write_text(COLUMNS + ROWS, "utf-8")
    return path
