"""A second reader of the wire, written from `docs/federation.md` alone: it shares no code with the node.

Follows a public stream of a node over HTTP, by its log or from a snapshot, and believes nothing unproved. Depends on
the standard library and on PyNaCl for Ed25519.
"""

import base64
import hashlib
import json
import urllib.parse
import urllib.request
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

GENESIS = "0" * 64
FIELDS = ("stream", "epoch", "sequence", "id", "type", "subject", "recordversion", "time", "keyid", "causation", "prev",
          "datahash")  # fmt: skip


class Unproved(Exception):
    """What a node said does not hold."""


def b64(text: str) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def fingerprint(key: bytes) -> str:
    """The first 160 bits of the SHA-256 of a key, in lower-case base32."""
    return base64.b32encode(hashlib.sha256(key).digest()[:20]).decode().lower()


def canonical(data: Any) -> bytes:
    """Keys sorted, no white space, decimals of at most seven digits in their shortest form."""
    if isinstance(data, float):
        tiny = 0 < abs(data) < 1e-6
        plain = f"{round(data * 1e7)}e-7" if tiny else f"{data:.7f}".rstrip("0")
        return (str(int(data)) if data == int(data) else plain).encode()
    if isinstance(data, dict):
        return b"{" + b",".join(canonical(key) + b":" + canonical(data[key]) for key in sorted(data)) + b"}"
    if isinstance(data, list):
        return b"[" + b",".join(map(canonical, data)) + b"]"
    return json.dumps(data, ensure_ascii=False).encode()


def signed(key: bytes, purpose: str, message: bytes, signature: str) -> None:
    """Raises `Unproved` unless the holder of `key` signed it."""
    try:
        VerifyKey(key).verify(f"{purpose}\n".encode() + message, b64(signature))
    except (BadSignatureError, ValueError):
        raise Unproved(f"not signed by {fingerprint(key)}") from None


def rotation(node: str, said: dict[str, Any]) -> tuple[bytes, bytes]:
    """(former key, next key) of a rotation that both signed."""
    former, key = b64(said["former"]), b64(said["key"])
    word = "revoked" if said["revoked"] else "rotated"
    text = f"{node} {former.hex()} {key.hex()} {word}".encode()
    signed(former, "maillage/rotation/1", text, said["by_former"])
    signed(key, "maillage/rotation/1", text, said["by_key"])
    return former, key


class Card:
    """A node's card, proved: its keys, and how far each former one signed."""

    def __init__(self, raw: bytes) -> None:
        said = json.loads(raw)
        signature = said.pop("signature")
        chain = [rotation(said["node"], each) for each in said["rotations"]]
        key = chain[0][0] if chain else b64(said["signing"])
        if fingerprint(key) != said["node"]:
            raise Unproved("a card of another node")
        for former, following in chain:
            if former != key:
                raise Unproved("a chain of keys with a gap")
            key = following
        if key != b64(said["signing"]):
            raise Unproved("a chain of keys that ends elsewhere")
        signed(key, "maillage/card/1", canonical(said), signature)
        self.node, self.lasts = said["node"], said["lasts"]
        self.keys = {fingerprint(each): each for each in (*(former for former, _ in chain), key)}
        self.now = fingerprint(key)

    def check(self, header: list[Any], digest: str, signature: str) -> None:
        """Whether the key of a header may sign at its place, and did."""
        stream, epoch, seq, keyid = header[1], header[2], header[3], header[9]
        if keyid not in self.keys:
            raise Unproved(f"unknown key {keyid}")
        if keyid != self.now:
            last = self.lasts[keyid].get(stream, [0, 0, ""])
            if [epoch, seq] > last[:2] or ([epoch, seq] == last[:2] and digest != last[2]):
                raise Unproved(f"key {keyid} signs nothing there any more")
        signed(self.keys[keyid], "maillage/event/1", dump(header), signature)


def dump(header: list[Any]) -> bytes:
    """A header's bytes."""
    return json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()


