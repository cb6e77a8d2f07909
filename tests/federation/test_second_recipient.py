"""What concerns two nodes alone is read by the words of `docs/federation.md`, and by us as by a reader of its own."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest
from nacl.public import PrivateKey

from services.directory import moving
from services.directory.salted import Check, Salted
from services.kernel import sealing
from services.kernel.envelope import read
from tests.federation import second_recipient
from tests.federation.second_reader import Card, Unproved

VECTORS = Path(__file__).parents[2] / "docs" / "federation-vectors.json"


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    """The vectors as they are published."""
    read: dict[str, Any] = json.loads(VECTORS.read_bytes())
    return read


def test_a_sealed_message_says_the_same_to_both(said: dict[str, Any]) -> None:
    box, key = said["sealed"]["sealed"], bytes.fromhex(said["sealed"]["key"])
    expected = json.loads(said["sealed"]["message"])
    assert second_recipient.message(box, key) == sealing.opened({"sealed": box}, PrivateKey(key)) == expected


def test_a_question_is_that_of_who_signed_it_to_who_is_asked(said: dict[str, Any]) -> None:
    asked = said["question"]
    key, other = bytes.fromhex(asked["by"]), bytes.fromhex(said["lane"]["by"])
    second_recipient.question(key, asked["asked"], asked["query"], asked["headers"])
    for changed in ((other, asked["asked"], asked["query"]), (key, "a" * 32, asked["query"]),
                    (key, asked["asked"], asked["query"].replace("after=0", "after=9"))):  # fmt: skip
        with pytest.raises(Unproved):
            second_recipient.question(*changed, asked["headers"])


def test_an_objection_is_met_by_its_values_alone_and_for_its_record_alone(said: dict[str, Any]) -> None:
    told = said["objection"]
    plain = {"contact_nom_prenom": "eloi saint zoe", "courriel": "zoe@example.org", "telephone": "+33240123456"}
    other = said["moved"]["adopted"]["subject"]
    for check in told["checks"]:
        value = plain[check["field"]]
        assert second_recipient.objected(check, told["record"], value)
        assert not second_recipient.objected(check, told["record"], value + "1")
        assert not second_recipient.objected(check, other, value)
        found = Salted(told["record"], [Check.read(check)])
        assert found.look({"fields": {"description": f"Voyez {told['values'][check['field']].strip()} demain."}})
        assert found.found == {check["field"]: value}


def test_a_lanes_document_is_signed_whole(said: dict[str, Any]) -> None:
    key, document = bytes.fromhex(said["lane"]["by"]), said["lane"]["document"]
    assert second_recipient.lane(key, document)["to"] == said["other"]["fingerprint"]
    with pytest.raises(Unproved):
        second_recipient.lane(key, document.replace("5671", "5672"))


def test_a_record_that_moved_is_its_new_homes_with_or_without_the_card_of_the_former(said: dict[str, Any]) -> None:
    adopted = said["moved"]["adopted"]
    home, former = said["other"]["fingerprint"], Card(said["card"].encode())
    assert second_recipient.home_of(adopted, {}) == second_recipient.home_of(adopted, {former.node: former}) == home
    assert _why_not(adopted) == ""


@pytest.mark.parametrize(
    ("place", "value"),
    [(("term",), 2), (("proof",), []), (("home",), "a" * 32), (("origin",), "a" * 32), (("kind",), "service"),
     (("proof", 0, "key"), "A" * 43), (("proof", 0, "rotations"), []), (("proof", 0, "signature"), "A" * 86)],
)  # fmt: skip
def test_a_proof_that_was_changed_proves_nothing_to_either(
    said: dict[str, Any], place: tuple[Any, ...], value: Any
) -> None:  # fmt: skip
    adopted = deepcopy(said["moved"]["adopted"])
    at = adopted["data"]
    for step in place[:-1]:
        at = at[step]
    assert at[place[-1]] != value
    at[place[-1]] = value
    with pytest.raises(Unproved):
        second_recipient.home_of(adopted, {})
    assert _why_not(adopted) != ""


def _why_not(event: dict[str, Any]) -> str:
    told = read(orjson.dumps(event))
    return moving.why_not(told.header, event["data"], lambda _: None)
