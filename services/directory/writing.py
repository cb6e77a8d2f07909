"""What happens to records inside one transaction: save, edit, qualify, withdraw — the change and its events together.

`Desk` is given a session and the log; the doors in `service/` and the imports of `importing.py` use the same one, so
that a rule holds whoever comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.directory import corrections, others, qualification, store
from services.directory.formats import typed
from services.directory.formats.groups import EDIT
from services.directory.formats.ids import record_id
from services.directory.model import NO_TRUST, Act, Record, content_of, words_of
from services.directory.qualification import DRAFT, QUALIFIED, REVIEW, SUBMITTED, WITHDRAWN
from services.directory.rules import check_draft, leaves_ess, left_out, moved_away, no_structure, objected_to
from services.directory.saved import Choice, Saved, raise_problems
from services.directory.showing import Showing
from services.kernel import clock
from services.kernel.access import Actor
from services.kernel.errors import Conflict, NotFound, Problem, ValidationError
from services.kernel.log import EventLog

Respected = Callable[[dict[str, Any]], dict[str, Any]]


class Desk:
    """Writes records of this node in one transaction, and tells the log.

    Args:
        months: how long a verification holds.
        respected: takes out of a draft what somebody objected to.
    """

    def __init__(
        self, session: Session, log: EventLog, home: str, by: Actor, at: datetime | None = None, months: int = 12,
        respected: Respected = lambda draft: draft,
    ) -> None:  # fmt: skip
        self._session = session
        self.home = home
        self._by = by
        self._at = at or clock.now()
        self._months = months
        self.respected = respected
        self.showing = Showing(session, log, self._at, home)
        self.source = self.showing.source

    def save(self, drafts: list[dict[str, Any]], choice: Choice = Choice.POLICY) -> list[Saved]:
        """Create or change records; a content already known changes nothing and tells nothing.

        Args:
            drafts: `{kind, source, source_id, structure_source_id?, sectors?, extra?, if_new?, fields}`; structures
                first. `if_new`: a record that exists stays as it is.
            choice: whose word it is. What somebody objected to is refused where it is no import's, and else left out.
        Announces `published` for what is public, `drafted` for the rest, `withdrawn` for what may be public no more.
        """
        given, drafts = drafts, [self.respected(draft) for draft in drafts]
        told = [left_out(said, kept) for said, kept in zip(given, drafts, strict=True)]
        refused = told if choice is not Choice.POLICY else [[] for _ in drafts]
        checked = [check_draft(draft) + unwanted for draft, unwanted in zip(drafts, refused, strict=True)]
        ids = [None if problems else self.ids(draft) for draft, problems in zip(drafts, checked, strict=True)]
        wanted = {name for pair in ids if pair for name in pair if name}
        known = store.records(self._session, wanted, lock=True)
        for name in {draft["source"] for draft, pair in zip(drafts, ids, strict=True) if pair}:
            self.source(name)  # now: with records in the session, each question would be preceded by a flush
        saved = []
        for draft, problems, pair, unwanted in zip(drafts, checked, ids, told, strict=True):
            if pair is None:
                saved.append(Saved("refused", problems=problems))
            else:
                saved.append(self._save(draft, pair, known, choice))
                saved[-1].left_out = unwanted
        self.showing.tell()
        return saved

    def unwanted(self, draft: dict[str, Any]) -> list[str]:
        """The names of what a draft says although somebody objected to it."""
        return [each["field"] for each in left_out(draft, self.respected(draft))]

    def edit(self, record: Record, said: dict[str, Any], choice: Choice) -> Saved:
        """Change some of what a record says, the rest as it is. Raises `NotHome`, `WrongState`, `ValidationError`."""
        others.require_home(self._session, record, self.home)
        record.require_life()
        parts = record.parts
        named = {"id": record.id, "structure": record.structure, "kind": record.kind}
        draft = named | {"source": record.source, "source_id": record.source_id, **parts, **said}
        draft["fields"] = parts["fields"] | said.get("fields", {})
        if "extra" in draft:
            draft["extra"] = corrections.read_by_now(draft["extra"], said.get("fields", ()))
        kept = self.respected(draft)
        raise_problems([Saved("refused", problems=objected_to(said, draft, kept))])
        draft = kept | {"structure_source_id": "-"}  # its structure stays: a draft must name one
        if "argumentaire" in said:
            draft["argumentaire"] = parts.get("argumentaire", {}) | said["argumentaire"]
        raise_problems([Saved("refused", problems=check_draft(draft))])
        saved = self._change(record, content_of(draft), record.structure, choice)
        raise_problems([saved])
        self.showing.tell()
        return saved

    def qualify(self, record: Record, how: str, strict: bool = False) -> list[Problem]:
        """Put this person's word behind a record as it is now; what still keeps it from the public.

        Args:
            strict: raise `ValidationError` instead, and change nothing, where the public could not see it.
        Raises `NotHome`, `WrongState`; `ValidationError` where it lacks what every public record has.
        """
        others.require_home(self._session, record, self.home)
        before, record.status = record.status, qualification.next_status("qualify", record.status)
        barriers = self.showing.barriers(record)
        if (strict and barriers) or any(each["code"] == "record.incomplete" for each in barriers):
            record.status = before
            name = record.parts["fields"].get("nom", record.id)
            raise ValidationError(f"« {name} » ne peut pas être publiée.", barriers)
        groups = qualification.groups_of(record.says_something_of())
        record.trust_in(
            qualification.verified(
                record.trusted, groups, self._by.role("directory:qualify"), how, self._at, self._months
            )
        )
        self.showing.settle(record, wanted=True)
        self.note(record, "qualify", how)
        self.showing.tell()
        return barriers

    def step(self, record: Record, step: str, why: str = "") -> None:
        """One step that changes the status alone: `submit`, `review`. Raises `NotHome`, `WrongState`."""
        others.require_home(self._session, record, self.home)
        record.status = qualification.next_status(step, record.status)
        record.version += 1
        self.showing.settle(record, wanted=record.is_public)
        self.note(record, step, why)
        self.showing.tell()

    def confirm(self, record: Record, how: str) -> None:
        """The structure says that its entry is right. Raises `NotHome`, `WrongState` on a tombstone."""
        others.require_home(self._session, record, self.home)
        record.require_life()
        record.trust_in(record.trusted | {"confirmed_at": clock.to_text(self._at)})
        record.version += 1
        self.showing.settle(record, wanted=record.is_public and record.public_version == record.version - 1)
        self.note(record, "confirm", how)
        self.showing.tell()

    def withdraw(self, record: Record, reason: str) -> list[Record]:
        """Leave a tombstone; a structure takes its services with it. The records withdrawn."""
        others.require_home(self._session, record, self.home)
        services = store.services_of(self._session, record.id) if record.kind == "structure" else ()
        gone = [*(service for service in services if service.status != WITHDRAWN), record]
        for each in gone:
            self.showing.withdraw(each, reason)
            self.note(each, "withdraw", reason)
        self.showing.tell()
        return gone

    def revive(self, record: Record, content: bytes, status: str, trust: dict[str, Any], public: bool) -> None:
        """A record that was withdrawn lives again, in this state and before the same public."""
        record.change(content, record.structure, self._at)
        record.status = status
        record.trust_in(trust)
        self.showing.settle(record, wanted=public)

    def hear(self, record: Record, said: dict[str, Any], before: dict[str, Any]) -> None:
        """Take what its source says of a record, as an import does; what it said before and does not now is empty."""
        empty = sorted(before["fields"].keys() - said["fields"].keys())
        draft = corrections.with_given(self._session, record, {"kind": record.kind, **said, "empty": empty})
        draft = corrections.respected(self._session, record, draft, clock.to_text(self._at))
        self._change(record, corrections.content(draft, record), record.structure, Choice.POLICY)

    def give_back(self, record: Record) -> None:
        """A record that was withdrawn lives again as it was, to be qualified. Raises `NotHome`."""
        others.require_home(self._session, record, self.home)
        record.change(record.content, record.structure, self._at)
        record.status = SUBMITTED
        self.showing.settle(record, self.source(record.source).policy == "publish")
        self.note(record, "give_back")
        self.showing.tell()

    def restore(self, record: Record, status: str, structure: str | None, content: bytes) -> None:
        """Put an earlier state back, as a new version: public where it was; what waited, or was withdrawn, waits.

        What was verified of what changes is verified no more, and no word of a person any more either.
        """
        status = SUBMITTED if record.is_withdrawn else status  # what was verified of it went with it
        seen = self.showing.seen(record) if record.is_public and record.status == QUALIFIED else None
        record.change(content, structure, self._at)
        record.status = status
        groups = qualification.groups_of(record.changed.split())
        record.trust_in(qualification.unsaid(record.trusted, groups))
        by_policy = self.source(record.source).policy == "publish"
        if record.is_public and not by_policy and status in (DRAFT, SUBMITTED):
            self.showing.hide(record)  # nobody had put their word behind it then
        else:
            self.showing.settle(record, by_policy or (record.is_public and status == QUALIFIED), seen)
        self.showing.tell()

    def require_version(self, draft: dict[str, Any], version: int) -> None:
        """Raises `Conflict` where the record of a draft is not, or no more, at the version that its writer read."""
        raise_problems([Saved("refused", problems=check_draft(draft))])
        record = store.record(self._session, self.ids(draft)[0], lock=True)
        if record is None:
            raise Conflict(f"Cette fiche n’existe pas : elle n’a pas pu être lue en version {version}.")
        record.require_version(version)

    def ids(self, draft: dict[str, Any]) -> tuple[str, str | None]:
        """The id of a checked draft's record, and of the structure that it names."""
        of = None if draft["kind"] == "structure" else draft["structure_source_id"]
        structure = None if of is None else str(record_id(self.home, "structure", draft["source"], of))
        return str(record_id(self.home, draft["kind"], draft["source"], draft["source_id"])), structure

    def _save(
        self, draft: dict[str, Any], ids: tuple[str, str | None], known: dict[str, Record], choice: Choice
    ) -> Saved:
        own, structure = ids[0], self._current(ids[1], known)
        if structure is not None and (structure not in known or known[structure].status == WITHDRAWN):
            return Saved("refused", problems=[no_structure(draft)])
        record = known.get(own)
        if choice is not Choice.POLICY:
            now = {} if record is None else record.parts["fields"]
            fields, problems = typed.read(draft["kind"], draft["fields"], now)
            if problems:
                return Saved("refused", problems=problems)
            draft = draft | {"fields": fields}
        if record is None:
            record = known[own] = self._create(own, structure, draft, corrections.content(draft, None))
            self._settle(record, choice, set())
            if choice is not Choice.POLICY:
                self.note(record, "create")
            return Saved("created", record)
        if record.home != self.home and choice is Choice.POLICY:
            return Saved("refused", problems=[moved_away(draft, others.whose(self._session, record))])
        others.require_home(self._session, record, self.home)
        if record.replaced_by:
            corrections.say_beside(self._session, record, corrections.content(draft, record), clock.to_text(self._at))
            return Saved("unchanged", record)
        draft = corrections.with_given(self._session, record, draft)
        if choice is Choice.POLICY:
            draft = corrections.respected(self._session, record, draft, clock.to_text(self._at))
        content = corrections.content(draft, record)
        if stays(record, draft, content, structure):
            return Saved("unchanged", record)
        return self._change(record, content, structure, choice)

    def _current(self, structure: str | None, known: dict[str, Record]) -> str | None:
        """The structure that a draft means: the one it names, or what that was merged into."""
        while structure is not None and structure in known and known[structure].replaced_by:
            structure = str(known[structure].replaced_by)
            if structure not in known and (found := store.record(self._session, structure, lock=True)):
                known[structure] = found
        return structure

    def rewrite(self, record: Record, content: bytes, structure: str | None, public: bool | None = None) -> None:
        """Give a record another content and structure by an act noted elsewhere; `public` as it is unless said."""
        if not record.says(content, structure):
            record.change(content, structure, self._at)
            self.showing.settle(record, wanted=record.is_public if public is None else public)

    def _change(self, record: Record, content: bytes, structure: str | None, choice: Choice) -> Saved:
        if record.says(content, structure):
            return Saved("unchanged", record)
        if choice is Choice.OTHERS and (problems := leaves_ess(record.parts, content)):
            return Saved("refused", problems=problems)
        before, was_seen = (record.status, record.structure, record.content), record.public_version == record.version
        moved = set() if structure == before[1] else {"structure"}
        seen = self.showing.seen(record) if was_seen and record.status == QUALIFIED and not moved else None
        record.change(content, structure, self._at)
        self._settle(record, choice, set(record.changed.split()) | moved, was_seen, seen)
        if moved and record.is_public and record.public_version != record.version:
            self.showing.hide(record)  # the public would go on seeing it under a structure that may go meanwhile
        if choice is not Choice.POLICY:
            self.note(record, "edit", before=before[2])
        return Saved("updated", record, before)

    def _create(self, own: str, structure: str | None, draft: dict[str, Any], content: bytes) -> Record:
        record = Record(
            id=own, kind=draft["kind"], home=self.home, source=draft["source"], source_id=draft["source_id"],
            structure=structure, version=1, status=DRAFT, content=content, changed="", reason="",
            changed_at=clock.to_text(self._at), trust=NO_TRUST, words=words_of(draft["fields"]),
            matched=draft["kind"] != "structure",
        )  # fmt: skip
        self._session.add(record)
        return record

    def _settle(
        self, record: Record, choice: Choice, changed: set[str], was_seen: bool = False,
        seen: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """What a new content does to status, trust and the public.

        `was_seen`: the public saw the version before this one; `seen`: as what, where that was qualified.
        """
        essential, by_a_permanent = bool(changed & qualification.ESSENTIAL), choice is Choice.PERMANENT
        by_a_person = choice is Choice.OTHERS and bool(self._by.roles)  # a machine's word waits, whatever it changes
        wanted = self.source(record.source).policy == "publish" or (
            (by_a_permanent and (was_seen or record.status == QUALIFIED))
            or (by_a_person and was_seen and not essential)
        )
        if record.status == DRAFT and choice is Choice.POLICY:
            record.status = SUBMITTED
        if changed:
            self._weigh(record, choice, qualification.groups_of(changed))
            if record.status == QUALIFIED and not by_a_permanent and (essential or not wanted):
                record.status = REVIEW
        self.showing.settle(record, wanted, seen)

    def _weigh(self, record: Record, choice: Choice, groups: set[str]) -> None:
        """What was verified of the groups that changed is verified no more, unless a permanent changed them."""
        trust = record.trusted
        if choice is Choice.PERMANENT and record.status == QUALIFIED:
            role = self._by.role("directory:qualify")
            trust = qualification.verified(trust, groups, role, EDIT, self._at, self._months)
        elif trust:
            trust = qualification.unverified(trust, groups)
        if choice is not Choice.POLICY and self._by.roles:
            trust = trust | {"by_people": sorted({*trust.get("by_people", ()), *groups})}
        if trust:
            record.trust_in(trust)

    def note(self, record: Record, act: str, how: str = "", before: bytes | None = None) -> None:
        """Remember an act of whoever is at this desk."""
        store.note_act(self._session, Act(
            record_id=record.id, version=record.version, at=clock.to_text(self._at), by=self._by.name,
            role=" ".join(self._by.roles) or "machine", act=act, how=how, before=before,
        ))  # fmt: skip


def as_typed(record: Record, said: dict[str, Any]) -> dict[str, Any]:
    """A change that somebody wrote by hand, read as an import reads it. Raises `ValidationError` for each fault."""
    if not isinstance(said.get("fields"), dict):
        return said
    fields, problems = typed.read(record.kind, said["fields"], record.parts["fields"])
    raise_problems([Saved("refused", problems=problems)])
    return said | {"fields": fields}


def must_exist(record: Record | None, record_id_: str) -> Record:
    """Raises `NotFound` where there is no such record."""
    if record is None:
        raise NotFound(f"Aucune fiche {record_id_} sur ce nœud.")
    return record


def stays(record: Record, draft: dict[str, Any], content: bytes, structure: str | None) -> bool:
    """Whether a draft changes nothing: it says the same, or is only there in case the record is new."""
    return bool(draft.get("if_new") and record.status != WITHDRAWN) or record.says(content, structure)
