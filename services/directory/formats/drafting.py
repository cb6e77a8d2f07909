"""From what a file says of a record to a clean draft, or to what is wrong with it.

Two kinds of values carry a record: those that say which one it is (its identifier, its name, the structure of a
service) and the commune it is in, by which people find it. A fault there refuses the row. Any other value that cannot
be understood is told as a warning and kept as it was in `extra["unread"]`, so that one wrong telephone costs nobody
their entry and nothing is lost; a strict reading, and a mapping's `required`, refuse the row for it too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from services.directory.formats import clean, sectors, territory, values
from services.directory.formats.candidate import Candidate, Unmade
from services.directory.formats.clean import Refused
from services.directory.formats.drafts import Draft, problem
from services.directory.formats.ids import SOURCE_NAME
from services.directory.formats.own import faults as own_faults
from services.directory.formats.vocabulary import ARGUMENTAIRE, FIELDS, LISTS, OWN_FIELDS
from services.kernel.errors import Problem

CARRYING: Final = frozenset({"id", "nom", "structure_id", "source"})
SOURCE: Final = re.compile(SOURCE_NAME)
PLACE_WORDS: Final = ("code_insee", "commune", "code_postal")
PLACE: Final = frozenset({*PLACE_WORDS, "latitude", "longitude"})
EVERYBODY: Final = "tous-publics"
SAID_WHOLE: Final = frozenset({"argumentaire", "accessibility"})


@dataclass(slots=True)
class Made:
    """What became of a candidate: a draft, unless one of the problems refuses it."""

    draft: Draft
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


class Drafter:
    """Makes drafts of candidates; tells of an unknown field once.

    Args:
        strict: refuse a row for any value that cannot be understood.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.told: set[str] = set()

    def make(self, candidate: Candidate, line: int, as_of: str | None = None) -> Made:
        """The draft of a candidate. `as_of` (ISO date) dates it when it does not say its `date_maj`."""
        draft: Draft = {
            "kind": candidate.kind, "source": candidate.source, "source_id": clean.line(candidate.source_id),
            "fields": {},
        }  # fmt: skip
        if candidate.kind == "service":
            draft["structure_source_id"] = clean.line(candidate.structure_source_id)
        if empty := [name for name in candidate.empty if name in FIELDS[candidate.kind]]:
            draft["empty"] = empty
        task = _Task(candidate, line, Made(draft), self)
        task.identify()
        task.clean_fields()
        task.place()
        task.point()
        task.finish(as_of)
        return task.made


