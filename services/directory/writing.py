"""What happens to records inside one transaction: save, publish, withdraw — the change and its events together.

`Desk` is given a session and the log; the doors of `service.py` and the imports of `importing.py` use the same one, so
that a rule holds whoever comes in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, cast

from sqlalchemy.orm import Session

from services.directory import events, store
from services.directory.formats.drafts import Draft, dated
from services.directory.formats.ids import record_id
from services.directory.model import DRAFT, HELD, PUBLISHED, WITHDRAWN, Record, Source, content_of, view
from services.directory.rules import check_draft, missing
from services.kernel import clock
from services.kernel.announce import NewEvent
from services.kernel.errors import NotFound, Problem, ValidationError, WrongState
from services.kernel.log import EventLog


class Choice(Enum):
    """Whether what is saved becomes public."""

    POLICY = "policy"
    """As the policy of its source says: an import."""
    PUBLIC_STAYS = "public stays"
    """What is public is so in its new version, what is not stays a draft: somebody who may publish."""
    DRAFT = "draft"
    """The public sees nothing of it until it is published: everybody else."""


@dataclass
class Saved:
    """What became of one draft: `created`, `updated`, `unchanged` or `refused`, and the record before and after."""

    done: str
    record: Record | None = None
    before: tuple[str, str | None, bytes] | None = None
    """Status, structure and content before an update."""
    problems: list[Problem] = field(default_factory=list)


class Desk:
    """Writes records of this node in one transaction, and tells the log."""

    def __init__(self, session: Session, log: EventLog, home: str, at: datetime | None = None) -> None:
        self._session = session
        self._log = log
        self._home = home
        self._at = at or clock.now()
        self._sources: dict[str, Source] = {}
        self._told: list[NewEvent] = []

    def source(self, name: str) -> Source:
        """The source of this name, made with the careful policy where it is new."""
        if name not in self._sources:
            found = store.source(self._session, name)
            if found is None:
                found = Source(name=name, label=name, policy="hold", licence="", attribution="")
                self._session.add(found)
            self._sources[name] = found
        return self._sources[name]

    def save(self, drafts: list[dict[str, Any]], choice: Choice = Choice.POLICY) -> list[Saved]:
        """Create or change records; a content already known changes nothing and tells nothing.

        Args:
            drafts: `{kind, source, source_id, structure_source_id?, sectors?, extra?, if_new?, fields}`; structures
                first. `if_new`: a record that exists stays as it is.
            choice: whether what is saved becomes public at once.
        Announces `published` for what is public, `drafted` for the rest.
        """
        checked = [check_draft(draft) for draft in drafts]
        ids = [None if problems else self._ids(draft) for draft, problems in zip(drafts, checked, strict=True)]
        wanted = {name for pair in ids if pair for name in pair if name}
        known = store.records(self._session, wanted, lock=True)
        for name in {draft["source"] for draft, pair in zip(drafts, ids, strict=True) if pair}:
            self.source(name)  # now: with records in the session, each question would be preceded by a flush
        saved = []
        for draft, problems, pair in zip(drafts, checked, ids, strict=True):
            if pair is None:
                saved.append(Saved("refused", problems=problems))
            else:
                saved.append(self._save(draft, pair, known, choice))
        self._tell()
        return saved

    def preview(self, drafts: list[dict[str, Any]]) -> list[Saved]:
        """What `save` would do, without doing it; whether a service's structure exists is not asked."""
        checked = [check_draft(draft) for draft in drafts]
        ids = [None if problems else self._ids(draft) for draft, problems in zip(drafts, checked, strict=True)]
        known = store.records(self._session, {pair[0] for pair in ids if pair})
        return [
            Saved("refused", problems=problems) if pair is None else _foresee(known.get(pair[0]), draft, pair[1])
            for draft, problems, pair in zip(drafts, checked, ids, strict=True)
        ]

    def publish(self, record: Record) -> None:
        """Make a record public. Raises `WrongState`, `NotHome`, `ValidationError` where it is not complete."""
        record.require_home(self._home)
        problems = missing(record.kind, record.parts["fields"])
        if problems:
            raise ValidationError(f"« {record.parts['fields'].get('nom', record.id)} » n’est pas complète.", problems)
        if record.kind == "service" and not self._has_public_structure(record):
            raise WrongState("La structure de ce service n’est pas publiée : publiez-la d’abord.")
        record.publish(self._at)
        self._told.append(events.published(view(record, self.source(record.source))))
        self._tell()

    def withdraw(self, record: Record, reason: str) -> list[Record]:
        """Leave a tombstone; a structure takes its services with it. The records withdrawn."""
        record.require_home(self._home)
        gone = []
        if record.kind == "structure":
            for service in store.services_of(self._session, record.id):
                if service.status != WITHDRAWN:
                    gone += self._withdraw_one(service, reason)
        gone += self._withdraw_one(record, reason)
        self._tell()
        return gone

    def restore(self, record: Record, status: str, structure: str | None, content: bytes) -> None:
        """Put an earlier state back, as a new version."""
        record.change(content, structure, self._at)
        record.status = status
        if status == PUBLISHED:
            record.publish(self._at)
            self._told.append(events.published(view(record, self.source(record.source))))
        else:
            self._told.append(events.drafted(view(record, self.source(record.source))))
        self._tell()

    def id_of(self, draft: dict[str, Any]) -> str:
        """The id that a draft's record has on this node. Raises `ValidationError` on a draft that has none."""
        raise_problems([Saved("refused", problems=check_draft(draft))])
        return self._ids(draft)[0]

    def _ids(self, draft: dict[str, Any]) -> tuple[str, str | None]:
        own = str(record_id(self._home, draft["kind"], draft["source"], draft["source_id"]))
        if draft["kind"] == "structure":
            return own, None
        return own, str(record_id(self._home, "structure", draft["source"], draft["structure_source_id"]))

    def _save(
        self, draft: dict[str, Any], ids: tuple[str, str | None], known: dict[str, Record], choice: Choice
    ) -> Saved:
        own, structure = ids
        if structure is not None and (structure not in known or known[structure].status == WITHDRAWN):
            return Saved("refused", problems=[_no_structure(draft)])
        record = known.get(own)
        content = _content(draft, record)
        if record is None:
            record = known[own] = self._create(own, structure, draft, content)
            done, before = "created", None
        elif _stays(record, draft, content, structure):
            return Saved("unchanged", record)
        else:
            record.require_home(self._home)
            before = (record.status, record.structure, record.content)
            record.change(content, structure, self._at)
            done = "updated"
        self._settle(record, choice)
        return Saved(done, record, before)

    def _create(self, own: str, structure: str | None, draft: dict[str, Any], content: bytes) -> Record:
        record = Record(
            id=own, kind=draft["kind"], home=self._home, source=draft["source"], source_id=draft["source_id"],
            structure=structure, version=1, status=DRAFT, content=content, changed="", reason="",
            changed_at=clock.to_text(self._at),
        )  # fmt: skip
        self._session.add(record)
        return record

    def _settle(self, record: Record, choice: Choice) -> None:
        source = self.source(record.source)
        if self._becomes_public(record, source, choice):
            record.publish(self._at)
            self._told.append(events.published(view(record, source)))
        else:
            record.save_as(HELD if choice is Choice.POLICY or record.public_version is not None else DRAFT)
            self._told.append(events.drafted(view(record, source)))

    def _becomes_public(self, record: Record, source: Source, choice: Choice) -> bool:
        if missing(record.kind, record.parts["fields"]):
            return False
        wanted = record.public_version is not None if choice is Choice.PUBLIC_STAYS else source.policy == "publish"
        if choice is Choice.DRAFT or not wanted:
            return False
        return record.kind == "structure" or self._has_public_structure(record)

    def _has_public_structure(self, record: Record) -> bool:
        structure = store.record(self._session, record.structure or "")
        return structure is not None and structure.public_version is not None

    def _withdraw_one(self, record: Record, reason: str) -> list[Record]:
        was_public = record.withdraw(reason, self._at)
        tombstone = view(record, self.source(record.source))
        self._told.append(events.withdrawn(tombstone) if was_public else events.drafted(tombstone))
        return [record]

    def _tell(self) -> None:
        if self._told:
            self._log.append(self._session, *self._told)
            self._told = []


