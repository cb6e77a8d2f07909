"""One way to write an event: laws of canonical JSON, of the header's bytes and of what a changed byte does to them."""

import base64
import hashlib
import json
from pathlib import Path

import orjson
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import VerifyKey

from services.kernel.envelope import (
    GENESIS,
    MAX_DATA_BYTES,
    MAX_DEPTH,
    MAX_INTEGER,
    Forged,
    Header,
    Malformed,
    Signed,
    canonical,
    canonical_of_parsed,
    check_data,
    datahash,
    parse,
    read,
    verify,
)
from services.kernel.identity import EVENT, Identity

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
NODE = Identity.from_seed(b"vectors!" * 4)
KEYRING = NODE.keyring()

integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
decimals = st.integers(-(10**12), 10**12).map(lambda units: units / 10**7)
leaves = st.none() | st.booleans() | integers | decimals | st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text("aébc\U0001f600\uffff"), inner))


def signed(data: object, seq: int = 1, prev: str = GENESIS) -> Signed:
    """An event of the test's node."""
    raw, salt = canonical(data), b"s" * 32
    header = Header(
        stream=f"{NODE.name}/writer/shared", epoch=1, seq=seq, id="0195-made-up", type="writer.thing.changed.v1",
        subject="thing", recordversion=1, time="2026-11-23T15:00:00.000001Z", keyid=NODE.keyid, causation="",
        prev=prev, datahash=datahash(salt, raw),
    )  # fmt: skip
    return Signed(header, NODE.sign(EVENT, header.raw), raw, salt)


@pytest.mark.parametrize("vector", VECTORS["canonical"], ids=lambda vector: vector["name"])
def test_canonical_json_is_written_as_the_published_vectors_say(vector: dict[str, str]) -> None:
    assert canonical(json.loads(vector["read"])) == vector["written"].encode()
    assert parse(vector["written"].encode()) == json.loads(vector["read"])


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_what_canonical_json_cannot_say_is_refused_as_the_vectors_say(vector: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        parse(vector["read"].encode())


def test_the_published_event_is_hashed_and_signed_as_the_vectors_say() -> None:
    told = VECTORS["event"]
    node = Identity.from_seed(bytes.fromhex(told["seed"]))
    event = read(told["body"].encode())
    assert node.name == told["fingerprint"]
    assert event.header.raw == told["header"].encode()
    assert event.header.hash == told["hash"]
    assert node.sign(EVENT, event.header.raw) == event.signature
    verify(event, node.keyring().check_event)


@given(values)
def test_a_parsed_body_is_written_again_in_the_same_bytes(value: object) -> None:
    raw = canonical(value)
    assert canonical(orjson.loads(raw)) == raw
    assert canonical(json.loads(raw)) == raw
    assert parse(raw) == orjson.loads(raw)


_doubtful = st.one_of(
    st.integers(), st.floats(),
    st.sampled_from([2**53, 2**53 + 1, -1.0, 0.0, -0.0, 1e-6, 9.9e-6, 1e-5, 0.12345678, 1e16]),
    st.sampled_from([":1.5,", '":1.0}', "[12345678901234567]", "é", "\"", "\\"]), st.none(), st.booleans(),
)  # fmt: skip
_parsed = st.recursive(
    _doubtful, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=2), each, max_size=3)
)


@given(_parsed)
def test_law_what_was_parsed_is_written_in_one_way_however_fast(value: object) -> None:
    try:
        parsed = orjson.loads(orjson.dumps(value))
    except (TypeError, ValueError):
        return
    try:
        slowly = canonical(parsed)
    except Malformed:
        with pytest.raises(Malformed):
            canonical_of_parsed(parsed)
    else:
        assert canonical_of_parsed(parsed) == slowly


@pytest.mark.parametrize("depth", [63, 64, 65, 300])
def test_what_was_parsed_may_be_no_deeper_than_what_is_written(depth: int) -> None:
    deep: object = 1
    for _ in range(depth):
        deep = {"a": deep}
    if depth <= 64:
        assert canonical_of_parsed(deep) == canonical(deep)
    else:
        with pytest.raises(Malformed):
            canonical_of_parsed(deep)


