"""What a draft may say: data·inclusion v1's fields, their types, their values. Pure; used at every door.

Source: the JSON Schemas of data·inclusion v1 (https://gip-inclusion.github.io/data-inclusion-schema/v1/). A draft need
not be complete, so that nothing is lost before it is finished; to be public it must have what v1 requires.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import orjson

from services.directory.formats import own, sectors
from services.kernel.errors import Problem, ValidationError

VANISHED_AT_MOST = 0.20
"""The share of a source's records that a complete import may withdraw without being told to (`force`)."""
NAME_CHARS = 200
"""The longest identifier that a source may give."""

POLICIES = ("hold", "publish")
"""What a source may do with its imported records: wait for a permanent, or make them public."""

Check = Callable[[Any], str | None]
"""A value → why it is refused, or `None`."""


def _text(low: int = 0, high: int = 10_000) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "un texte est attendu"
        if "\x00" in value:
            return "un caractère nul n’est pas du texte"
        return None if low <= len(value) <= high else f"entre {low} et {high} caractères attendus"

    return check


def _line(low: int, high: int) -> Check:
    text = _text(low, high)

    def check(value: Any) -> str | None:
        return text(value) or ("une seule ligne est attendue" if len(value.splitlines()) > 1 else None)

    return check


def _pattern(pattern: str, what: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and compiled.fullmatch(value) else what

    return check


def _number(low: float, high: float, whole: bool = False) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            return "un nombre est attendu"
        return None if low <= value <= high else f"entre {low} et {high} attendu"

    return check


def _date(value: Any) -> str | None:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return "une date AAAA-MM-JJ est attendue"
    return None


def _list(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        return "une liste de textes est attendue"
    return None if len(set(value)) == len(value) else "une valeur est répétée"


_URL = _pattern(r"https?://[^\s]{1,2075}", "une adresse http:// ou https:// est attendue")
_PLACE: dict[str, Check] = {
    "commune": _text(1, 200),
    "code_postal": _pattern(r"\d{5}", "cinq chiffres attendus"),
    "code_insee": _pattern(r"\w{5}", "un code commune de l’INSEE (cinq caractères) est attendu"),
    "adresse": _text(1, 500),
    "complement_adresse": _text(1, 500),
    "longitude": _number(-180, 180),
    "latitude": _number(-90, 90),
}
_COMMON: dict[str, Check] = _PLACE | {
    "nom": _line(3, 150),
    "date_maj": _date,
    "description": _text(5, 10_000),
    "lien_source": _URL,
    "telephone": _text(1, 100),
    "courriel": _pattern(r"[^@\s]+@[^@\s]+\.[^@\s]+", "une adresse électronique est attendue"),
    "horaires_accueil": _text(1, 1_000),
}
FIELDS: Mapping[str, Mapping[str, Check]] = {
    "structure": _COMMON
    | {
        "siret": _pattern(r"\d{14}", "quatorze chiffres attendus"),
        "site_web": _URL,
        "accessibilite_lieu": _URL,
        "reseaux_porteurs": _list,
    },
    "service": _COMMON
    | {
        "type": _text(1, 100),
        "thematiques": _list,
        "frais": _text(1, 100),
        "frais_precisions": _text(1),
        "publics": _list,
        "publics_precisions": _text(1),
        "conditions_acces": _text(1),
        "modes_accueil": _list,
        "zone_eligibilite": _list,
        "contact_nom_prenom": _text(1, 200),
        "lien_mobilisation": _URL,
        "modes_mobilisation": _list,
        "mobilisable_par": _list,
        "mobilisation_precisions": _text(1),
        "volume_horaire_hebdomadaire": _number(0, 168),
        "nombre_semaines": _number(0, 1_000, whole=True),
    },
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "structure": ("nom", "date_maj"),
    "service": ("nom", "date_maj", "description"),
}
"""What data·inclusion v1 requires of a record before it may be public."""


def check_draft(draft: Any) -> list[Problem]:
    """Everything wrong with one draft; empty where it may be saved."""
    if not isinstance(draft, dict):
        return [_problem("", draft, "une fiche est attendue", "Envoyez un objet JSON.", "draft.shape")]
    kind = draft.get("kind")
    if not isinstance(kind, str) or kind not in FIELDS:
        return [_problem("kind", kind, "structure ou service attendu", "Corrigez kind.", "draft.kind")]
    problems = [*_check_names(kind, draft), *_check_beside(kind, draft)]
    fields = draft.get("fields")
    if not isinstance(fields, dict):
        return [*problems, _problem("fields", fields, "un objet est attendu", "Donnez fields.", "draft.shape")]
    return problems + _check_fields(kind, fields)


def require_few_vanished(gone: int, living: int, force: bool) -> None:
    """Raises `ValidationError` where a complete file would withdraw too much and nobody said `force`."""
    if gone > VANISHED_AT_MOST * living and not force:
        raise ValidationError(
            f"{gone} fiches sur {living} ont disparu du fichier : plus de {VANISHED_AT_MOST:.0%}.",
            [{"line": None, "field": "complete", "value": str(gone), "code": "import.vanished",
              "why": "trop de fiches seraient retirées d’un coup",
              "remedy": "Vérifiez le fichier ; s’il est juste, recommencez avec --force."}],
        )  # fmt: skip


def missing(kind: str, fields: Mapping[str, Any]) -> list[Problem]:
    """What a record lacks to be public."""
    return [
        _problem(name, None, "manque : une fiche publique doit l’avoir", f"Renseignez {name}.", "record.incomplete")
        for name in REQUIRED[kind]
        if not fields.get(name)
    ]


def leaves_ess(parts: Mapping[str, Any], content: bytes) -> list[Problem]:
    """What is wrong with a change after which a structure is of the social economy no more, of who is no permanent."""
    said = orjson.loads(content).get("ess", "unknown")
    if parts.get("ess") != "yes" or said == "yes":
        return []
    return [{
        "line": None, "field": "ess", "value": said, "code": "ess.permanent",
        "why": "seul un permanent dit qu’une structure n’est pas, ou plus, de l’économie sociale et solidaire",
        "remedy": "Proposez-le : un permanent décidera.",
    }]  # fmt: skip


def objected_to(said: Mapping[str, Any], draft: Mapping[str, Any], kept: Mapping[str, Any]) -> list[Problem]:
    """What somebody writes by hand although a person objected to it, by field: the values stay unsaid."""
    names = [(name, draft["fields"], kept["fields"]) for name in said.get("fields", {})]
    names += [(name, draft, kept) for name in said if name in own.OWN]
    return [
        {"line": None, "field": name, "value": "", "code": "objection.named",
         "why": "une personne s’est opposée à ce que ceci paraisse ici", "remedy": "Retirez-le, puis enregistrez."}
        for name, before, after in names if before.get(name) != after.get(name)
    ]  # fmt: skip


def no_structure(draft: Mapping[str, Any]) -> Problem:
    """The structure that a service names is not there."""
    return {
        "line": None, "field": "structure_id", "value": draft["structure_source_id"],
        "why": f"aucune structure de la source {draft['source']} ne porte cet identifiant",
        "remedy": "Importez d’abord sa structure, ou corrigez l’identifiant.", "code": "structure.unknown",
    }  # fmt: skip


def moved_away(draft: Mapping[str, Any], whose: str) -> Problem:
    """The record of a draft is another node's by now; `whose`: its name and address."""
    return {
        "line": None, "field": "source_id", "value": draft["source_id"],
        "why": f"cette fiche est tenue par {whose}",
        "remedy": "Ôtez-la du fichier : elle se change là-bas.", "code": "record.moved",
    }  # fmt: skip


def _check_names(kind: str, draft: Mapping[str, Any]) -> Iterator[Problem]:
    """What names the record and, for a service, its structure: the words of the source, of any alphabet."""
    for name in ("source", "source_id", *(("structure_source_id",) if kind == "service" else ())):
        value = draft.get(name)
        if not isinstance(value, str) or not value.strip():
            yield _problem(name, value, "manque", f"Donnez {name}.", "draft.missing")
        elif len(value) > NAME_CHARS or not value.isprintable():
            why = f"un texte d’une ligne est attendu, de {NAME_CHARS} caractères au plus"
            yield _problem(name, value, why, f"Corrigez {name}.", "draft.name")


def _check_beside(kind: str, draft: Mapping[str, Any]) -> Iterator[Problem]:
    for sector in draft.get("sectors") or ():
        if not isinstance(sector, str) or not sectors.is_known(sector):
            known = ", ".join(sectors.SECTORS)
            yield _problem("sectors", sector, "ce secteur n’existe pas", f"Secteurs : {known}.", "sectors.unknown")
    yield from own.faults(kind, draft)
    if not isinstance(draft.get("extra") or {}, dict):
        yield _problem("extra", draft["extra"], "un objet est attendu", "Donnez un objet JSON.", "draft.shape")


def _check_fields(kind: str, fields: Mapping[str, Any]) -> list[Problem]:
    known = FIELDS[kind]
    problems = []
    for name, value in fields.items():
        if value is None:
            continue
        check = known.get(name)
        if check is None:
            problems.append(
                _problem(name, value, "champ inconnu", f"Champs connus : {', '.join(known)}.", "field.unknown")
            )
            continue
        why = check(value)
        if why is not None:
            problems.append(_problem(name, value, why, "Corrigez la valeur ou laissez-la vide.", "field.value"))
    return problems


def _problem(field: str, value: Any, why: str, remedy: str, code: str) -> Problem:
    shown = "" if value is None else str(value)[:200]
    return {"line": None, "field": field, "value": shown, "why": why, "remedy": remedy, "code": code}
