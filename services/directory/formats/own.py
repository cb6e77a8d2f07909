"""What a record says beside data·inclusion's fields, and which values it may have. Pure; used at every door.

Sources: `ess`, law of 31 July 2014, article 1; `legal_form`, INSEE's categories of legal units; `languages`, ISO 639-1;
`memberships`, the mission's function F9: a pole stays what it is, on its own territory and scale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from services.directory.formats import argumentaire, territory
from services.kernel.errors import Problem

ESS: Final = ("yes", "no", "unknown")
"""Whether a structure is of the social economy."""
SCALES: Final = ("commune", "epci", "department", "region", "country")
"""On what scale a network or a pole works."""
_LANGUAGES = (
    "aa ab af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es "
    "et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg "
    "ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl "
    "nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv "
    "sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
LANGUAGES: Final = frozenset(_LANGUAGES.split())
"""Two-letter codes of ISO 639-1."""
MEMBERSHIPS_AT_MOST, TEXT_AT_MOST = 50, 2_000

_PLACES: Final[Mapping[str, Callable[[str], object]]] = {
    "commune": territory.commune, "epci": territory.epci, "department": territory.department,
    "region": territory.region, "country": lambda code: code if code == "FR" else None,
}  # fmt: skip

Faults = Iterator[tuple[str, Any, str, str, str]]
"""Path of the field, value, why, remedy, code."""


def faults(kind: str, said: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything wrong with what a draft says of its own; what it does not say has no fault."""
    for name, check in CHECKS.items():
        if said.get(name) is None:
            continue
        found = check(said[name]) if kind == "structure" or name not in OF_STRUCTURES else _not_of_services(name)
        for field, value, why, remedy, code in found:
            shown = "" if value is None else str(value)[:200]
            yield {"line": None, "field": field, "value": shown, "why": why, "remedy": remedy, "code": code}


def _not_of_services(name: str) -> Faults:
    yield name, "", "ne se dit que d’une structure", "Dites-le de la structure de ce service.", "own.kind"


def _ess(value: Any) -> Faults:
    if value not in ESS:
        yield "ess", value, "valeur inconnue", f"Écrivez {', '.join(ESS)}.", "ess.unknown"


def _legal_form(value: Any) -> Faults:
    if not (isinstance(value, str) and re.fullmatch(r"\d{4}", value)):
        why = "un code de l’INSEE à quatre chiffres est attendu"
        yield "legal_form", value, why, "9220 : association déclarée.", "legal_form"


def _argumentaire(value: Any) -> Faults:
    for name, why in argumentaire.faults(value):
        yield f"argumentaire.{name}".rstrip("."), "", why, "Corrigez cette partie.", "argumentaire"


def _languages(value: Any) -> Faults:
    if not isinstance(value, list):
        yield "languages", value, "une liste est attendue", "Par exemple fr, ar.", "languages.shape"
        return
    for code in value:
        if not isinstance(code, str) or code not in LANGUAGES:
            why, remedy = "langue inconnue", "Donnez un code ISO 639-1 à deux lettres : fr, ar, uk…"
            yield "languages", code, why, remedy, "languages.unknown"
        elif value.count(code) > 1:
            yield "languages", code, "une langue est répétée", "Ne la donnez qu’une fois.", "languages.twice"


def _accessibility(value: Any) -> Faults:
    if not isinstance(value, str) or len(value) > TEXT_AT_MOST or "\x00" in value:
        yield (
            "accessibility",
            value,
            f"un texte de {TEXT_AT_MOST} caractères au plus",
            "Raccourcissez.",
            "accessibility",
        )


def _memberships(value: Any) -> Faults:
    if not isinstance(value, list) or len(value) > MEMBERSHIPS_AT_MOST:
        why = f"une liste d’au plus {MEMBERSHIPS_AT_MOST} réseaux ou pôles est attendue"
        yield "memberships", value, why, "Donnez name, scale et territory.", "memberships.shape"
        return
    for place, each in enumerate(value):
        yield from _membership(f"memberships.{place}", each)


def _membership(field: str, each: Any) -> Faults:
    if not isinstance(each, dict) or each.keys() - {"name", "scale", "territory"}:
        yield field, each, "un objet {name, scale, territory} est attendu", "Corrigez-le.", "memberships.shape"
        return
    name, scale, code = each.get("name"), each.get("scale"), each.get("territory")
    if not isinstance(name, str) or not 2 <= len(name.strip()) <= 200 or not name.isprintable():
        yield (
            f"{field}.name",
            name,
            "le nom d’un réseau ou d’un pôle est attendu",
            "Donnez son nom.",
            "memberships.name",
        )
    if scale is not None and scale not in SCALES:
        yield f"{field}.scale", scale, "échelle inconnue", f"Échelles : {', '.join(SCALES)}.", "memberships.scale"
    elif code is not None and (scale is None or not isinstance(code, str) or _PLACES[scale](code) is None):
        why = "ce code n’est pas celui d’un territoire de cette échelle"
        yield f"{field}.territory", code, why, "Donnez le code de l’INSEE, et l’échelle.", "memberships.territory"


CHECKS: Final[Mapping[str, Callable[[Any], Faults]]] = {
    "ess": _ess, "legal_form": _legal_form, "argumentaire": _argumentaire, "languages": _languages,
    "accessibility": _accessibility, "memberships": _memberships,
}  # fmt: skip
OWN: Final = tuple(CHECKS)
"""What a record says beside data·inclusion's fields; a source that does not say it leaves it as it is."""
OF_STRUCTURES: Final = frozenset({"ess", "legal_form", "argumentaire", "memberships"})
"""Said of structures alone."""
