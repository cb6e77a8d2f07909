"""What keeps people with a disability from using a page, as axe-core tells it."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page

from deploy import axe

SCRIPT = axe.place(Path(sys.prefix))


def violations(page: Page) -> list[str]:
    """Each violation with the elements at fault; empty on a page that everybody can use."""
    script = SCRIPT.read_text("utf-8")
    # By the debugger, not a tag: the page's own policy lets no other script in, and stays as it is.
    found = page.evaluate(f"async () => {{ {script}; return (await axe.run()).violations; }}")
    return [f"{each['id']}: {each['help']} {[node['target'] for node in each['nodes']]}" for each in found]


def is_for_everybody(page: Page) -> None:
    """Whether everybody can use the page, and it fits its screen."""
    assert violations(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url
