"""Records of the directory and the rules of their life. No I/O, no broker, no wire.

A record is a structure or a service in data·inclusion v1's shape, with its home, source and version. Its content is
kept as canonical JSON, so that "the same" is a comparison of bytes: a row imported again changes nothing. Who checked
it (`trust`) stands beside the content: a verification is no change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import ForeignKey, Index, LargeBinary, MetaData, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.directory import qualification
from services.directory.formats.own import OWN
from services.directory.formats.territory_names import words
from services.directory.qualification import DRAFT, REVIEW, WITHDRAWN
from services.kernel import clock
from services.kernel.envelope import canonical
from services.kernel.errors import Conflict, WrongState
from services.kernel.rows import BIG

NO_TRUST = b"{}"
NEVER = qualification.dates({})


class Base(DeclarativeBase):
    """The directory's own tables."""

    metadata = MetaData()


class Source(Base):
    """Where records come from. `policy`: `hold` waits for a permanent, `publish` makes imported records public."""

    __tablename__ = "source"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    label: Mapped[str] = mapped_column(Text, default="")
    policy: Mapped[str] = mapped_column(String(16), default="hold")
    licence: Mapped[str] = mapped_column(Text, default="")
    attribution: Mapped[str] = mapped_column(Text, default="")


HELD = text("status = 'qualified' AND public_version IS NULL")
"""Of a record that a permanent checked and nobody sees: written out, since a partial index is found by its words."""


class Record(Base):
    """A structure or a service.

    `status` is that of `qualification.STEPS`; `public_version` is the version that the public sees, `None` where it
    sees none: a change that waits for a permanent leaves the public version standing. `trust` is
    `{"verified": {group: {at, by, how, until}}, "confirmed_at", "review_since", "by_people": [groups]}` as JSON;
    `expires_at` is its first `until`.
    """

    __tablename__ = "record"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    home: Mapped[str] = mapped_column(String(32))
    source: Mapped[str] = mapped_column(String(100))
    source_id: Mapped[str] = mapped_column(Text)
    structure: Mapped[str | None] = mapped_column(String(36))
    version: Mapped[int] = mapped_column(BIG)
    public_version: Mapped[int | None] = mapped_column(BIG)
    status: Mapped[str] = mapped_column(String(16))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    changed: Mapped[str] = mapped_column(Text, default="")
    changed_at: Mapped[str] = mapped_column(String(32))
    published_at: Mapped[str | None] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(Text, default="")
    seen_in: Mapped[str | None] = mapped_column(String(36))
    trust: Mapped[bytes] = mapped_column(LargeBinary, default=NO_TRUST)
    expires_at: Mapped[str | None] = mapped_column(String(32))
    words: Mapped[str] = mapped_column(Text, default="")
    """Its name and commune in bare letters, by which people find it here."""
    matched: Mapped[bool] = mapped_column(default=False)
    """Whether it was compared with others since it last changed; services are not."""
    replaced_by: Mapped[str | None] = mapped_column(String(36))
    """The record that it was merged into."""
    origin: Mapped[str | None] = mapped_column(String(32))
    """Of a record that moved home: the node from whose fingerprint its identifier follows."""
    term: Mapped[int] = mapped_column(default=0)
    """How often it moved. Where `home` is another node it is that one's: what is left here is a tombstone."""
    proof: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What proves that it came here: a link of `moving.py` for each move, as JSON."""

    __table_args__ = (
        Index("record_source", "source", "kind", "id"),
        Index("record_structure", "structure"),
        Index("record_status", "status"),
        Index("record_expires", "expires_at"),
        Index("record_held", "id", sqlite_where=HELD, postgresql_where=HELD),
        Index("record_unmatched", "id", sqlite_where=text("NOT matched"), postgresql_where=text("NOT matched")),
    )

    @cached_property
    def parts(self) -> dict[str, Any]:
        """`{"fields": {…}, "sectors": […], "extra"?: {…}, "sources"?: […]}`, and of `OWN` what is said."""
        parsed: dict[str, Any] = orjson.loads(self.content)
        return parsed

    @property
    def trusted(self) -> dict[str, Any]:
        """`trust`, read."""
        parsed: dict[str, Any] = orjson.loads(self.trust)
        return parsed

    def change(self, content: bytes, structure: str | None, at: datetime) -> None:
        """Take a new content; the version rises. Raises nothing: whether it may is the caller's question."""
        before = flat(self.parts) if self.status != WITHDRAWN else {}
        if self.status == WITHDRAWN:
            self.status = DRAFT
        self.content, self.structure = content, structure
        self.__dict__.pop("parts", None)
        self.words, self.matched = words_of(self.parts["fields"]), self.kind != "structure"
        after = flat(self.parts)
        self.changed = " ".join(sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k)))
        self.reason = ""
        self.changed_at = clock.to_text(at)
        self.version += 1

    def says_something_of(self) -> set[str]:
        """The names of everything that the record says."""
        return {name for name, value in flat(self.parts).items() if value}

    def trust_in(self, trust: Mapping[str, Any]) -> None:
        """Take what is known of who checked the record."""
        self.trust = canonical(trust)
        self.expires_at = qualification.dates(trust)["verified_until"]

    def note_review(self, at: datetime) -> None:
        """Keep since when it is in review, as long as it is."""
        if self.status == REVIEW or qualification.SINCE.encode() in self.trust:
            self.trust_in(qualification.reviewed(self.trusted, self.status, at))

    def says(self, content: bytes, structure: str | None) -> bool:
        """Whether the living record already has this content and this structure."""
        return self.content == content and self.structure == structure and self.status != WITHDRAWN

    @property
    def is_withdrawn(self) -> bool:
        """Whether only a tombstone is left of it."""
        return self.status == WITHDRAWN

    @property
    def is_public(self) -> bool:
        """Whether the public sees it, in this version or an earlier one."""
        return self.public_version is not None

    @property
    def waits(self) -> bool:
        """Whether it changed since the public saw it, which goes on seeing it as it was."""
        return self.public_version not in (None, self.version)

    def show(self, at: datetime) -> None:
        """Make the current version public, as a new one where the public has this one already."""
        if self.public_version == self.version:
            self.version += 1
        self.public_version, self.published_at = self.version, clock.to_text(at)

    def hide(self) -> None:
        """Take it from the public, as a new version; its content stays."""
        self.version += 1
        self.public_version = None

    def withdraw(self, reason: str, at: datetime) -> bool:
        """Leave a tombstone. Whether the public had seen the record. Raises `WrongState` when done already."""
        if self.status == WITHDRAWN:
            raise WrongState(f"La fiche {self.id} est déjà retirée.")
        was_public = self.public_version is not None
        self.status, self.reason, self.public_version = WITHDRAWN, reason, None
        self.trust_in({})
        self.matched = self.kind != "structure"
        self.changed_at = clock.to_text(at)
        self.version += 1
        return was_public

    def leave(self, home: str, term: int, at: datetime) -> None:
        """It is another node's from now on; what is left here says so and is shown to nobody."""
        self.home, self.term = home, term
        self.status, self.public_version, self.changed_at = WITHDRAWN, None, clock.to_text(at)
        self.trust_in({})
        self.matched = self.kind != "structure"

    def require_life(self) -> None:
        """Raises `WrongState` on a tombstone: it comes back by being written anew, not by a change."""
        if self.status == WITHDRAWN:
            raise WrongState(f"La fiche {self.id} est retirée.")

    def require_version(self, version: int | None) -> None:
        """Raises `Conflict` where the record was read at another version."""
        if version is not None and version != self.version:
            raise Conflict(f"La fiche a changé depuis sa lecture : version {self.version}, lue en version {version}.")


