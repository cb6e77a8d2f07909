"""JSON and JSON lines, item by item, with the line of each and a clear word where a file breaks."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.formats import jsonfile
from services.directory.formats.drafts import Raw
from services.kernel.errors import ValidationError


def written(folder: Path, text: str, name: str = "export.json") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> list[Raw]:
    return list(jsonfile.read_lines(path) if path.suffix == ".jsonl" else jsonfile.read_json(path))


def test_both_lists_of_a_file_are_read_with_places_and_lines(tmp_path: Path) -> None:
    lists = '"structures": [\n  {"id": "1"},\n  {"id": "2"}\n ],\n "services": [{"id": "s"}]'
    text = f'{{\n "meta": {{"a": [1]}},\n {lists},\n "z": [3]}}'
    assert [(raw.values, raw.place, raw.origin.section, raw.line) for raw in read(written(tmp_path, text))] == [
        ({"id": "1"}, "structures[0]", "structures", 4),
        ({"id": "2"}, "structures[1]", "structures", 5),
        ({"id": "s"}, "services[0]", "services", 7),
    ]


def test_a_bare_list_takes_its_section_from_the_name_of_the_file(tmp_path: Path) -> None:
    (raw,) = read(written(tmp_path, '[{"id": "1"}]', "2026-services.json"))
    assert raw.origin.section == "services"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ITEM = st.dictionaries(st.text(max_size=4), JSON, max_size=4)


@given(st.lists(ITEM, max_size=8), st.integers(1, 40), st.sampled_from([None, 2]))
def test_items_are_the_same_whatever_the_window(
    tmp_path_factory: pytest.TempPathFactory, items: list[dict[str, Any]], window: int, indent: int | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps({"count": 12, "structures": items}, indent=indent))
    before, jsonfile.WINDOW_CHARS = jsonfile.WINDOW_CHARS, window  # type: ignore[misc]
    try:
        assert [raw.values for raw in read(path)] == items
    finally:
        jsonfile.WINDOW_CHARS = before  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"structures": [\n{"id": "1"},\n{"id": "2"', 3),
        ('{"structures": [\n{"id": "1"},\n{"id": nope}]}', 3),
        ('{"structures": [{"id": "1"}]} again', 1),
        ('[{"id": "1"} {"id": "2"}]', 1),
        ("[" * 100_000, 1),
    ],
)
def test_a_broken_file_says_at_which_line_and_what_to_do(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(ValidationError) as refused:
        read(written(tmp_path, text))
    (problem,) = refused.value.details
    assert (problem["code"], problem["line"]) == ("file.json", line)
    assert problem["remedy"]


def test_what_is_read_before_a_file_breaks_is_not_lost(tmp_path: Path) -> None:
    rows = jsonfile.read_json(written(tmp_path, '{"structures": [{"id": "1"}, {"id": '))
    assert next(rows).values == {"id": "1"}
    with pytest.raises(ValidationError):
        next(rows)


def test_a_line_that_is_no_object_is_refused_alone_and_kept_as_it_is(tmp_path: Path) -> None:
    rows = read(written(tmp_path, '{"id": "1"}\n\n{"id": "2",}\n[3]\n{"id": "4"}\n', "export.jsonl"))
    assert [(raw.line, [fault["code"] for fault in raw.faults]) for raw in rows] == [
        (1, []),
        (3, ["row.json"]),
        (4, ["row.json"]),
        (5, []),
    ]
    assert rows[1].values == '{"id": "2",}'


def test_values_that_no_database_can_hold_refuse_their_item(tmp_path: Path) -> None:
    rows = read(written(tmp_path, '[{"nom": "\\ud800"}, {"nom": 99999999999999999999999}, {"nom": "fine"}, 4]'))
    assert [bool(raw.faults) for raw in rows] == [True, True, False, True]


def test_progress_grows_to_the_end(tmp_path: Path) -> None:
    many = json.dumps({"structures": [{"id": str(n), "nom": "x" * 900} for n in range(5000)]})
    shares = [raw.progress for raw in read(written(tmp_path, many))]
    assert shares == sorted(shares)
    assert shares[0] < 0.5 and shares[-1] == 1.0


def test_a_value_that_is_no_number_is_nothing(tmp_path: Path) -> None:
    [raw] = read(written(tmp_path, '{"structures": [{"id": "1", "nom": NaN, "latitude": -Infinity}]}'))
    assert raw.values == {"id": "1", "nom": None, "latitude": None}


def test_a_number_of_thousands_of_digits_is_told_with_its_line(tmp_path: Path) -> None:
    text = '{"structures": [\n {"id": ' + "9" * 5_000 + "}]}"
    with pytest.raises(ValidationError, match=r"ligne 2 : .*démesuré"):
        read(written(tmp_path, text))
