"""An event as bytes: what is hashed, what is signed, what travels. Pure functions, no clock, no I/O.

A **header** is one fixed-order JSON array in UTF-8 without floats; its bytes are stored once, hashed into the next
header (`prev`) and signed. The data hangs from it by `datahash` = SHA-256(32 random bytes ‖ data bytes), so that data
and salt can be erased later without breaking the chain. On the wire both travel as one CloudEvents 1.0 JSON object
(https://github.com/cloudevents/spec), whose extension attributes carry the rest of the header.

Canonical JSON: UTF-8, keys sorted by code point, no white space, integers within ±2^53 or decimals of at most seven
digits after the point in the shortest form of RFC 8785, so that a parsed body dumps to the same bytes.
"""

from __future__ import annotations

import binascii
import hashlib
import string
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

import orjson

CONTEXT = "maillage/event/1"
GENESIS = "0" * 64
"""`prev` of the first header of a stream."""
MAX_INTEGER = 2**53
MAX_DEPTH = 64
"""Lists and objects within each other: what is deeper could exhaust the stack of whoever reads it."""
MAX_DATA_BYTES = 1_000_000
"""The largest data of one event; `Malformed` above it, so that no queue ever holds what a consumer must refuse."""
_SHORTEST_PLAIN = 1e-5
T = TypeVar("T")


class Malformed(ValueError):
    """The bytes are no event of ours: not JSON, not canonical, a field missing or of the wrong type."""


class Forged(ValueError):
    """The bytes are an event whose hash or signature does not hold."""


class UnknownKey(Forged):
    """The bytes name a key that is not known: that of another, or a later one of which nobody told yet."""


def canonical(data: Any) -> bytes:
    """The one way to write `data`. Raises `Malformed` for what canonical JSON cannot say."""
    try:
        return orjson.dumps(_plain(data), option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise Malformed(f"not canonical JSON: {error}") from None


def canonical_of_parsed(data: Any) -> bytes:
    """`canonical` of what was just parsed from JSON, many times as fast: orjson writes nearly all of it so already."""
    if not _is_plain(data):
        return canonical(data)
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether orjson writes a parsed value as canonical JSON is, its keys sorted."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if kind is float:
        return bool(_SHORTEST_PLAIN <= abs(value) <= MAX_INTEGER and value != int(value) and round(value, 7) == value)
    if depth == MAX_DEPTH:
        return False
    for part in value.values() if kind is dict else value:
        if type(part) is not str and part is not None and not _is_plain(part, depth + 1):
            return False
    return True


def parse(raw: bytes) -> Any:
    """Read canonical bytes. Raises `Malformed` where writing them again would give others (duplicate keys, spaces)."""
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error}") from None
    if canonical(data) != raw:
        raise Malformed("not in canonical form")
    return data


