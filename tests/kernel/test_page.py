"""A page of the log is applied as it came, each event once; what does not fit is left to the inbox."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.kernel.nodes import STREAM, Following, Writer


def page_of(following: Following, bodies: list[bytes], after: int = 0, stream: str = STREAM) -> int:
    """Apply a page that was read after a place of the first epoch."""
    return following.follower._applier.run_page(stream, (1, after), bodies, holes=False)


def test_a_page_is_applied_without_the_inbox_and_once(writer: Writer, following: Following) -> None:
    writer.write(*"abc")
    writer.number()
    following.deliver(writer.bodies()[1:2])
    assert page_of(following, writer.bodies()) == 3
    assert following.seen() == [1, 2, 3]
    with following.database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM inbox")) == 0, "what waited is behind the cursor now"
    assert page_of(following, writer.bodies()) == 0
    assert following.seen() == [1, 2, 3]


@pytest.mark.parametrize(
    "wrong", ["a hole", "another stream", "no event", "data that was not signed", "read elsewhere"]
)
def test_a_page_that_does_not_fit_changes_nothing(writer: Writer, following: Following, wrong: str) -> None:
    writer.write(*"abc")
    writer.number()
    bodies = writer.bodies()
    pages = {
        "a hole": bodies[:1] + bodies[2:], "no event": [*bodies, b"{}"], "another stream": bodies,
        "data that was not signed": [*bodies[:2], bodies[2].replace(b'"data":{', b'"data":{"0":0,')],
        "read elsewhere": bodies[1:],
    }  # fmt: skip
    stream = f"{STREAM}er" if wrong == "another stream" else STREAM
    assert page_of(following, pages[wrong], 1 if wrong == "read elsewhere" else 0, stream) == 0
    assert following.seen() == []
