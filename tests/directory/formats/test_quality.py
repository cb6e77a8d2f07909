"""What a record is worth to who needs it, and which answer would help most."""

import json
import timeit
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.formats.own import OWN
from services.directory.formats.quality import QUESTIONS, next_question, score
from services.directory.formats.vocabulary import FIELDS

KINDS = ("structure", "service")


def record(kind: str, **said: Any) -> dict[str, Any]:
    own = {name: said.pop(name) for name in OWN if name in said}
    return {"kind": kind, "fields": said} | own


def whole(kind: str) -> dict[str, Any]:
    names = {name for each in QUESTIONS[kind] for name in each.fields}
    return record(kind, **dict.fromkeys(names, "x"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_says_nothing_scores_nought_and_all_said_confirmed_and_verified_scores_one(kind: str) -> None:
    assert score(record(kind)) == 0.0
    assert score(whole(kind)) == 0.8
    assert score(whole(kind) | {"confirmed_at": "2026-01-01T00:00:00Z", "verified_at": "2026-01-01T00:00:00Z"}) == 1.0
    assert next_question(whole(kind)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_question_is_of_fields_that_a_record_of_its_kind_has(kind: str) -> None:
    names = {name for each in QUESTIONS[kind] for name in each.fields}
    assert names <= {*FIELDS[kind], *OWN}


@given(st.sampled_from(KINDS), st.data())
def test_law_answering_the_next_question_raises_the_score_by_what_it_says_and_no_other_raises_it_more(
    kind: str, data: st.DataObject
) -> None:
    names = sorted({name for each in QUESTIONS[kind] for name in each.fields})
    said = record(kind, **dict.fromkeys(data.draw(st.sets(st.sampled_from(names))), "x"))
    asked = next_question(said)
    if asked is None:
        assert score(said) == 0.8
        return
    gains = {name: score(record(kind, **said["fields"], **{n: said[n] for n in OWN if n in said}, **{name: "x"}))
             - score(said) for name in names if name not in said["fields"] and name not in said}  # fmt: skip
    assert gains[asked["fields"][0]] == max(gains.values())
    assert abs(gains[asked["fields"][0]] - asked["adds"]) <= 0.011


def test_an_unknown_answer_is_none() -> None:
    assert score(record("structure", ess="unknown")) == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_of_the_vocabulary_are_those_of_the_schema(kind: str, test_data: Path) -> None:
    schema = json.loads((test_data / "data-inclusion-v1" / "jsonschema" / f"{kind}s.json").read_text())
    theirs = set(schema["$defs"][kind.title()]["properties"])
    assert set(FIELDS[kind]) == theirs - {"source", "id", "structure_id"}


@pytest.mark.alone
def test_a_score_takes_a_few_microseconds() -> None:
    asked = whole("service")
    best_s = min(timeit.repeat(lambda: score(asked), number=1000, repeat=5)) / 1000
    assert best_s < 20e-6, f"{best_s * 1e6:.1f} µs"
