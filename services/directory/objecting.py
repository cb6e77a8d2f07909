"""Somebody objects to being named: they are taken out of everything this node keeps, and no import brings them back.

What is kept of the objection is a keyed digest of the name, address or number: it says whether a value is one of those,
and to nobody else what they were. Source of the rule: articles 17 and 21 of the GDPR.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy.orm import Session

from services.directory import store_objections
from services.directory.formats import clean
from services.directory.formats.territory_names import words
from services.directory.model import Record
from services.directory.writing import Desk
from services.kernel import redaction
from services.kernel.envelope import canonical
from services.kernel.identity import Identity
from services.kernel.log import EventLog

PURPOSE = b"maillage/objection/1\n"
CONTACT = ("contact_nom_prenom", "courriel", "telephone")
GONE = "…"
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

    def digest(self, field: str, value: str) -> str:
        """What is kept of a value: only this node can tell whether another is the same."""
        plain = normalised(field, value)
        return hashlib.sha256(self._identity.sign(PURPOSE, f"{field}:{plain}".encode())).hexdigest()

    def respected(self, draft: dict[str, Any]) -> dict[str, Any]:
        """A draft without what was objected to."""
        if not self._known or not isinstance(draft.get("fields"), dict):
            return draft
        held = {
            name for name in CONTACT
            if isinstance(draft["fields"].get(name), str) and self.digest(name, draft["fields"][name]) in self._known
        }  # fmt: skip
        if not held:
            return draft
        return draft | {"fields": {name: value for name, value in draft["fields"].items() if name not in held}}


def normalised(field: str, value: str) -> str:
    """One writing of a name, an address or a number."""
    if field == "contact_nom_prenom":
        return " ".join(sorted(words(value).split()))
    if field == "telephone":
        try:
            return clean.phone(value)
        except clean.Refused:
            return value
    return value.strip().casefold()


def records_naming(session: Session, said: Mapping[str, str], lock: bool = False) -> Iterator[Record]:
    """Every record, tombstones too, that names somebody."""
    for record in store_objections.all_records(session, lock):
        if _names(record.content, said):
            yield record


def forget(session: Session, desk: Desk, said: Mapping[str, str]) -> list[str]:
    """Take somebody out of the records and of what is kept beside them; the ids of the records that named them."""
    found = list(records_naming(session, said, lock=True))
    for record in found:
        content = canonical(cleaned(record.parts, said))
        if record.is_withdrawn:
            record.content = content
            record.__dict__.pop("parts", None)
        else:
            desk.rewrite(record, content, record.structure)
            desk.note(record, "forget")
    store_objections.clean_asides(session, lambda raw: _names(raw, said), lambda raw: _cleaned_raw(raw, said))
    desk.showing.tell()
    return [record.id for record in found]


def erase(session: Session, log: EventLog, service: str, said: Mapping[str, str]) -> int:
    """Take somebody out of the log; how many streams tell of it. Raises `Unavailable` just after a change."""
    subjects = store_objections.subjects(session)
    told = redaction.erase(session, service, subjects, lambda raw: _names(raw, said))
    log.append(session, *told)
    return len(told)


def cleaned(parts: Any, said: Mapping[str, str]) -> Any:
    """The same without somebody: their fields gone, their values inside other texts replaced."""
    if isinstance(parts, dict):
        return {
            name: cleaned(value, said) for name, value in parts.items()
            if not (name in said and isinstance(value, str) and normalised(name, value) == normalised(name, said[name]))
        }  # fmt: skip
    if isinstance(parts, list):
        return [cleaned(each, said) for each in parts]
    if not isinstance(parts, str):
        return parts
    for needle in _needles(said):
        parts = _without(parts, needle)
    return parts


def _needles(said: Mapping[str, str]) -> set[str]:
    """What is looked for inside texts: as it was given, and a number as records write it."""
    numbers = {normalised(name, value) for name, value in said.items() if name == "telephone"}
    return {needle for needle in (*said.values(), *numbers) if len(needle) >= SHORTEST}


def _without(text: str, needle: str) -> str:
    at = text.casefold().find(needle.casefold())
    while at >= 0:
        text = text[:at] + GONE + text[at + len(needle) :]
        at = text.casefold().find(needle.casefold(), at + len(GONE))
    return text


def _names(raw: bytes, said: Mapping[str, str]) -> bool:
    parsed = orjson.loads(raw)
    return bool(cleaned(parsed, said) != parsed)


def _cleaned_raw(raw: bytes, said: Mapping[str, str]) -> bytes:
    """A kept content, or the state of a merge with a content inside, without somebody."""
    parsed = orjson.loads(raw)
    if isinstance(parsed, dict) and isinstance(parsed.get("kept"), str):
        inside = base64.b64decode(parsed["kept"])
        parsed["kept"] = base64.b64encode(canonical(cleaned(orjson.loads(inside), said))).decode()
        return orjson.dumps(parsed)
    return canonical(cleaned(parsed, said))
