"""From what a file says of a record to a clean draft, or to what is wrong with it.

Two kinds of values carry a record: those that say which one it is (its identifier, its name, the structure of a
service) and the commune it is in, by which people find it. A fault there refuses the row. Any other value that cannot
be understood is told as a warning and kept as it was in `extra["unread"]`, so that one wrong telephone costs nobody
their entry and nothing is lost; a strict reading, and a mapping's `required`, refuse the row for it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import orjson

from services.directory.formats import clean, referentials, sectors, territory
from services.directory.formats.clean_text import Refused
from services.directory.formats.drafts import Draft, problem
from services.directory.formats.hours import Hours, from_text, from_week
from services.directory.formats.mapped import Candidate, Days, Unmade
from services.directory.formats.vocabulary import FIELDS, LISTS, OWN_FIELDS
from services.kernel.errors import Problem

CARRYING: Final = frozenset({"id", "nom", "structure_id"})
PLACE_WORDS: Final = ("code_insee", "commune", "code_postal")
ENUMERATED: Final = {"type", "frais", *LISTS} - {"zone_eligibilite"}
EVERYBODY: Final = "tous-publics"
# What is looked up again and again, and is short: one address of a hundred places, one theme of a thousand services.
_REPEATED: Final = frozenset({"telephone", "courriel", "site_web", "siret", "code_postal", "date_maj"})


@dataclass(slots=True)
class Made:
    """What became of a candidate: a draft, unless one of the problems refuses it."""

    draft: Draft
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


class Drafter:
    """Makes drafts of one source.

    Args:
        source: its name, of every draft.
        strict: refuse a row for any value that cannot be understood.
    """

    def __init__(self, source: str, *, strict: bool = False) -> None:
        self._source = source
        self._strict = strict

    def make(self, candidate: Candidate, line: int, as_of: str | None = None) -> Made:
        """The draft of a candidate. `as_of` (ISO date) dates it when it does not say its `date_maj`."""
        draft: Draft = {
            "kind": candidate.kind, "source": self._source, "source_id": clean.text(candidate.source_id), "fields": {},
        }  # fmt: skip
        if candidate.kind == "service":
            draft["structure_source_id"] = clean.text(candidate.structure_source_id)
        task = _Task(candidate, line, Made(draft), self._strict)
        task.identify()
        task.clean_fields()
        task.place()
        task.finish(as_of)
        return task.made


class _Task:
    """One candidate on its way to a draft."""

    def __init__(self, candidate: Candidate, line: int, made: Made, strict: bool) -> None:
        self.candidate, self.line, self.made, self.strict = candidate, line, made, strict
        self.fields = made.draft["fields"]
        self.extra: dict[str, Any] = {}

    def identify(self) -> None:
        if not self.made.draft["source_id"]:
            self.refuse("id", "", Refused("id.missing", "L'identifiant manque.", "Donnez-en un, qui ne change pas."))
        if not self.made.draft.get("structure_source_id", "-"):
            why, remedy = "Le service n'est rattaché à aucune structure.", "Donnez l'identifiant de sa structure."
            self.refuse("structure_id", "", Refused("structure.missing", why, remedy))
        for name in {"nom", *self.candidate.required}:
            if name not in self.candidate.values:
                self.refuse(name, "", Refused(f"{name}.missing", "Cette valeur manque.", "Complétez la ligne."))

    def clean_fields(self) -> None:
        known = FIELDS[self.candidate.kind]
        for name, value in self.candidate.values.items():
            if isinstance(value, Unmade):
                self.fault(name, value.value, value.refused)
                value = value.kept or None
            if value is None or value == "" or value == []:
                continue
            if name in known:
                self.clean_one(name, value)
            else:
                self.keep(name, value)

    def clean_one(self, name: str, value: Any) -> None:
        if name == "horaires_accueil":
            self.hours(value)
        elif name in LISTS:
            self.several(name, value)
        elif name not in PLACE_WORDS:
            try:
                cleaned = _checked(name, value)
            except Refused as refused:
                self.fault(name, value, refused)
            else:
                if cleaned is not None and cleaned != "":
                    self.fields[name] = cleaned

    def several(self, name: str, value: Any) -> None:
        found = set()
        for element in as_list(value):
            try:
                found.add(_element(name, element))
            except Refused as refused:
                self.fault(name, element, refused)
        if name == "publics" and EVERYBODY in found and len(found) > 1:
            why = "« tous-publics » ne va avec aucun autre public : il est seul gardé."
            self.warn(name, ", ".join(sorted(found)), Refused("publics.everybody", why, "Choisissez entre les deux."))
            found = {EVERYBODY}
        if found:
            self.fields[name] = sorted(found)

    def hours(self, value: Any) -> None:
        read = _hours(value)
        if read.osm is not None:
            self.fields["horaires_accueil"] = read.osm
        if read.text is not None:
            self.extra["horaires_texte"] = read.text
        if not read.read:
            code = "hours.partial" if read.osm is not None else "hours.unread"
            why = "Ces horaires ne sont pas compris en entier : le texte est gardé à côté."
            remedy = "Par exemple : lundi au vendredi 9h-12h et 14h-17h30."
            self.fault("horaires_accueil", read.text, Refused(code, why, remedy), keep=False)

    def place(self) -> None:
        said = {name: _word(self.candidate.values.get(name)) for name in PLACE_WORDS}
        if not any(said.values()):
            return
        found = territory.locate(said["code_insee"], said["commune"], said["code_postal"])
        if not isinstance(found, territory.Commune):
            told = found["field"]
            self.refuse(told, said[told], Refused(found["code"], found["why"], found["remedy"]))
            return
        self.fields["commune"], self.fields["code_insee"] = found.name, found.code
        postal = self.postal_code(said["code_postal"])
        if postal is None and len(found.postal_codes) == 1:
            postal = found.postal_codes[0]
        if postal is not None:
            self.fields["code_postal"] = postal

    def postal_code(self, said: str | None) -> str | None:
        if said is None:
            return None
        try:
            postal: str = _checked("code_postal", said)
        except Refused as refused:
            self.fault("code_postal", said, refused)
            return None
        return postal

    def keep(self, name: str, value: Any) -> None:
        """What is no field of data·inclusion: sectors, the number in the register of associations, anything else."""
        if name == "sectors":
            self.sectors(value)
        elif name == "adresse_certifiee":
            self.extra.update({name: True} if value is True or _word(value) in ("true", "True", "oui", "1") else {})
        elif name in OWN_FIELDS[self.candidate.kind]:
            try:
                self.extra[name] = _checked(name, value)
            except Refused as refused:
                self.fault(name, value, refused)
        else:
            remedy = "Corrigez le nom de la colonne, ou retirez-la."
            self.fault(name, value, Refused("field.unknown", "Ce champ n'existe pas.", remedy))

    def sectors(self, value: Any) -> None:
        known = []
        for sector in as_list(value):
            if sectors.is_known(sector):
                known.append(sector)
            else:
                self.fault(
                    "sectors", sector, Refused("sectors.unknown", "Ce secteur n'existe pas.", "Voir le glossaire.")
                )
        if known:
            self.made.draft["sectors"] = sorted(set(known))

    def finish(self, as_of: str | None) -> None:
        draft = self.made.draft
        if as_of is not None and "date_maj" not in self.fields:
            self.fields["date_maj"] = draft["as_of"] = as_of
        if draft["kind"] == "service" and "sectors" not in draft:
            followed = sectors.of(self.fields.get("thematiques", ()), self.fields.get("publics", ()))
            if followed:
                draft["sectors"] = list(followed)
        if self.extra:
            draft["extra"] = self.extra

    def fault(self, name: str, value: Any, refused: Refused, *, keep: bool = True) -> None:
        """Refuse the row, or warn and keep the value: what the module's first lines say."""
        if self.strict or name in CARRYING or name in self.candidate.required:
            self.refuse(name, value, refused)
            return
        self.warn(name, value, refused)
        if keep:
            unread = self.extra.setdefault("unread", {})
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            unread[name] = f"{unread[name]}, {text}" if name in unread else text

    def refuse(self, name: str, value: Any, refused: Refused) -> None:
        self.made.problems.append(self.told(name, value, refused))

    def warn(self, name: str, value: Any, refused: Refused) -> None:
        self.made.warnings.append(self.told(name, value, refused))

    def told(self, name: str, value: Any, refused: Refused) -> Problem:
        label = self.candidate.labels.get(name, name)
        return problem(self.line, label, value, refused.code, refused.why, refused.remedy)


