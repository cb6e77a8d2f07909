"""What makes a record worth trusting: who checked what, when and how, and whether the public may see it. Pure.

Three dates are never mixed: **changed** (its content), **confirmed** (by the structure), **verified** (by a permanent
of the home node, for each group of fields, until a day). Source of the rules: the mission's functions F1 and F3.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.directory.formats import argumentaire
from services.directory.formats.groups import GROUP_OF
from services.directory.rules import missing
from services.kernel import clock
from services.kernel.errors import Problem, WrongState

DRAFT, SUBMITTED, QUALIFIED, REVIEW, WITHDRAWN = "draft", "submitted", "qualified", "review", "withdrawn"
LIVING: Final = frozenset({DRAFT, SUBMITTED, QUALIFIED, REVIEW})
CHECKED: Final = frozenset({QUALIFIED, REVIEW})
"""A record in review was qualified: it stays public while somebody looks again."""
SINCE: Final = "review_since"
"""In a record and its trust: when it went to review."""


@dataclass(frozen=True)
class Step:
    """One step of a record's life: from which states, to which, and the act that a role must be allowed."""

    before: frozenset[str]
    after: str
    act: str


STEPS: Final[Mapping[str, Step]] = {
    "submit": Step(frozenset({DRAFT}), SUBMITTED, "directory:write"),
    "qualify": Step(LIVING, QUALIFIED, "directory:qualify"),
    "review": Step(frozenset({QUALIFIED}), REVIEW, "directory:qualify"),
    "withdraw": Step(LIVING, WITHDRAWN, "directory:write"),
}
"""Who may do what is in `kernel/access.py`; a withdrawn record comes back as a draft when it is written anew."""

ESSENTIAL: Final = frozenset({
    "nom", "siret", "ess", "commune", "code_insee", "adresse", "telephone", "courriel", "site_web", "type",
    "thematiques", "publics", "frais", "conditions_acces", "zone_eligibilite",
})  # fmt: skip
"""Fields whose change by anybody but a permanent sends a qualified record to review."""


def groups_of(names: Iterable[str]) -> set[str]:
    """The groups that fields belong to; what belongs to none (`date_maj`) counts nowhere."""
    return {GROUP_OF[name] for name in names if name in GROUP_OF}


def next_status(step: str, status: str) -> str:
    """The status after a step. Raises `WrongState`, naming the states from which it can be done."""
    known = STEPS[step]
    if status not in known.before:
        may = ", ".join(sorted(known.before))
        raise WrongState(f"« {step} » ne se fait pas d’une fiche « {status} » (possible depuis : {may}).")
    return known.after


def verified(trust: Mapping[str, Any], groups: Iterable[str], role: str, how: str, at: datetime, months: int) -> Any:
    """The trust of a record of which some groups were just verified."""
    entry = {"at": clock.to_text(at), "by": role, "how": how, "until": clock.to_text(_months_later(at, months))}
    before = trust.get("verified", {})
    return {**trust, "verified": {**before, **dict.fromkeys(sorted(groups), entry)}}


def unverified(trust: Mapping[str, Any], groups: Iterable[str]) -> dict[str, Any]:
    """The trust of a record whose groups were changed by somebody whose word is not a verification."""
    left = {group: entry for group, entry in trust.get("verified", {}).items() if group not in set(groups)}
    return {**trust, "verified": left}


def unsaid(trust: Mapping[str, Any], groups: Iterable[str]) -> dict[str, Any]:
    """The trust of a record of which what people said of these groups was taken back: `unverified`, and nobody's."""
    left = set(trust.get("by_people", ())) - set(groups)
    return unverified(trust, groups) | ({"by_people": sorted(left)} if "by_people" in trust else {})


def dates(trust: Mapping[str, Any]) -> dict[str, Any]:
    """`verified_at` and `verified_until` (the oldest of all groups, so that none is older), and `confirmed_at`."""
    entries = trust.get("verified", {}).values()
    if not entries:
        return {"verified_at": None, "verified_until": None, "confirmed_at": trust.get("confirmed_at")}
    return {
        "verified_at": min(entry["at"] for entry in entries),
        "verified_until": min(entry["until"] for entry in entries),
        "confirmed_at": trust.get("confirmed_at"),
    }


def known(trust: Mapping[str, Any]) -> dict[str, Any]:
    """The three dates, and `verified`: of which groups, when, until when, by which role and how; nobody's name.

    Of a record in review also since when (`review_since`).
    """
    return dates(trust) | {name: trust[name] for name in ("verified", SINCE) if trust.get(name)}


def reviewed(trust: Mapping[str, Any], status: str, at: datetime) -> Mapping[str, Any]:
    """The trust of a record in this status: since when it is in review, and nothing of that once it is not."""
    if status == REVIEW:
        return {SINCE: clock.to_text(at), **trust}
    return {name: value for name, value in trust.items() if name != SINCE}


def is_of_ess(parts: Mapping[str, Any]) -> bool:
    """Whether a structure is said to be of the social economy, and so needs an argumentaire.

    Only a permanent says that it is not, once it was said: no import, key or link opens the gate by that.
    """
    return parts.get("ess") == "yes"


def gate(kind: str, status: str, parts: Mapping[str, Any], policy: str) -> list[Problem]:
    """Everything that keeps a record from the public; empty where it may be seen.

    Complete; checked by a permanent, unless its source is published unseen (`policy` `publish`); and, for a structure
    of the social economy, its argumentaire written, which no policy waives. Whether a service's structure is public
    is asked elsewhere: without it there is nobody to go to.
    """
    problems = missing(kind, parts["fields"])
    if status not in CHECKED and policy != "publish":
        problems.append(_problem("status", status, "n’est pas qualifiée", "Un permanent la qualifie.", "gate.status"))
    if is_of_ess(parts):
        problems += [
            _problem(
                f"argumentaire.{part.name}",
                "",
                f"{part.label} : manque ou trop court",
                part.guidance,
                "gate.argumentaire",
            )
            for part in argumentaire.unwritten(parts.get("argumentaire", {}))
        ]
    return problems


def _months_later(at: datetime, months: int) -> datetime:
    """The same day some months later, or the last of that month where it has none."""
    years, month = divmod(at.month - 1 + months, 12)
    year = at.year + years
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))


def _problem(field: str, value: str, why: str, remedy: str, code: str) -> Problem:
    return {"line": None, "field": field, "value": value, "why": why, "remedy": remedy, "code": code}