@given(decimals)
def test_numbers_are_written_as_ecmascript_writes_them(value: float) -> None:
    written = canonical(value).decode()
    assert float(written) == value
    if abs(value) >= 1e-6 or value == 0:
        assert "e" not in written
    assert written == "0" or (not written.startswith("-0") or written.startswith("-0.")) or "e" in written


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.none()))
def test_keys_are_sorted_by_code_point(value: dict[str, None]) -> None:
    assert list(orjson.loads(canonical(value))) == sorted(value)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53 + 1, 0.123456789, b"raw", {1: 2}, "\ud800", object()]
)
def test_what_json_or_our_numbers_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(Malformed):
        canonical(value)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 1_000])
def test_a_body_deeper_than_any_record_is_refused_and_not_a_crash(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    with pytest.raises(Malformed):
        parse(deep)
    with pytest.raises(Malformed):
        read(signed({}).body().replace(b'"data":{}', b'"data":' + deep))


@given(values)
def test_an_event_comes_out_of_its_wire_form_as_it_went_in(value: object) -> None:
    event = signed(value)
    received = read(event.body())
    assert received == event
    assert received.header.raw == event.header.raw
    verify(received, KEYRING.check_event)


def test_the_wire_form_is_a_cloudevent_for_a_reader_that_is_not_ours() -> None:
    event = signed({"name": "Crèche"})
    theirs = JSONFormat().read(CloudEvent, event.body())
    assert theirs.get_type() == event.header.type
    assert theirs.get_source() == f"urn:maillage:{NODE.name}"
    assert theirs.get_data() == {"name": "Crèche"}
    assert theirs.get_extension("datahash") == event.header.datahash


def test_the_published_event_is_proved_by_the_documentation_alone() -> None:
    """docs/federation.md followed with the standard library and one signature check, none of our code."""
    told = VECTORS["event"]
    body = json.loads(told["body"])
    names = ["stream", "epoch", "sequence", "id", "type", "subject", "recordversion", "time", "keyid", "causation",
             "prev", "datahash"]  # fmt: skip
    header = json.dumps(["maillage/event/1", *(body[name] for name in names)], separators=(",", ":")).encode()
    key = VerifyKey(bytes.fromhex(told["public_key"]))
    key.verify(b"maillage/event/1\n" + header, base64.urlsafe_b64decode(body["signature"] + "=="))
    data = json.dumps(body["data"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert hashlib.sha256(base64.urlsafe_b64decode(body["salt"] + "=") + data).hexdigest() == body["datahash"]
    name = base64.b32encode(hashlib.sha256(bytes(key)).digest()[:20]).decode().lower()
    assert body["source"] == f"urn:maillage:{name}"


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_on_the_wire_is_found(place: float, bit: int) -> None:
    body = bytearray(signed({"name": "Crèche", "at": [47.2184, -1.5536], "open": True}).body())
    body[int(place * len(body))] ^= 1 << bit
    with pytest.raises((Malformed, Forged)):
        verify(read(bytes(body)), KEYRING.check_event)


def test_data_without_its_salt_or_salt_without_its_data_is_refused() -> None:
    attributes = orjson.loads(signed({"name": "x"}).body())
    for name in ("data", "salt"):
        with pytest.raises(Malformed, match="together"):
            read(orjson.dumps({key: value for key, value in attributes.items() if key != name}))


def test_erased_data_leaves_the_header_and_its_signature_whole() -> None:
    event = signed({"name": "x"})
    erased = read(Signed(event.header, event.signature, None, None).body())
    assert erased.payload() is None
    verify(erased, KEYRING.check_event)


def test_another_nodes_signature_or_an_unknown_key_is_forged() -> None:
    event = signed({"name": "x"})
    other = Identity.from_seed(b"somebody" * 4)
    with pytest.raises(Forged):
        verify(Signed(event.header, other.sign(EVENT, event.header.raw), event.data, event.salt), KEYRING.check_event)
    with pytest.raises(Forged):
        verify(event, other.keyring().check_event)


def test_data_larger_than_any_queue_holds_is_refused() -> None:
    with pytest.raises(Malformed):
        check_data(signed({"text": "x" * MAX_DATA_BYTES}))


@pytest.mark.parametrize("name", ["sequence", "epoch", "recordversion"])
@pytest.mark.parametrize("value", [-1, 1.5, "1", True, None, 2**53 + 1])
def test_numbers_of_the_header_are_naturals(name: str, value: object) -> None:
    attributes = orjson.loads(signed({}).body())
    with pytest.raises(Malformed, match=name):
        read(orjson.dumps(attributes | {name: value}))


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_an_event_or_malformed_and_nothing_else(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)
    with pytest.raises(Malformed):
        Header.from_raw(body)
