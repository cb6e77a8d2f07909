"""A question that only one node may ask: believed where that node signed it, to this node, now, and once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from http_message_signatures import ContentDigest

from services.federation import requests
from services.kernel import clock
from services.kernel.errors import Unauthorized
from services.kernel.identity import Identity, Keyring

ASKER, LIAR = Identity.from_seed(b"asks" * 8), Identity.from_seed(b"liar" * 8)
ASKED, QUERY = "o" * 32, "from=a&service=directory&epoch=1&after=3&limit=100"
A_MINUTE = timedelta(minutes=1)


def proved(headers: dict[str, str], query: str = QUERY, asked: str = ASKED, by: Keyring | None = None) -> str:
    return requests.proved(by or ASKER.keyring(), asked, query, headers)


def test_who_signed_is_believed_and_each_question_has_its_nonce() -> None:
    one, other = (requests.signed(ASKER, ASKED, QUERY, clock.now()) for _ in range(2))
    assert proved(one) != proved(other)
    assert 'keyid="' + ASKER.keyid in one["Signature-Input"]
    assert 'alg="ed25519"' in one["Signature-Input"]


@pytest.mark.parametrize("minutes", [-4, 0, 4])
def test_a_clock_may_be_some_minutes_wrong(minutes: int) -> None:
    assert proved(requests.signed(ASKER, ASKED, QUERY, clock.now() + minutes * A_MINUTE))


@pytest.mark.parametrize("minutes", [-11, 6])
def test_a_question_of_another_time_is_refused(minutes: int) -> None:
    with pytest.raises(Unauthorized):
        proved(requests.signed(ASKER, ASKED, QUERY, clock.now() + minutes * A_MINUTE))


def test_another_question_another_node_or_another_hand_is_refused() -> None:
    good = requests.signed(ASKER, ASKED, QUERY, clock.now())
    with pytest.raises(Unauthorized):
        proved(good, query=QUERY.replace("after=3", "after=4"))
    with pytest.raises(Unauthorized):
        proved(good, asked="x" * 32)
    with pytest.raises(Unauthorized):
        proved(good, by=LIAR.keyring())
    named = {"Signature-Input": good["Signature-Input"]}
    forged = requests.signed(LIAR, ASKED, QUERY, clock.now())["Signature"]
    with pytest.raises(Unauthorized):
        proved(named | {"Signature": forged})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Signature-Input": "maillage=()", "Signature": "maillage=:YQ==:"},
        {"Signature-Input": "pas un champ", "Signature": "é"},
        {"Signature-Input": 'maillage=("@method");keyid="a"', "Signature": "maillage=:YQ==:"},
    ],
)
def test_what_is_no_signature_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        proved(headers)


def test_a_signature_that_does_not_cover_the_query_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "COVERED", ("@method",))
    headers = requests.signed(ASKER, ASKED, QUERY, clock.now())
    monkeypatch.undo()
    with pytest.raises(Unauthorized):
        proved(headers)


def test_the_same_question_is_answered_once_and_its_nonce_forgotten_when_it_is_too_old_anyway() -> None:
    now = [0.0]
    nonces = requests.Nonces(lambda: now[0])
    nonces.use("a")
    nonces.use("b")
    with pytest.raises(Unauthorized):
        nonces.use("a")
    now[0] = 2 * requests.LASTS.total_seconds() + 1
    nonces.use("a")


def proved_post(headers: dict[str, str], query: str = QUERY, asked: str = ASKED) -> str:
    return requests.proved_post(ASKER.keyring(), asked, query, headers)


def test_a_call_is_signed_with_what_it_brings_and_for_nothing_else() -> None:
    call = requests.signed_post(ASKER, ASKED, QUERY, b"an answer", clock.now())
    assert proved_post(call)
    assert ContentDigest.verify(call["Content-Digest"], b"an answer") is None
    with pytest.raises(Unauthorized):
        proved_post(call | {"Content-Digest": ContentDigest.create(b"another")})
    with pytest.raises(Unauthorized):
        proved_post({name: call[name] for name in requests.HEADERS})
    with pytest.raises(Unauthorized):
        proved_post(call, asked="x" * 32)
    with pytest.raises(Unauthorized):
        proved_post(call, query=QUERY + "0")


def test_a_call_whose_signature_does_not_cover_what_it_brings_is_refused() -> None:
    bare = requests._Message("POST", f"https://node.invalid/?{QUERY}")
    headers = requests._signed(bare, ASKER, clock.now(), requests.tag(ASKED, requests.TURNED), None)
    with pytest.raises(Unauthorized):
        proved_post(headers)
    with pytest.raises(Unauthorized):
        proved_post(headers | {"Content-Digest": ContentDigest.create(b"anything")})


def test_a_signed_question_is_no_call_and_a_call_no_question() -> None:
    with pytest.raises(Unauthorized):
        proved_post(requests.signed(ASKER, ASKED, QUERY, clock.now()))
    with pytest.raises(Unauthorized):
        proved(requests.signed_post(ASKER, ASKED, QUERY, b"", clock.now()))
    with pytest.raises(Unauthorized):
        proved(requests.signed_post(ASKER, ASKED, QUERY, b"", clock.now(), requests.ADDRESSED))
    with pytest.raises(Unauthorized):
        proved_post(requests.signed_post(ASKER, ASKED, QUERY, b"", clock.now(), requests.ADDRESSED))
