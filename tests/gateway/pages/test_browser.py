"""The pages in a real browser: a phone without JavaScript, a keyboard, and records that try to be scripts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright
from werkzeug.serving import make_server

from deploy.debian import CHROMIUM
from gateway.app import create_app
from services.kernel.settings import Http, Node, Settings
from tests.gateway import world as w
from tests.gateway.world import service, structure

PHONE = {"width": 360, "height": 740}
LONG = "Accompagnement-personnalisé-aux-démarches-administratives-numériques-et-juridiques"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the pages of a small directory answer."""
    with w.world(tmp_path_factory.mktemp("browser") / "index") as made:
        made.publish(
            structure(1, nom="Maison des mobilités", telephone="+33240000000", courriel="bonjour@example.org",
                      site_web="https://example.org/une/adresse/qui/ne/finit/pas/" + "a" * 120,
                      horaires_accueil="Mo-Fr 09:00-12:00,14:00-18:00; SH off", adresse="12 rue des Fleurs"),
            service("permis", nom="Préparer son permis", description="Leçons de conduite", frais="gratuit",
                    thematiques=[w.THEMES[0]], telephone="+33251111111"),
            service("long", nom=LONG, description=f"{LONG} {LONG}"),
            service("hostile", nom="<script>document.title='pris'</script>",
                    description="<img src=x onerror=\"document.title='pris'\"> <a href='javascript:1'>là</a>"),
        )  # fmt: skip
        app = create_app(Settings(Node("essai", "Essai"), Http(rate_limit_per_minute=100_000)), made.reader, _nobody)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    path = os.environ.get("MAILLAGE_TEST_CHROMIUM") or CHROMIUM.find()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=Path(str(path)), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """A page of a phone on which JavaScript is off."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False, base_url=address, locale="fr-FR")
    yield context.new_page()
    context.close()


def _nobody(*_: object, **__: object) -> None:
    raise AssertionError("pages never call the rooms")


def _overflow(page: Page) -> int:
    """Pixels by which a page is wider than the screen."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


def test_somebody_on_a_phone_finds_a_service_and_who_offers_it(phone: Page) -> None:
    phone.goto("/")
    phone.get_by_role("searchbox").fill("permi")
    phone.get_by_label("Où ?").fill("Nantes")
    phone.get_by_role("button", name="Chercher").click()
    phone.get_by_role("link", name="Préparer son permis").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Préparer son permis")
    expect(phone.get_by_role("link", name="02 51 11 11 11")).to_have_attribute("href", "tel:+33251111111")
    phone.get_by_role("link", name="Maison des mobilités").first.click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Maison des mobilités")
    phone.go_back()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Préparer son permis")


@pytest.mark.parametrize(
    "path", ["/", "/?q=permis&lieu=Nantes", "/services/dora--vlong", "/structures/dora--s1", "/nulle-part", "/a-propos"]
)
def test_no_page_is_wider_than_a_phone(browser: Browser, address: str, path: str) -> None:
    page = browser.new_page(viewport=PHONE, base_url=address)
    page.goto(path)
    assert _overflow(page) == 0
    page.close()


def test_what_a_record_says_is_text_and_never_runs(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    for path in ("/?q=", "/services/dora--vhostile", "/structures/dora--s1"):
        page.goto(path)
        assert "pris" not in page.title().split()
        assert page.locator("[onerror], a[href^='javascript:'], body script").count() == 0
    page.goto("/services/dora--vhostile")
    expect(page.get_by_role("heading", level=1)).to_have_text("<script>document.title='pris'</script>")
    page.close()


def test_pages_ask_nothing_of_third_parties_and_complain_of_nothing(browser: Browser, address: str) -> None:
    page, asked, said = browser.new_page(base_url=address), [], []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in ("/", "/?q=permis", "/services/dora--vpermis", "/structures/dora--s1", "/docs", "/a-propos"):
        page.goto(path)
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert said == []
    page.close()


def test_the_search_is_reached_and_sent_from_the_keyboard(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    page.goto("/")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "q":
            break
    page.keyboard.type("permis")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Préparer son permis")).to_be_visible()
    page.close()


def test_every_field_and_link_has_a_name_for_those_who_do_not_see(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    for path in ("/", "/services/dora--vpermis", "/structures/dora--s1"):
        page.goto(path)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('input:not([type=hidden]), select, button, a')].filter(
                each => !(each.labels?.length || each.textContent.trim() || each.getAttribute('aria-label')
                          || each.value)).map(each => each.outerHTML)"""
        )
        assert nameless == []
        assert page.locator("h1").count() == 1
        assert page.locator("html[lang=fr] main").count() == 1
    page.close()
