"""A stream told event by event from fixed seeds, for test vectors: the same bytes each time."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from services.directory.formats.ids import record_id
from services.kernel.checkpoint import is_about_stream, is_live, root_of
from services.kernel.envelope import GENESIS, Header, Signed, canonical, datahash
from services.kernel.identity import EVENT, Identity

AT = "2026-11-24T10:00:00.000000Z"


class Story:
    """A stream told event by event."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.stream = f"{identity.name}/directory/shared"
        self.epoch, self.events, self.heads = 1, list[Signed](), dict[str, str]()

    def tell(self, kind: str, subject: str, version: int, data: Any, causation: str = "") -> Signed:
        """The next event, signed by the key of this moment."""
        last = self.events[-1].header if self.events else None
        seq = last.seq + 1 if last else 1
        raw, salt = canonical(data), hashlib.sha256(f"salt {seq}".encode()).digest()
        header = Header(
            self.stream, self.epoch, seq, f"01936000-0000-7000-8000-{seq:012d}", f"directory.{kind}.v1", subject,
            version, AT, self.identity.keyid, causation, last.hash if last else GENESIS, datahash(salt, raw),
        )  # fmt: skip
        self.events.append(Signed(header, self.identity.sign(EVENT, header.raw), raw, salt))
        if not is_about_stream(header.type):
            self.heads[subject] = header.hash
            if not is_live(header.type):
                del self.heads[subject]
        return self.events[-1]

    def place(self) -> dict[str, Any]:
        """`{epoch, seq, hash}` of the last event."""
        last = self.events[-1].header
        return {"epoch": last.epoch, "seq": last.seq, "hash": last.hash}

    def about(self, fact: str, data: dict[str, Any]) -> Signed:
        """The next event, which is about the stream."""
        return self.tell(f"stream.{fact}", self.stream, self.events[-1].header.seq + 1, data)

    def checkpoint(self) -> Signed:
        """A checkpoint of all that was told."""
        return self.about("checkpointed", self.place() | {"root": root_of(self.heads)})


def record(home: str, number: int) -> dict[str, Any]:
    """A structure as a home tells it."""
    named = {"kind": "structure", "home": home, "source": "liste", "source_id": str(number)}
    fields = {"nom": f"Structure {number}", "contact_nom_prenom": "Ada Lovelace", "latitude": 47.48}
    return named | {"id": str(record_id(home, "structure", "liste", str(number))), "version": 1, "fields": fields}


def body(event: Signed, *, bare: bool = False) -> Any:
    """What an event is on the wire; `bare`: erased."""
    kept = Signed(event.header, event.signature, None, None) if bare else event
    return orjson.loads(kept.body())
