"""The node's key: made once, kept secret, never good for another purpose than the one it signed for."""

import base64
import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.kernel.envelope import Forged, Header, Malformed
from services.kernel.identity import ACTOR, EVENT, Identity, Keyring, Rotation, create, fingerprint, load, rotate

NODE = Identity.from_seed(b"n" * 32)
OTHER = Identity.from_seed(b"o" * 32)


def test_a_name_is_the_first_160_bits_of_the_hash_of_the_public_key() -> None:
    digest = hashlib.sha256(NODE.public_key).digest()
    assert NODE.name == base64.b32encode(digest[:20]).decode().lower() == fingerprint(NODE.public_key)
    assert len(NODE.name) == 32


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    made = create(tmp_path)
    assert create(tmp_path).name == load(tmp_path).name == made.name
    secrets = tmp_path / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o600}


def test_a_half_written_key_is_never_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "identity.partial").write_bytes(b"half")
    made = create(tmp_path)
    assert load(tmp_path).name == made.name


def test_a_folder_without_a_key_is_no_nodes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path)


def test_the_key_is_not_shown_by_accident() -> None:
    assert "SigningKey" not in repr(NODE)


@given(message=some.binary(max_size=200), place=some.integers(0, 10_000), bit=some.integers(0, 7))
def test_one_flipped_bit_of_message_or_signature_is_forged(message: bytes, place: int, bit: int) -> None:
    signature = NODE.sign(EVENT, message)
    NODE.keyring().check(EVENT, NODE.keyid, message, signature)
    whole = bytearray(message + signature)
    whole[place % len(whole)] ^= 1 << bit
    with pytest.raises(Forged):
        NODE.keyring().check(EVENT, NODE.keyid, bytes(whole[: len(message)]), bytes(whole[len(message) :]))


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    message = os.urandom(40)
    with pytest.raises(Forged, match="bad signature"):
        NODE.keyring().check(ACTOR, NODE.keyid, message, NODE.sign(EVENT, message))


def test_a_key_that_nobody_gave_signs_for_nobody() -> None:
    with pytest.raises(Forged, match="unknown key"):
        NODE.keyring().check(EVENT, OTHER.keyid, b"x", OTHER.sign(EVENT, b"x"))
    with pytest.raises(Forged, match="bad signature"):
        NODE.keyring().check(EVENT, NODE.keyid, b"x", OTHER.sign(EVENT, b"x"))


def test_a_node_that_changes_its_key_stays_who_it_is_and_each_key_names_the_next(tmp_path: Path) -> None:
    first = create(tmp_path)
    second, third = rotate(tmp_path), rotate(tmp_path, revoked=True)
    assert load(tmp_path) == third
    assert {first.name, second.name, third.name} == {first.name}
    assert len({first.keyid, second.keyid, third.keyid}) == 3
    assert [each.revoked for each in third.rotations] == [False, True]
    for rotation in third.rotations:
        rotation.check(first.name)
        with pytest.raises(Forged):
            rotation.check(OTHER.name)
        assert Rotation.of(rotation.to_dict()) == rotation
    assert third.digest(b"x", b"y") == first.digest(b"x", b"y"), "what was remembered by digest is known again"
    assert stat.S_IMODE((tmp_path / "secrets" / "keys.json").stat().st_mode) == 0o600


def test_nobody_names_a_nodes_next_key_but_the_one_before_it() -> None:
    said = NODE.rotated(b"m" * 32, revoked=False).rotations[0]
    for name, value in (("by_former", OTHER.sign(b"", b"")), ("by_key", said.by_former), ("key", OTHER.public_key),
                        ("revoked", True)):  # fmt: skip
        with pytest.raises(Forged):
            replace(said, **{name: value}).check(NODE.name)
    for wrong in (None, {}, [], {"former": 1}, said.to_dict() | {"key": "*"}):
        with pytest.raises(Malformed):
            Rotation.of(wrong)


def test_a_former_key_is_believed_up_to_its_last_event_and_no_further() -> None:
    header = Header("n/directory/shared", 1, 7, "id", "t", "s", 1, "now", NODE.keyid, "", "p", "d")
    signature = NODE.sign(EVENT, header.raw)
    keys = {NODE.keyid: NODE.public_key}
    for last, good in (((1, 7, header.hash), True), ((1, 8, "0"), True), ((1, 7, "0"), False), ((1, 6, "0"), False)):
        ring = Keyring(keys, {NODE.keyid: {header.stream: last}})
        if good:
            ring.check_event(header, signature)
            continue
        with pytest.raises(Forged, match="nothing more"):
            ring.check_event(header, signature)
    with pytest.raises(Forged, match="nothing more"):
        Keyring(keys, {NODE.keyid: {}}).check_event(header, signature)
