"""A home that signs as the wire says, and may lie: written from `docs/federation.md`, with nothing of the sequencer."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

from services.directory.formats.ids import record_id
from services.federation.cards import Card
from services.kernel.checkpoint import is_live, root_of
from services.kernel.envelope import GENESIS, Header, Signed, canonical, datahash
from services.kernel.identity import EVENT, Identity

PUBLISHED, WITHDRAWN = "directory.structure.published.v1", "directory.structure.withdrawn.v1"
AT = "2026-11-24T10:00:00.000000Z"


@dataclass
class Home:
    """One node's public stream of its directory, event by event."""

    identity: Identity
    epoch: int = 1
    events: list[Signed] = field(default_factory=list)
    heads: dict[str, str] = field(default_factory=dict)
    forgotten: list[Signed] = field(default_factory=list)
    highest: int = 1
    lasts: dict[str, dict[str, tuple[int, int, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, seed: str) -> Home:
        """The home whose key follows from a word."""
        return cls(Identity.from_seed((seed * 32)[:32].encode()))

    @property
    def stream(self) -> str:
        """Its name."""
        return f"{self.identity.name}/directory/shared"

    def record(self, number: int, version: int = 1, **fields: Any) -> dict[str, Any]:
        """A structure of this home."""
        source_id = str(number)
        return {
            "id": str(record_id(self.identity.name, "structure", "liste", source_id)), "kind": "structure",
            "home": self.identity.name, "source": "liste", "source_id": source_id, "version": version,
            "status": "qualified", "changed_at": AT, "sectors": [], "changed": [],
            "fields": {"nom": f"Structure {number}", "commune": "Blain", "code_insee": "44015"} | fields,
        }  # fmt: skip

    def says(self, number: int, version: int = 1, kind: str = PUBLISHED, **fields: Any) -> Signed:
        """A record is published, or withdrawn."""
        record = self.record(number, version, **fields)
        return self.tells(kind, record["id"], version, record)

    def tells(self, kind: str, subject: str, version: int, data: Any) -> Signed:
        """Any event, the next of the stream."""
        last = self.events[-1].header if self.events else None
        raw, salt = canonical(data), os.urandom(32)
        header = Header(
            stream=self.stream, epoch=self.epoch, seq=last.seq + 1 if last else 1, id=f"id-{len(self.events)}",
            type=kind, subject=subject, recordversion=version, time=AT, keyid=self.identity.keyid, causation="",
            prev=last.hash if last else GENESIS, datahash=datahash(salt, raw),
        )  # fmt: skip
        event = self.signed(header, raw, salt)
        self.events.append(event)
        if ".stream." not in kind:
            self.heads[subject] = header.hash
            if not is_live(kind):
                del self.heads[subject]
        return event

    def signed(self, header: Header, raw: bytes, salt: bytes) -> Signed:
        """An event with this home's signature, whatever it says."""
        return Signed(header, self.identity.sign(EVENT, header.raw), raw, salt)

    def forged(self, event: Signed, **changes: Any) -> Signed:
        """An event changed and signed again by this home."""
        return self.signed(replace(event.header, **changes), event.data or b"", event.salt or b"")

    def checkpoint(self, root: str | None = None) -> Signed:
        """The state so far; `root` to sign another one."""
        return self.tells("directory.stream.checkpointed.v1", self.stream, self._seq + 1, self._place() | {
            "root": root or root_of(self.heads)
        })  # fmt: skip

    def reopen(self) -> Signed:
        """A new epoch after the last event."""
        data = self._place() | {"lost": 0}
        self.highest = self.epoch = max(self.highest, self.epoch) + 1
        return self.tells("directory.stream.reopened.v1", self.stream, self._seq + 1, data)

    def rotate(self, seed: str, *, revoked: bool = False) -> None:
        """Another key, told as the first event by it."""
        former, place = self.identity.keyid, self._place()
        self.lasts.setdefault(former, {})[self.stream] = (place["epoch"], place["seq"], place["hash"])
        self.identity = self.identity.rotated((seed * 32)[:32].encode(), revoked=revoked)
        said = {"rotations": [each.to_dict() for each in self.identity.rotations]}
        data = place | said | {"former": former, "key": self.identity.keyid}
        if revoked:
            self.highest = self.epoch = self.epoch + 1
        kind = "directory.stream.reopened.v1" if revoked else "directory.stream.rekeyed.v1"
        self.tells(kind, self.stream, self._seq + 1, data | ({"lost": 0} if revoked else {}))
        self.checkpoint()

    def card(self, version: int = 1) -> Card:
        """Its card, at an address where nobody is."""
        own = self.identity
        return Card(own.name, "orpan", "ORPAN", "44", "http://127.0.0.1:1", own.public_key, b"s" * 32, version,
                    own.rotations, {keyid: dict(of) for keyid, of in self.lasts.items()})  # fmt: skip

    def redact(self, event: Signed) -> Signed:
        """Tell that an event was erased."""
        head = event.header
        data = {"redacted": [{"epoch": head.epoch, "seq": head.seq, "datahash": head.datahash}]}
        return self.tells("directory.stream.redacted.v1", self.stream, self._seq + 1, data)

    def snapshot(self) -> list[Signed]:
        """The last event of each record up to the last checkpoint, in order, and the checkpoint."""
        ends = [each for each in self.events if each.header.type.endswith("checkpointed.v1")]
        if not ends:
            return []
        before = [each for each in self.events if each.header.seq < ends[-1].header.seq]
        last = {each.header.subject: each for each in before if ".stream." not in each.header.type}
        kept = [each for each in last.values() if each not in self.forgotten]
        return [*sorted(kept, key=lambda each: each.header.seq), ends[-1]]

    def forget(self, event: Signed) -> None:
        """A tombstone is kept no more."""
        self.forgotten.append(event)

    def put_back(self, before: Signed) -> None:
        """The database as it was before an event."""
        del self.events[self.events.index(before) :]
        self.epoch = self.events[-1].header.epoch
        self.heads.clear()
        for each in self.events:
            if ".stream." not in each.header.type:
                self.heads[each.header.subject] = each.header.hash
                if not is_live(each.header.type):
                    del self.heads[each.header.subject]

    def version(self, number: int) -> int:
        """The last version of a record, 0 before its first."""
        record_id = self.record(number)["id"]
        return max((each.header.recordversion for each in self.events if each.header.subject == record_id), default=0)

    @property
    def _seq(self) -> int:
        return self.events[-1].header.seq

    def _place(self) -> dict[str, Any]:
        last = self.events[-1].header
        return {"epoch": last.epoch, "seq": last.seq, "hash": last.hash}


def bodies(events: list[Signed]) -> list[bytes]:
    """As they travel."""
    return [event.body() for event in events]
