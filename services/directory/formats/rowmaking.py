"""Rows from what files say: all drafts of a row or none, and no identifier twice.

A table with one service a line repeats its structure on each: the first line that says it counts, the others add their
service. Any other identifier met twice with different words refuses the second row: nobody knows which is right.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b

import orjson

from services.directory.formats.candidate import Candidate
from services.directory.formats.drafting import Drafter
from services.directory.formats.drafts import BESIDE, Draft, Raw, Row, problem
from services.directory.formats.seen import Key, Met, Seen
from services.directory.formats.vocabulary import ERROR_COLUMN
from services.kernel.errors import Problem


class RowMaker:
    """Makes the rows of one reading; remembers the identifiers it met.

    Args:
        manner: bytes that say how rows are read, part of their digests.
        known: see `reading.read`.
    """

    def __init__(
        self, manner: bytes = b"", *, strict: bool = False, known: Callable[[bytes], bool] | None = None
    ) -> None:
        self._manner = manner
        self._known = known
        self._strict = strict
        self._drafter = Drafter(strict=strict)
        self._seen = Seen()
        self._number = 0

    def make(self, raw: Raw, candidates: Iterable[Candidate] | None, as_of: str | None) -> Row:
        """A row.

        Args:
            candidates: what it says; None when the mapping leaves it aside.
            as_of: date (ISO) of the state that its file describes.
        """
        self._number += 1
        row = Row(self._number, raw, [], list(raw.faults), list(raw.notes), skipped=candidates is None)
        if candidates is None:
            row.problems = []
            return row
        if self._known is not None:
            row.digest = _row_digest(self._manner, raw)
            row.known = self._known(row.digest)
            if row.known:
                return row
        if self._strict:
            row.problems += raw.notes
        if row.problems:
            return row
        made_of: list[tuple[str, ...]] = []
        for candidate in candidates:
            made_of.append(candidate.made_of)
            made = self._drafter.make(candidate, raw.line, as_of)
            row.drafts.append(made.draft)
            # The structure and the service of a row often share a value: what is wrong with it is said once.
            row.problems += [one for one in made.problems if one not in row.problems]
            row.warnings += [one for one in made.warnings if one not in row.warnings]
        self._check_identifiers(row, made_of)
        if row.problems:
            row.drafts = []
        return row

    def _check_identifiers(self, row: Row, made_of: Sequence[tuple[str, ...]]) -> None:
        new: dict[Key, Met] = {}
        kept: list[Draft] = []
        for draft, columns in zip(row.drafts, made_of, strict=True):
            key: Key = (draft["kind"], draft["source"], draft["source_id"])
            met, before = Met(row.line, _digest(draft)), new.get(key) or self._seen.find(key)
            if before is None:
                new[key] = met
                kept.append(draft)
            elif before.digest == met.digest:
                row.warnings += [] if len(row.drafts) > 1 else [_repeated(row, draft, before)]
            elif draft["kind"] == "structure" and len(row.drafts) > 1:
                row.warnings.append(_first_counts(row, draft, before))
            else:
                row.problems.append(_taken(row, draft, before, columns))
        if len(row.drafts) > 1 and ERROR_COLUMN in row.raw.origin.columns:
            for draft in kept:
                if draft["kind"] == "structure":
                    draft["if_new"] = True
        row.drafts = kept
        if not row.problems:
            for key, met in new.items():
                self._seen.note(key, met)


def _row_digest(manner: bytes, raw: Raw) -> bytes:
    """A digest of a row as it stands in its file, under its columns, and of the manner in which it is read."""
    if isinstance(raw.values, dict):
        said = orjson.dumps(raw.values, option=orjson.OPT_SORT_KEYS)
    else:
        said = "\x1f".join((*raw.origin.columns, "", *raw.values)).encode(errors="surrogateescape")
    return blake2b(said + raw.origin.section.encode() + manner, digest_size=16).digest()


def _digest(draft: Draft) -> int:
    said = (draft["fields"], draft.get("structure_source_id"), *map(draft.get, BESIDE))
    return zlib.crc32(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))


def _repeated(row: Row, draft: Draft, before: Met) -> Problem:
    why = f"Cette ligne répète la ligne {before.line} : elle est laissée de côté."
    return problem(row.line, "id", draft["source_id"], "id.repeated", why, "Retirez l'une des deux.")


def _first_counts(row: Row, draft: Draft, before: Met) -> Problem:
    why = f"La structure « {draft['source_id']} » est dite autrement ligne {before.line}, qui seule compte."
    return problem(row.line, "id", draft["source_id"], "structure.repeated", why, "Écrivez-la partout de même.")


def _taken(row: Row, draft: Draft, before: Met, columns: Sequence[str]) -> Problem:
    why = f"L'identifiant « {draft['source_id']} » est déjà celui de la ligne {before.line}."
    remedy = "Donnez-lui un autre identifiant."
    if columns:
        named = " et ".join(f"« {name} »" for name in columns)
        why = f"{why[:-1]} : il est fait de {named}, que les deux lignes disent pareil."
        remedy = (
            "Si c'est la même, retirez l'une des deux lignes ; sinon écrivez-le autrement sur l'une, ou ajoutez à "
            "« id », dans la correspondance, une colonne qui les distingue."
        )
    return problem(row.line, "id", draft["source_id"], "id.taken", why, remedy)