class Follower:
    """What is held of one stream: each record's last event, and the place and hash of the stream's."""

    def __init__(self, card: Card, stream: str) -> None:
        self.card, self.stream = card, stream
        self.epoch, self.seq, self.hash = 1, 0, GENESIS
        self.heads: dict[str, str] = {}
        self.records: dict[str, Any] = {}
        self.erased: set[tuple[int, int]] = set()
        self.absent: set[tuple[int, int]] = set()
        self.checked = 0

    def follow(self, events: list[dict[str, Any]]) -> None:
        """The next events of the log."""
        for event in events:
            header, digest = self._proved(event)
            reopened = event["type"].endswith(".stream.reopened.v1")
            base = event.get("data", {})
            told = reopened and [base["epoch"], base["seq"], base["hash"]] == [self.epoch, self.seq, self.hash]
            if header[3] != self.seq + 1 or header[11] != self.hash or (header[2] != self.epoch and not told):
                raise Unproved(f"{header[2:4]} does not follow {[self.epoch, self.seq]}")
            self._keep(event, digest)
            self.epoch, self.seq, self.hash = header[2], header[3], digest

    def snapshot(self, events: list[dict[str, Any]]) -> None:
        """A whole snapshot after what is held: proved by the checkpoint at its end."""
        place = [self.epoch, self.seq]
        for event in events:
            header, digest = self._proved(event)
            if header[2:4] <= place or "data" not in event:
                raise Unproved(f"{header[2:4]} in a snapshot after {place}")
            place = header[2:4]
            self._keep(event, digest)
        if not events[-1]["type"].endswith(".stream.checkpointed.v1"):
            raise Unproved("a snapshot without its end")
        self.epoch, self.seq, self.hash = *place, digest

    def _proved(self, event: dict[str, Any]) -> tuple[list[Any], str]:
        header = ["maillage/event/1", *(event[name] for name in FIELDS)]
        digest = hashlib.sha256(dump(header)).hexdigest()
        if event["stream"] != self.stream:
            raise Unproved("of another stream")
        self.card.check(header, digest, event["signature"])
        if "data" in event:
            found = hashlib.sha256(b64(event["salt"]) + canonical(event["data"])).hexdigest()
            if found != event["datahash"]:
                raise Unproved("other data than was signed")
        return header, digest

    def _keep(self, event: dict[str, Any], digest: str) -> None:
        kind, place = event["type"], (event["epoch"], event["sequence"])
        if ".stream." in kind:
            if kind.endswith(".redacted.v1"):
                self.erased |= {(each["epoch"], each["seq"]) for each in event["data"]["redacted"]}
            if kind.endswith(".checkpointed.v1"):
                self.checked += 1
                if event["data"]["root"] != self.root():
                    raise Unproved(f"the records are not those of the checkpoint at {place}")
            return
        if "data" not in event:
            self.absent.add(place)
        self.heads.pop(event["subject"], None)
        self.records.pop(event["subject"], None)
        if kind.split(".")[2] != "withdrawn":
            self.heads[event["subject"]] = digest
            self.records[event["subject"]] = event.get("data")

    def root(self) -> str:
        """The state root."""
        buckets: list[list[bytes]] = [[] for _ in range(65_536)]
        for subject, digest in self.heads.items():
            buckets[int.from_bytes(hashlib.sha256(subject.encode()).digest()[:2], "big")].append(bytes.fromhex(digest))
        return hashlib.sha256(b"".join(hashlib.sha256(b"".join(sorted(each))).digest() for each in buckets)).hexdigest()


def ask(url: str, path: str, **asked: Any) -> list[dict[str, Any]]:
    """The events in an answer of `log` or `snapshot`."""
    with urllib.request.urlopen(f"{url}/federation/v1/{path}?{urllib.parse.urlencode(asked)}", timeout=30) as answer:
        return [json.loads(line) for line in answer.read().splitlines() if line]
