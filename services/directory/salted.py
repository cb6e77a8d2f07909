"""What one node tells another of who objected: digests that only a guess of the value reaches, slowly. Pure.

A digest is argon2id of the field and of one writing of the value, salted by the identifier of one record: it says
whether that record, or one that may be the same, names the person, and is of no use for any other. Who holds it can try
values, some thirty in a second on a core: it slows guessing, no more. Source: `docs/federation.md`, "An objection".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from nacl.pwhash import argon2id

from services.directory.formats import naming
from services.directory.formats.naming import Sought
from services.directory.objecting import CONTACT, NAME, PURPOSE, normalised
from services.kernel.database import Executor, inline

PASSES: Final = 2
MEMORY_BYTES: Final = 19 * 1_024 * 1_024
"""What OWASP's cheat sheet of password storage asks of argon2id at least: 25 to 50 ms on one core."""
DIGEST_BYTES: Final = 32
CHECKS_AT_MOST: Final = len(CONTACT)
TRIES_AT_MOST: Final = 200
"""Values of a record and its kin that are tried for one objection: five to ten seconds."""
_WORDS_AT_MOST, _LETTERS_AT_MOST = 20, 200


@dataclass(frozen=True, order=True)
class Check:
    """A value of which only this is known: its `field` and `digest`; of a name also how many words and letters."""

    field: str
    digest: str
    words: int = 0
    letters: int = 0

    @classmethod
    def read(cls, said: Any) -> Self:
        """One that another node wrote. Raises `ValueError`, `KeyError`, `TypeError` where it is none."""
        made = cls(str(said["field"]), bytes.fromhex(said["digest"]).hex(), int(said["words"]), int(said["letters"]))
        sized = 0 < made.words <= _WORDS_AT_MOST and made.words <= made.letters <= _LETTERS_AT_MOST
        whole = len(made.digest) == 2 * DIGEST_BYTES and made.field in CONTACT
        if not whole or (sized if made.field != NAME else not sized):
            raise ValueError("no check of a contact")
        return made

    def written(self) -> dict[str, Any]:
        """As it travels."""
        return {"field": self.field, "digest": self.digest, "words": self.words, "letters": self.letters}


def digest(record_id: str, field: str, plain: str, execute: Executor = inline) -> str:
    """Hexadecimal, of a value in its one writing. `execute`: where it is worked out, which takes its time."""
    secret, salt = PURPOSE + f"{field}:{plain}".encode(), UUID(record_id).bytes
    made = execute(lambda: argon2id.kdf(DIGEST_BYTES, secret, salt, opslimit=PASSES, memlimit=MEMORY_BYTES))
    return bytes(made).hex()


def check(record_id: str, field: str, value: str, execute: Executor = inline) -> Check:
    """What is told of a value to who holds a record."""
    plain = normalised(field, value)
    words, letters = naming.size_of(plain) if field == NAME else (0, 0)
    return Check(field, digest(record_id, field, plain, execute), words, letters)


class Salted:
    """Who is looked for by digests that one record salts.

    `found`: what was met so far, by field. `spent`: so much was tried that no more is.
    """

    def __init__(self, record_id: str, checks: Iterable[Check], execute: Executor = inline) -> None:
        self._record_id, self._execute = record_id, execute
        self._checks = frozenset((each.field, each.digest) for each in checks)
        self._fields = {field for field, _ in self._checks}
        self._tried: dict[tuple[str, str], bool] = {}
        self.found: dict[str, str] = {}
        self.sought = Sought(self._is_theirs, frozenset((each.words, each.letters) for each in checks if each.words))

    @property
    def spent(self) -> bool:
        """Whether more values were met than are tried."""
        return len(self._tried) >= TRIES_AT_MOST

    def look(self, parts: Any) -> bool:
        """Whether they are named anywhere in a content: its contact first, then all its texts."""
        fields = parts.get("fields") if isinstance(parts, Mapping) else None
        named = [self._is_in(str(fields[name])) for name in CONTACT if fields and fields.get(name)]
        return any((*named, self._look(parts)))

    def _look(self, parts: Any) -> bool:
        if isinstance(parts, Mapping):
            parts = list(parts.values())
        if isinstance(parts, list):
            named = [self._look(each) for each in parts]  # all of them: `found` is to be whole
            return any(named)
        return isinstance(parts, str) and self._is_in(parts)

    def _is_in(self, text: str) -> bool:
        return naming.without(text, self.sought) != text

    def _is_theirs(self, field: str, value: str) -> bool:
        if field not in self._fields:
            return False
        plain = normalised(field, value)
        if (field, plain) not in self._tried:
            if self.spent:
                return False
            self._tried[field, plain] = (field, digest(self._record_id, field, plain, self._execute)) in self._checks
        if self._tried[field, plain]:
            self.found[field] = plain
        return self._tried[field, plain]