def _plain(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise Malformed(f"integer beyond 2^53: {value}")
        return value
    if isinstance(value, float):
        return _number(value)
    if not isinstance(value, dict | list | tuple):
        raise Malformed(f"no JSON value: {type(value).__name__}")
    if depth == MAX_DEPTH:
        raise Malformed(f"more than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    return [_plain(item, depth + 1) for item in value]


def _number(value: float) -> Any:
    if value != value or abs(value) > MAX_INTEGER:  # NaN, infinity and what loses digits
        raise Malformed(f"number out of range: {value}")
    if value == int(value):
        return int(value)
    if round(value, 7) != value:
        raise Malformed(f"more than seven digits after the point: {value!r}")
    if 1e-6 <= abs(value) < _SHORTEST_PLAIN:  # RFC 8785 writes these without an exponent, orjson with one
        return orjson.Fragment(f"{value:.7f}".rstrip("0").encode())
    return value


class _once(Generic[T]):
    """`functools.cached_property` without its lock, which on Python 3.11 costs more than a hash."""

    def __init__(self, work: Callable[[Any], T]) -> None:
        self._work = work
        self._name = work.__name__

    def __get__(self, instance: Any, owner: type) -> T:
        found = instance.__dict__[self._name] = self._work(instance)
        return found


@dataclass(frozen=True)
class Header:
    """What is signed of an event. `stream` is `<fingerprint>/<service>/<reach>`, `time` RFC 3339 UTC."""

    stream: str
    epoch: int
    seq: int
    id: str
    type: str
    subject: str
    recordversion: int
    time: str
    keyid: str
    causation: str
    prev: str
    datahash: str

    @_once
    def raw(self) -> bytes:
        """The header's bytes: the JSON array, in the order of the fields, after its context."""
        return orjson.dumps(
            [CONTEXT, self.stream, self.epoch, self.seq, self.id, self.type, self.subject, self.recordversion,
             self.time, self.keyid, self.causation, self.prev, self.datahash]
        )  # fmt: skip

    @_once
    def hash(self) -> str:
        """SHA-256 of the header's bytes, in hexadecimal: the next header's `prev`."""
        return hashlib.sha256(self.raw).hexdigest()

    @classmethod
    def from_raw(cls, raw: bytes) -> Header:
        """Read stored bytes back. Raises `Malformed`."""
        try:
            context, *rest = orjson.loads(raw)
            header = cls(*rest)
        except (orjson.JSONDecodeError, TypeError, ValueError) as error:
            raise Malformed(f"no header: {error}") from None
        if context != CONTEXT or header.raw != raw:
            raise Malformed("no header: wrong context or form")
        return header

    @classmethod
    def stored(cls, raw: bytes) -> Header:
        """`from_raw` of what was checked when this node stored it, in a third of the time: no form is looked at."""
        header = object.__new__(cls)
        header.__dict__.update(zip(_FIELDS, orjson.loads(raw)[1:], strict=True), raw=raw)
        return header


_FIELDS = tuple(each.name for each in fields(Header))
"""In the order of the signed array."""


def datahash(salt: bytes, data: bytes) -> str:
    """What the header says of the data: SHA-256 of salt and data, in hexadecimal."""
    return hashlib.sha256(salt + data).hexdigest()


@dataclass(frozen=True)
class Signed:
    """A header with its signature and, unless they were erased, the data's bytes and salt."""

    header: Header
    signature: bytes
    data: bytes | None
    salt: bytes | None
    parsed: Any = field(default=None, compare=False, repr=False)
    """The data as it was parsed with the body that it came in; not to be changed. `payload` where it is none."""

    def body(self) -> bytes:
        """The CloudEvents JSON that travels; stored data bytes go in as they are."""
        return orjson.dumps(self.attributes(orjson.Fragment))

    def attributes(self, written: Callable[[bytes], Any] = orjson.loads) -> dict[str, Any]:
        """`body` as it parses; the data as `written` makes it of its bytes."""
        head = self.header
        attributes: dict[str, Any] = {
            "specversion": "1.0", "id": head.id, "source": source_of(head.stream), "type": head.type,
            "subject": head.subject, "time": head.time, "datacontenttype": "application/json",
            "stream": head.stream, "epoch": head.epoch, "sequence": head.seq, "recordversion": head.recordversion,
            "keyid": head.keyid, "causation": head.causation, "prev": head.prev, "datahash": head.datahash,
            "signature": _text(self.signature),
        }  # fmt: skip
        if self.data is not None and self.salt is not None:
            attributes["salt"] = _text(self.salt)
            attributes["data"] = written(self.data)
        return attributes

    def payload(self) -> Any:
        """The data, parsed; `None` once erased."""
        return None if self.data is None else orjson.loads(self.data)


def read(body: bytes) -> Signed:
    """The event in a CloudEvents body, its form checked, nothing yet believed. Raises `Malformed`."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error}") from None
    return from_attributes(raw)


def from_attributes(raw: Any) -> Signed:
    """The event in parsed CloudEvents attributes. Raises `Malformed` naming the attribute at fault."""
    if not isinstance(raw, dict):
        raise Malformed("an event is a JSON object")
    header = Header(
        stream=_string(raw, "stream"), epoch=_natural(raw, "epoch"), seq=_natural(raw, "sequence"),
        id=_string(raw, "id"), type=_string(raw, "type"), subject=_string(raw, "subject"),
        recordversion=_natural(raw, "recordversion"), time=_string(raw, "time"), keyid=_string(raw, "keyid"),
        causation=_string(raw, "causation"), prev=_string(raw, "prev"), datahash=_string(raw, "datahash"),
    )  # fmt: skip
    fixed = {"specversion": "1.0", "source": source_of(header.stream), "datacontenttype": "application/json"}
    for name, value in fixed.items():
        if raw.get(name) != value:
            raise Malformed(f"attribute {name}: {value} expected, found {raw.get(name)!r}")
    if ("data" in raw) != ("salt" in raw):
        raise Malformed("data and salt come and go together")
    data = canonical_of_parsed(raw["data"]) if "data" in raw else None
    salt = _bytes(raw, "salt") if data is not None else None
    return Signed(header, _bytes(raw, "signature"), data, salt, raw.get("data"))


def claim_of(event: Signed) -> dict[str, str]:
    """An event without its data, as two holders compare it: `{header, signature}`, the header's bytes as text."""
    return {"header": event.header.raw.decode(), "signature": _text(event.signature)}


def read_claim(raw: Any) -> Signed:
    """The event of a claim, its form checked, nothing yet believed. Raises `Malformed`."""
    if not isinstance(raw, dict):
        raise Malformed("a claim is a JSON object")
    header = Header.from_raw(_string(raw, "header").encode())
    for each in fields(header):
        (_natural if each.type == "int" else _string)(vars(header), each.name)
    return Signed(header, _bytes(raw, "signature"), None, None)


def check_data(event: Signed) -> None:
    """Raises `Forged` if the data present is not what the header says."""
    if event.data is None or event.salt is None:
        return
    if len(event.data) > MAX_DATA_BYTES:
        raise Malformed(f"data of {len(event.data)} bytes, at most {MAX_DATA_BYTES}")
    if datahash(event.salt, event.data) != event.header.datahash:
        raise Forged(f"data of {event.header.stream} {event.header.seq} is not what was signed")


def verify(event: Signed, check_signature: Callable[[Header, bytes], None]) -> None:
    """Raises `Forged` unless the data, the header and its signature hold together.

    Args:
        check_signature: called with (header, signature), raises `Forged`; see `identity.Keyring`.
    """
    check_data(event)
    check_signature(event.header, event.signature)


def source_of(stream: str) -> str:
    """CloudEvents `source` of a stream: the node, as a URN and never a URL."""
    return f"urn:maillage:{stream.partition('/')[0]}"


def _text(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def _bytes(raw: dict[str, Any], name: str) -> bytes:
    text = _string(raw, name)
    try:
        decoded = binascii.a2b_base64(text.encode().translate(_FROM_URL) + b"=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        raise Malformed(f"attribute {name}: not base64url") from None
    if text[-1:] not in _LAST[len(text) % 4]:  # unused bits of the last character: no two texts mean the same bytes
        raise Malformed(f"attribute {name}: not the one way to write these bytes")
    return decoded


_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_+/=", b"+/!!!")
_LAST: dict[int, str] = {0: string.ascii_letters + string.digits + "-_", 2: "AQgw", 3: "AEIMQUYcgkosw048"}
"""What a text of so many characters, beyond whole fours, may end with."""


def _string(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if type(value) is not str:
        raise Malformed(f"attribute {name}: text expected, found {type(value).__name__}")
    return value


def _natural(raw: dict[str, Any], name: str) -> int:
    value = raw.get(name)
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise Malformed(f"attribute {name}: integer from 0 expected, found {value!r}")
    return value