def as_list(value: Any) -> list[str]:
    """A list as files write it: JSON, or texts separated by `|`, `;` or `,`; whichever comes first in that order."""
    if isinstance(value, str):
        value = _from_text(value.strip())
    if not isinstance(value, list | tuple):
        value = [value]
    words = (_word(element) for element in value)
    return [word for word in words if word]


def _from_text(text: str) -> Any:
    if text.startswith("["):
        try:
            return orjson.loads(text)
        except ValueError:
            text = re.sub(r"[\[\]'\"]", "", text)  # ['a', 'b'], as Python and spreadsheets write lists
    separator = next((mark for mark in "|;," if mark in text), None)
    return text.split(separator) if separator else [text]


def _word(value: Any) -> str | None:
    if value is None:
        return None
    return clean.text(value) or None


def _checked(name: str, value: Any) -> Any:
    if name in ("type", "frais"):
        return _element(name, clean.text(value))
    if name in _REPEATED and isinstance(value, str):
        return _answer(name, value)()
    return clean.check(name, value)


@lru_cache(maxsize=4096)
def _answer(name: str, value: str) -> Callable[[], Any]:
    """What `clean.check` answers, as a function that returns it or raises it again."""
    try:
        cleaned = clean.check(name, value)
    except Refused as refused:
        return _raiser(refused.code, refused.why, refused.remedy)
    return lambda: cleaned


def _raiser(code: str, why: str, remedy: str) -> Callable[[], Any]:
    def answer() -> Any:
        raise Refused(code, why, remedy)

    return answer


@lru_cache(maxsize=4096)
def _element(name: str, word: str) -> str:
    """One value of a list field, or of a field with a closed list of values. Raises `Refused`."""
    if name == "zone_eligibilite":
        return _zone(word)
    found = referentials.find(name, word)
    if isinstance(found, referentials.Unlisted):
        raise Refused(f"{name}.unknown", found.why, found.remedy)
    return found.value


def _zone(word: str) -> str:
    code = word.lower() if word.lower() in territory.ALL_FRANCE else word.upper()
    if not territory.valid_zone(code):
        remedy = "Donnez le code d'une commune, d'un département, d'une intercommunalité (SIREN), ou « france »."
        raise Refused("zone.unknown", "Cette zone n'existe pas.", remedy)
    return code


def _hours(value: Any) -> Hours:
    if isinstance(value, Days):
        return from_week(value.week, value.note)
    return from_text(clean.html_text(value))