class _Task:
    """One candidate on its way to a draft."""

    def __init__(self, candidate: Candidate, line: int, made: Made, drafter: Drafter) -> None:
        self.candidate, self.line, self.made, self.drafter = candidate, line, made, drafter
        self.fields = made.draft["fields"]
        self.said: dict[str, str | None] = {}  # words and numbers that tell the place together
        self.extra: dict[str, Any] = {}
        self.given: dict[str, Any] = {}  # what an export of ours says that the source said

    def identify(self) -> None:
        if not SOURCE.fullmatch(self.candidate.source):
            why = "La source manque." if not self.candidate.source else "Ce nom de source ne convient pas."
            remedy = "Nommez-la (--source) en minuscules, chiffres et tirets."
            self.refuse("source", self.candidate.source, Refused("source.name", why, remedy))
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
                value = value.kept
            if value is None or value == "" or value == [] or value == ():
                continue
            if name in PLACE:
                self.said[name] = value if isinstance(value, str) else values.word(value)
            elif name in known:
                self.clean_one(name, value)
            else:
                self.keep(name, value)

    def clean_one(self, name: str, value: Any) -> None:
        if name == "horaires_accueil":
            self.hours(value)
        elif name in LISTS:
            self.fields.update(self.several(name, value))
        else:
            found = self.checked(name, value)
            if found is not None:
                self.fields[name] = found

    def checked(self, name: str, value: Any) -> Any:
        """The clean value of a field, None when it is none (told)."""
        found = values.cleaned(name, value)
        if isinstance(found, Refused):
            self.fault(name, value, found)
            return None
        if isinstance(found, clean.Cell):
            if found.others or found.rest:
                self.beside(name, value, found)
            return found.value
        return found

    def beside(self, name: str, value: Any, cell: clean.Cell) -> None:
        """Tell what a cell held beside its value, and keep the cell."""
        why = f"La cellule dit plus qu'une valeur : {cell.value} est pris, le reste est gardé à côté."
        refused = Refused(f"{name}.several", why, "Mettez le reste dans une autre colonne.")
        if self.drafter.strict:
            self.refuse(name, value, refused)
        self.warn(name, value, refused)
        self.unread(name, value)

    def several(self, name: str, value: Any) -> dict[str, list[str]]:
        """The known values of a list, by its name; nothing where there is none."""
        found = values.listed(name, value)
        for element, refused in found.refused:
            self.fault(name, element, refused)
        chosen = list(found.values)
        if name == "publics" and EVERYBODY in chosen and len(chosen) > 1:
            why = "« tous-publics » ne va avec aucun autre public : il est seul pris."
            self.fault(name, value, Refused("publics.everybody", why, "Choisissez entre les deux."))
            chosen = [EVERYBODY]
        return {name: chosen} if chosen else {}

    def hours(self, value: Any) -> None:
        read = values.hours(value)
        if isinstance(read, Refused):
            self.fault("horaires_accueil", value, read)
            return
        if read.osm is not None:
            self.fields["horaires_accueil"] = read.osm
        if read.text is not None:
            self.extra["horaires_texte"] = read.text
        if not read.read:
            code = "hours.partial" if read.osm is not None else "hours.unread"
            kept = "" if self.drafter.strict else " : le texte est gardé à côté"
            why = f"Ces horaires ne sont pas compris en entier{kept}."
            remedy = "Par exemple : lundi au vendredi 9h-12h et 14h-17h30."
            self.fault("horaires_accueil", read.text, Refused(code, why, remedy), keep=False)

    def place(self) -> None:
        said = self.said
        if not any(name in said for name in PLACE_WORDS):
            return
        postal = said.get("code_postal")
        found = values.place(said.get("code_insee"), said.get("commune"), postal)
        if not isinstance(found, territory.Commune):
            told = found["field"]
            self.refuse(told, said.get(told), Refused(found["code"], found["why"], found["remedy"]))
            return
        self.fields["commune"], self.fields["code_insee"] = found.name, found.code
        clean_postal = self.checked("code_postal", postal) if postal is not None else None
        if clean_postal is None and len(found.postal_codes) == 1:
            clean_postal = found.postal_codes[0]
        if clean_postal is not None:
            self.fields["code_postal"] = clean_postal

    def point(self) -> None:
        lat, lon = self.said.get("latitude"), self.said.get("longitude")
        if lat is None and lon is None:
            return
        found = values.point(lat, lon)
        if isinstance(found, tuple):
            self.fields["latitude"], self.fields["longitude"] = found
        elif found is not None:
            self.fault("latitude", f"{lat}, {lon}", found)

    def keep(self, name: str, value: Any) -> None:
        """What is no field of data·inclusion: sectors, what a structure says of itself, anything else."""
        if name == "sectors":
            self.sectors(value)
        elif name == "adresse_certifiee":
            if self.checked(name, value):
                self.extra[name] = True
        elif name in SAID_WHOLE:
            self.said_whole(name, value)
        elif name == "hsds" and isinstance(value, dict):  # what another's HSDS says that we have no place for
            self.extra[name] = value
        elif name == "languages":
            self.made.draft.update(self.several(name, value))  # type: ignore[typeddict-item]
        elif name in OWN_FIELDS[self.candidate.kind] or name in values.STRUCTURED:
            found = self.checked(name, value)
            if found is not None:
                self.own(name, found)
        else:
            self.unknown(name, value)

    def said_whole(self, name: str, value: Any) -> None:
        """What no cell holds in parts: the argumentaire as an object, words about accessibility."""
        faults = list(own_faults(self.candidate.kind, {name: value}))
        for each in faults:
            self.fault(each["field"], value, Refused(each["code"], each["why"], each["remedy"]))
        if not faults:
            self.made.draft[name] = value  # type: ignore[literal-required]

    def own(self, name: str, found: Any) -> None:
        """Put a clean value that is no field where a draft has it."""
        if name == "rna":
            self.extra[name] = found
        elif name == "extra":
            self.given = found
        elif name in ARGUMENTAIRE:
            self.made.draft.setdefault("argumentaire", {})[ARGUMENTAIRE[name]] = found
        else:
            self.made.draft[name] = found  # type: ignore[literal-required]

    def unknown(self, name: str, value: Any) -> None:
        """A field that nobody knows is kept as it is; told once, or refused each time by a strict reading."""
        if self.drafter.strict or name not in self.drafter.told:
            remedy = "Corrigez le nom de la colonne, ou retirez-la."
            self.fault(name, value, Refused("field.unknown", "Ce champ n'existe pas.", remedy), keep=False)
            self.drafter.told.add(name)
        self.unread(name, value)

    def sectors(self, value: Any) -> None:
        known = []
        for sector in values.as_list(value):
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
        if self.given.get("unread") and "unread" in self.extra:
            self.extra["unread"] = self.given["unread"] | self.extra["unread"]
        if self.given or self.extra:
            draft["extra"] = self.given | self.extra

    def fault(self, name: str, value: Any, refused: Refused, *, keep: bool = True) -> None:
        """Refuse the row, or warn and keep the value: what the module's first lines say."""
        if self.drafter.strict or name in CARRYING or name in self.candidate.required:
            self.refuse(name, value, refused)
            return
        self.warn(name, value, refused)
        if keep:
            self.unread(name, value)

    def unread(self, name: str, value: Any) -> None:
        kept = self.extra.setdefault("unread", {})
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        kept[name] = f"{kept[name]}, {text}" if name in kept else text

    def refuse(self, name: str, value: Any, refused: Refused) -> None:
        self.made.problems.append(self.told(name, value, refused))

    def warn(self, name: str, value: Any, refused: Refused) -> None:
        self.made.warnings.append(self.told(name, value, refused))

    def told(self, name: str, value: Any, refused: Refused) -> Problem:
        label = self.candidate.labels.get(name, name)
        return problem(self.line, label, value, refused.code, refused.why, refused.remedy)
