"""Somebody objects to being named: they are taken out of everything this node keeps, and no import brings them back.

What is kept of the objection is a keyed digest of the name, address or number: it says whether a value is one of those,
and to nobody else what they were. Source of the rule: articles 17 and 21 of the GDPR.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any
from unicodedata import normalize

import orjson
from sqlalchemy.orm import Session

from services.directory import store_objections, store_pairs
from services.directory.formats import clean, naming
from services.directory.formats.naming import Sought
from services.directory.formats.own import OWN
from services.directory.formats.territory_names import words
from services.directory.model import Record, flat
from services.directory.writing import Desk
from services.kernel import redaction
from services.kernel.envelope import canonical
from services.kernel.errors import Problem, ValidationError
from services.kernel.identity import Identity
from services.kernel.log import EventLog

PURPOSE = b"maillage/objection/1\n"
_SIZED = "n"
"""The first letter of a digest that says the size of a name; those of before are hexadecimal alone."""
NAME = "contact_nom_prenom"
CONTACT = (NAME, "courriel", "telephone")
PARTS = ("fields", "sectors", "extra", "sources", *OWN)
"""What the content of a record is made of."""
UNREAD = "unread"
"""In `extra`: what an import could not read, as it came."""
SHORTEST = 4
"""Characters of a value that is looked for inside other texts: a shorter one would tear words apart."""


class Objections:
    """What this node was asked to forget, by digest.

    Args:
        known: the digests; an empty set costs an import nothing.
    """

    def __init__(self, identity: Identity, known: frozenset[str]) -> None:
        self._identity = identity
        self._known = known
        self._sought = Sought(self._is_unwanted, frozenset(size for each in known if (size := _size_in(each))))

    def digest(self, field: str, value: str) -> str:
        """What is kept of a value: only this node can tell whether another is the same.

        Of a name it also says how many words and letters it has, so that a text is not compared word by word.
        """
        plain = normalised(field, value)
        size = naming.size_of(plain) if field == NAME else (0, 0)
        return self._digest(field, plain, size)

    def respected(self, draft: dict[str, Any]) -> dict[str, Any]:
        """A draft without what was objected to: no field of it, no word of its texts, of what is kept beside them."""
        if not self._known or not isinstance(draft.get("fields"), dict):
            return draft
        return draft_without(draft, self._sought)

    def met(self, parts: Any) -> set[tuple[str, str]]:
        """Who of them is named anywhere in a content: (field, value in its one writing)."""
        found: set[tuple[str, str]] = set()

        def is_theirs(field: str, value: str) -> bool:
            unwanted = self._is_unwanted(field, value)
            if unwanted:
                found.add((field, normalised(field, value)))
            return unwanted

        _without_sought(parts, Sought(is_theirs, self._sought.sizes))
        return found

    @cached_property
    def _key(self) -> bytes:
        return bytes.fromhex(self._identity.digest(PURPOSE, b""))

    def _digest(self, field: str, plain: str, size: tuple[int, int]) -> str:
        made = hmac.digest(self._key, f"{field}:{plain}".encode(), "sha256").hex()
        return f"{_SIZED}{size[0]:02}{size[1]:03}{made}"[:64]

    def _is_unwanted(self, field: str, value: str) -> bool:
        plain = normalised(field, value)
        size = naming.size_of(plain) if field == NAME else (0, 0)
        return self._digest(field, plain, size) in self._known or self._was_unwanted(field, plain)

    def _was_unwanted(self, field: str, plain: str) -> bool:
        """Whether an objection of before 0.2 names it: these digests take a signature each."""
        return self._has_early and self._identity.digest(PURPOSE, f"{field}:{plain}".encode()) in self._known

    @cached_property
    def _has_early(self) -> bool:
        return any(not each.startswith(_SIZED) for each in self._known)


def draft_without(draft: dict[str, Any], sought: Sought) -> dict[str, Any]:
    """A draft without who is looked for: no contact field of theirs, a sign in the place of each in other texts."""
    fields = {name: value for name, value in _without_sought(draft["fields"], sought).items()
              if value == draft["fields"][name] or name not in CONTACT}  # fmt: skip
    said = {name: _without_sought(draft[name], sought) for name in ("extra", *OWN) if name in draft}
    return draft | said | {"fields": fields}


def _without_sought(value: Any, sought: Sought) -> Any:
    if isinstance(value, dict):
        said = {name: _without_sought(each, sought) for name, each in value.items()}
        return {name: each for name, each in said.items() if each == value[name] or not naming.is_link(value[name])}
    if isinstance(value, list):
        return [_without_sought(each, sought) for each in value]
    return naming.without(value, sought) if isinstance(value, str) else value


def _size_in(digest: str) -> tuple[int, int] | None:
    """How many words and letters a name has, of a digest of one."""
    if not digest.startswith(_SIZED) or digest[1:3] == "00":
        return None
    return int(digest[1:3]), int(digest[3:6])


def must_be_sayable(said: Mapping[str, str]) -> None:
    """Raises `ValidationError` for what is no name, address or number: nothing would be found, and all seem well."""
    problems: list[Problem] = []
    for name, value in said.items():
        try:
            {"telephone": clean.phone, "courriel": clean.email, "contact_nom_prenom": _name}[name](value)
        except clean.Refused as refused:
            problems.append(refused.problem(name, value))
    if problems:
        raise ValidationError("Corrigez ce qui est à effacer.", problems)


def _name(value: str) -> None:
    if len(words(value).replace(" ", "")) < SHORTEST or not value.isprintable():
        why = f"Ce n’est pas un nom : {SHORTEST} lettres au moins."
        raise clean.Refused("name.short", why, "Écrivez le prénom et le nom.")


def normalised(field: str, value: str) -> str:
    """One writing of a name, an address or a number."""
    if field == NAME:
        return naming.plain_name(value)
    if field == "telephone":
        for written in (value, re.sub(r"[^\d+]", "", value)):
            try:
                return clean.phone(written)
            except clean.Refused:
                continue
        return value
    return value.strip().casefold()


def records_naming(session: Session, said: Mapping[str, str], lock: bool = False) -> Iterator[Record]:
    """Every record, tombstones too, that names somebody, or of which the public still sees a version that does."""
    for record in store_objections.all_records(session, lock):
        shown = _shown_before(session, record)
        if cleaned([record.parts, record.reason, shown], said) != [record.parts, record.reason, shown]:
            yield record


def told(record: Record, said: Mapping[str, str]) -> dict[str, Any]:
    """Where a record names somebody, for who decides: its name, and the fields, without what they say."""
    fields = fields_naming(record.parts, said)
    fields += ["source_id"] if _Somebody(said).is_all_in(record.source_id) else []
    return {"id": record.id, "kind": record.kind, "name": record.parts["fields"].get("nom"), "fields": fields}


def fields_naming(parts: Mapping[str, Any], said: Mapping[str, str]) -> list[str]:
    """The fields of a content that name somebody; `extra` for what is kept beside them."""
    after = cleaned(parts, said)
    now, then = flat(parts), flat(after)
    fields = [name for name, value in now.items() if then.get(name) != value]
    return fields + (["extra"] if after.get("extra") != parts.get("extra") else [])


def may_name(said: Mapping[str, str]) -> Callable[[str], bool]:
    """Whether it is worth looking for somebody in a text, or in a whole content as it is written."""
    return _Somebody(said).may_be_in


def forget(session: Session, desk: Desk, said: Mapping[str, str]) -> list[str]:
    """Take somebody out of the records and of what is kept beside them; the ids of the records that named them."""
    found = list(records_naming(session, said, lock=True))
    for record in found:
        if record.is_withdrawn:
            _clean_tombstone(session, desk, record, said)
        else:
            _clean_living(session, desk, record, said)
            desk.note(record, "forget")
    store_pairs.replace_keys(session, {record.id: () for record in found}, ())  # compared anew, behind the change
    store_objections.clean_asides(session, lambda raw: _names(raw, said), lambda raw: _cleaned_raw(raw, said))
    desk.showing.tell()
    return [record.id for record in found]


def _shown_before(session: Session, record: Record) -> dict[str, Any] | None:
    """What the public sees of a record of which a change waits for a permanent."""
    waits = record.is_public and record.public_version != record.version
    return store_objections.shown(session, record.id) if waits else None


def _clean_living(session: Session, desk: Desk, record: Record, said: Mapping[str, str]) -> None:
    """Out of the record, and out of what the public sees where a change waits: that goes on waiting."""
    before, structure, content = record.version, record.structure, canonical(cleaned(record.parts, said))
    shown = _shown_before(session, record)
    if shown is not None:
        parts = {name: value for name, value in shown.items() if name in PARTS}
        desk.rewrite(record, canonical(cleaned(parts, said)), shown.get("structure"), public=True)
    desk.rewrite(record, content, structure, public=None if shown is None else False)
    if record.is_public and (record.public_version or 0) <= before:  # its source is not published unseen any more
        desk.showing.hide(record)


def _clean_tombstone(session: Session, desk: Desk, record: Record, said: Mapping[str, str]) -> None:
    if record.home != desk.home:  # the last that this node said of it is erased: each last event has its data
        desk.showing.bid_farewell(record)
    record.content = canonical(cleaned(record.parts, said))
    record.__dict__.pop("parts", None)
    reason = cleaned(record.reason, said)
    if record.home == desk.home and reason != record.reason:
        record.reason = reason
        record.version += 1
        desk.showing.retell(record, public=store_objections.is_in_feed(session, record.id))


def erase(session: Session, log: EventLog, service: str, said: Mapping[str, str]) -> int:
    """Take somebody out of the log; how many streams tell of it. Raises `Unavailable` just after a change."""
    subjects = store_objections.subjects(session)
    told = redaction.erase(session, service, subjects, lambda raw: _names(raw, said))
    log.append(session, *told)
    return len(told)


def cleaned(parts: Any, said: Mapping[str, str]) -> Any:
    """The same without somebody: their fields gone, their values inside other texts replaced.

    What is recognised in a text is what an import would recognise in it, whatever the spelling, and the words as given.
    """
    return _cleaned(parts, _Somebody(said))


class _Somebody:
    """Who is looked for: by field, in one writing each."""

    def __init__(self, said: Mapping[str, str]) -> None:
        self.said = {name: normalised(name, value) for name, value in said.items()}
        name = self.said.get(NAME, "")
        self._words = set(name.split())
        number = self.said.get("telephone", "")
        self._number = number.removeprefix("+33") if number.startswith("+33") else re.sub(r"\D", "", number)
        self._domain = self.said.get("courriel", "").rpartition("@")[2].partition(".")[0]
        self._sought = Sought(self._is_theirs, frozenset({naming.size_of(name)} if name else ()))
        self._needles = {each for each in (*said.values(), *self.said.values()) if len(each) >= SHORTEST}

    def _is_theirs(self, field: str, value: str) -> bool:
        return field in self.said and normalised(field, value) == self.said[field]

    def out_of(self, text: str) -> str:
        """A text without them."""
        if self.may_be_in(text):
            text = naming.without(text, self._sought)
        for needle in self._needles:
            text = _without(text, needle)
        return text

    def may_be_in(self, text: str) -> bool:
        """Whether it is worth looking word by word."""
        if self._number and self._number in "".join(filter(str.isdecimal, normalize("NFKC", text.replace("%20", "")))):
            return True
        if self._domain and self._domain in text.casefold():
            return True
        return bool(self._words) and self._words <= set(words(text).split())

    def is_all_in(self, text: str) -> bool:
        """Whether a text that was not understood holds them in any writing: it is then kept no more."""
        return bool(self._words) and self._words <= set(words(re.sub(r"[\W_]", " ", text)).split())


def _cleaned(parts: Any, somebody: _Somebody, aside: bool = False) -> Any:
    if isinstance(parts, dict):
        return {
            name: _cleaned(value, somebody, aside or name == UNREAD) for name, value in parts.items()
            if not (isinstance(value, str) and (
                ((name in CONTACT or naming.is_link(value)) and somebody.out_of(value) != value)
                or ((aside or name == UNREAD) and somebody.is_all_in(value))
            ))
        }  # fmt: skip
    if isinstance(parts, list):
        return [_cleaned(each, somebody, aside) for each in parts]
    return somebody.out_of(parts) if isinstance(parts, str) else parts


def _without(text: str, needle: str) -> str:
    at = text.casefold().find(needle.casefold())
    while at >= 0:
        text = text[:at] + naming.GONE + text[at + len(needle) :]
        at = text.casefold().find(needle.casefold(), at + len(naming.GONE))
    return text


def _names(raw: bytes, said: Mapping[str, str]) -> bool:
    parsed = _opened(raw)
    return bool(cleaned(parsed, said) != parsed)


def _cleaned_raw(raw: bytes, said: Mapping[str, str]) -> bytes:
    """A kept content, or the state of a merge with contents inside, without somebody."""
    parsed = cleaned(_opened(raw), said)
    for holder, name in _contents(parsed):
        holder[name] = base64.b64encode(canonical(holder[name])).decode()
    return canonical(parsed)


def _opened(raw: bytes) -> Any:
    """What is kept, the contents inside the state of a merge as objects too."""
    parsed = orjson.loads(raw)
    for holder, name in _contents(parsed):
        holder[name] = orjson.loads(base64.b64decode(holder[name]))
    return parsed


def _contents(parsed: Any) -> list[tuple[dict[str, Any], str]]:
    """Where the state of a merge holds the content of a record; nowhere in anything else."""
    if not isinstance(parsed, dict) or not {"kept", "gone", "given"} <= parsed.keys():
        return []
    return [(parsed, "kept"), *([(parsed["gone"], "content")] if "content" in parsed["gone"] else [])]
