"""The transforms of mappings do what their examples say, and the page that lists them is theirs."""

from pathlib import Path

import pytest

from services.directory.formats.transforms import TRANSFORMS, parse, table

PAGE = Path(__file__).parents[3] / "docs" / "mapping.md"


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_does_what_its_example_says(name: str) -> None:
    written, before, after = TRANSFORMS[name].example
    assert written.partition(":")[0] == name
    assert parse(written)(before) == after


@pytest.mark.parametrize("name", TRANSFORMS)
def test_an_empty_value_stays_empty(name: str) -> None:
    assert parse(TRANSFORMS[name].example[0])("") == ""


def test_the_page_holds_the_table_made_from_the_code() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


def test_the_page_shows_every_key_that_a_mapping_may_hold() -> None:
    from services.directory.formats.mapping_specs import SPEC_KEYS, TESTS

    page = PAGE.read_text(encoding="utf-8")
    assert [key for key in (*SPEC_KEYS, *TESTS) if f"`{key}`" not in page] == []


@pytest.mark.parametrize("written", ["lower:x", "before", "match:(", "replace:a"])
def test_a_wrong_argument_is_told(written: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(written)


def test_an_unknown_name_is_no_transform() -> None:
    with pytest.raises(KeyError):
        parse("shout")