class Import(Base):
    """One import of a source: what it was asked, how far it came, what it did."""

    __tablename__ = "import"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    source: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[str] = mapped_column(String(32))
    finished_at: Mapped[str | None] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    withdrawn: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)


class ImportChange(Base):
    """What one import did to one record, and what the record was before: what `undo` needs."""

    __tablename__ = "import_change"
    import_id: Mapped[str] = mapped_column(ForeignKey("import.id"), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    done: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(BIG)
    before_status: Mapped[str | None] = mapped_column(String(16))
    before_structure: Mapped[str | None] = mapped_column(String(36))
    before_content: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (Index("import_change_record", "record_id"),)


class Act(Base):
    """What somebody did to a record, and at which version: kept on this node, in no event.

    `before` is the content that the act changed, empty where it changed none.
    """

    __tablename__ = "act"
    id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    record_id: Mapped[str] = mapped_column(String(36))
    version: Mapped[int] = mapped_column(BIG)
    at: Mapped[str] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(32))
    act: Mapped[str] = mapped_column(String(16))
    how: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (Index("act_record", "record_id", "id"),)


class FeedRow(Base):
    """The last public change of one record, at its place in the order in which the public saw changes."""

    __tablename__ = "feed"
    position: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(36), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    op: Mapped[str] = mapped_column(String(8))
    reach: Mapped[str] = mapped_column(String(64))
    epoch: Mapped[int]
    seq: Mapped[int] = mapped_column(BIG)


class Request(Base):
    """A write already done under a caller's key, and its answer: a repeat changes nothing."""

    __tablename__ = "request"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[str] = mapped_column(String(32))


def content_of(draft: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> bytes:
    """The canonical content of a draft: fields without empty values, sectors sorted, what was not understood.

    Args:
        before: the parts of the record, of which `OWN` stays where the draft does not say it.
    """
    content: dict[str, Any] = {"fields": _filled(draft["fields"]), "sectors": sorted(set(draft.get("sectors") or ()))}
    if draft.get("extra"):
        content["extra"] = draft["extra"]
    sources = draft.get("sources") or (before or {}).get("sources")
    if sources:
        content["sources"] = sources
    for name in OWN:
        said = draft[name] if name in draft else (before or {}).get(name)
        if isinstance(said, dict):
            said = _filled(said)
        elif isinstance(said, list):
            said = [_filled(each) if isinstance(each, dict) else each for each in said]
        if said:
            content[name] = said
    return canonical(content)


def words_of(fields: Mapping[str, Any]) -> str:
    """By what people find a record: `l ecluse des outils blain`."""
    return words(f"{fields.get('nom', '')} {fields.get('commune', '')}")


def _filled(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value not in (None, "", [], {})}


def flat(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything a record says, by name."""
    return {**parts["fields"], "sectors": parts.get("sectors") or None, **{name: parts.get(name) for name in OWN}}
