"""Pages made from the code say what the code says."""

from deploy.build import docs


def test_generated_pages_are_current() -> None:
    stale = [name for name, text in docs.pages().items() if (docs.DOCS / name).read_text("utf-8") != text]
    assert stale == [], "run python -m deploy.build.docs"