def must_exist(record: Record | None, record_id_: str) -> Record:
    """Raises `NotFound` where there is no such record."""
    if record is None:
        raise NotFound(f"Aucune fiche {record_id_} sur ce nœud.")
    return record


def raise_problems(saved: Iterable[Saved]) -> None:
    """Raises `ValidationError` with everything wrong, where anything is."""
    problems = [problem for each in saved for problem in each.problems]
    if problems:
        raise ValidationError("La fiche ne peut pas être enregistrée.", problems)


def _foresee(record: Record | None, draft: dict[str, Any], structure: str | None) -> Saved:
    if record is None:
        return Saved("created")
    return Saved("unchanged" if _stays(record, draft, _content(draft, record), structure) else "updated", record)


def _stays(record: Record, draft: dict[str, Any], content: bytes, structure: str | None) -> bool:
    """Whether a draft changes nothing: it says the same, or is only there in case the record is new."""
    return bool(draft.get("if_new") and record.status != WITHDRAWN) or record.says(content, structure)


def _content(draft: dict[str, Any], record: Record | None) -> bytes:
    """The content a draft asks for; the date of a list that dates all its rows anew is no change by itself."""
    before = record.parts["fields"] if record is not None else None
    return content_of(draft | {"fields": dated(cast("Draft", draft), before)})


def _no_structure(draft: dict[str, Any]) -> Problem:
    return {
        "line": None, "field": "structure_id", "value": draft["structure_source_id"],
        "why": f"aucune structure de la source {draft['source']} ne porte cet identifiant",
        "remedy": "Importez d’abord sa structure, ou corrigez l’identifiant.", "code": "structure.unknown",
    }  # fmt: skip
