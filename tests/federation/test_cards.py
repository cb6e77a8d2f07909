"""Cards: what one operator hands to another says who signed it, and nothing else is believed."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.federation.cards import AT_MOST_BYTES, Card, read, written
from services.kernel.envelope import Forged, Malformed
from services.kernel.identity import ROTATIONS_AT_MOST, Identity
from services.kernel.shapes import spaced

RADAR, FORGER = Identity.from_seed(b"radar" + b"." * 27), Identity.from_seed(b"forger" + b"." * 26)
CARD = Card(RADAR.name, "radar", "RADAR", "44", "https://radar.example.org", RADAR.public_key, b"s" * 32, 3)
LINES = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, categories=["L", "N", "P", "Zs"]), max_size=60)


LABEL = st.from_regex(r"[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,3}", fullmatch=True)


@given(LABEL, LINES, st.integers(1, 2**31 - 1))
def test_law_a_card_says_what_was_written_on_it(label: str, name: str, version: int) -> None:
    if not spaced(name).isprintable():
        return
    card = replace(CARD, id=label, name=name, version=version)
    assert read(written(card, RADAR)) == card


@given(st.data())
def test_law_no_changed_card_is_read(data: st.DataObject) -> None:
    said = orjson.loads(written(CARD, RADAR))
    name = data.draw(st.sampled_from(sorted(said)))
    value = data.draw(st.one_of(LINES, st.integers(-(2**62), 2**62), st.none(), st.just([]), st.just(True)))
    if said[name] == value:
        return
    with pytest.raises((Malformed, Forged)):
        read(orjson.dumps(said | {name: value}))


@pytest.mark.parametrize("name", ["Solidarité\u00a0: tous", "12\u202f000 voisins", "é" * 200])
def test_a_name_as_french_is_printed_is_read(name: str) -> None:
    assert read(written(replace(CARD, name=name), RADAR)).name == name


@pytest.mark.parametrize(
    "said",
    [{"id": each} for each in ("", "a b", "--yes", "../../etc", "[red]x[/red]", "É", "a" * 101, "a\n")]
    + [{"name": each} for each in ("R\nA", "R\u202eA", "R\u2028A", "R\x00A", "a" * 201)]
    + [{"url": "https://radar.example.org/\u202e"}, {"territory": "\n"}],
)
def test_words_that_would_mislead_who_reads_them_are_refused_by_their_field(said: dict[str, str]) -> None:
    [field] = said
    with pytest.raises(Malformed, match=f"^{field} n’est pas"):
        read(written(replace(CARD, **said), RADAR))  # type: ignore[arg-type]


def test_as_many_changes_of_key_as_a_node_may_make_are_read() -> None:
    who = RADAR
    for number in range(ROTATIONS_AT_MOST + 1):
        card = written(replace(CARD, signing=who.public_key, rotations=who.rotations), who)
        assert len(read(card).rotations) == number
        who = who.rotated(bytes([number]) * 32, revoked=False)
    with pytest.raises(Malformed, match=f"{ROTATIONS_AT_MOST} au plus"):
        read(written(replace(CARD, signing=who.public_key, rotations=who.rotations), who))


def test_a_card_in_the_name_of_another_is_refused() -> None:
    with pytest.raises(Forged, match="bad signature"):
        read(written(CARD, FORGER))
    with pytest.raises(Forged, match="empreinte"):
        read(written(replace(CARD, signing=FORGER.public_key), FORGER))


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[1]", b"\xff", b'{"form":"maillage/card/2"}', b" " * (AT_MOST_BYTES + 1)]
)
def test_what_is_no_card_says_so(raw: bytes) -> None:
    with pytest.raises(Malformed, match=r"JSON|forme|octets"):
        read(raw)
