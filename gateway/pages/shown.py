"""What pages show of a record: labels for codes, hours in words, an address in one line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.directory.formats import argumentaire, hours, referentials, sectors
from services.directory.formats.groups import EDIT, GROUP_OF, WAYS
from services.kernel import clock
from services.kernel.errors import MaillageError

LISTS = {
    "thematiques": "thematiques", "publics": "publics", "modes_accueil": "modes_accueil",
    "modes_mobilisation": "modes_mobilisation", "mobilisable_par": "personne_mobilisatrice",
    "reseaux_porteurs": "reseaux_porteurs",
}  # fmt: skip
GROUP_NAMES = {
    "identity": "Identité", "place": "Lieu", "contact": "Contact", "hours": "Horaires", "offer": "Offre",
    "access": "Accès", "argumentaire": "Argumentaire",
}  # fmt: skip
HOW = dict(zip(WAYS, ("par téléphone", "sur place", "sur un document", "sur son site", "la structure est connue"),
               strict=True))  # fmt: skip
HOW_TOLD = HOW | {EDIT: "en la corrigeant"}
"""The ways that a form offers, and what else is told."""
SINGLES = {"type": "types_de_services", "frais": "frais"}


def labelled(item: dict[str, Any]) -> dict[str, Any]:
    """The item with its codes as French labels, under the same names."""
    shown = dict(item)
    for name, referential in LISTS.items():
        shown[name] = [referentials.label(referential, value) for value in item.get(name) or ()]
    for name, referential in SINGLES.items():
        if item.get(name):
            shown[name] = referentials.label(referential, item[name])
    return shown


def opening(item: dict[str, Any]) -> list[str]:
    """Opening hours, a line each; nothing where they are not known."""
    osm = item.get("horaires_accueil")
    return hours.to_french(osm) if osm else []


def address(item: dict[str, Any]) -> str:
    """`12 rue des Fleurs, 44130 Blain`; empty where nothing is known."""
    town = " ".join(part for part in (item.get("code_postal"), item.get("commune")) if part)
    return ", ".join(part for part in (item.get("adresse"), item.get("complement_adresse"), town) if part)


def phone(number: str) -> str:
    """`02 40 00 00 00` for a French number in E.164; others as they are."""
    if not number.startswith("+33") or len(number) != 12:
        return number
    digits = "0" + number[3:]
    return " ".join(digits[start : start + 2] for start in range(0, 10, 2))


def looked_at(record: dict[str, Any]) -> str:
    """When the structure last confirmed a record that was found, else what is known of who looked at it."""
    if record["confirmed_at"]:
        return f"Confirmée par la structure le {day(record['confirmed_at'])}."
    if record["verified_at"]:
        return f"Vérifiée par un permanent le {day(record['verified_at'])}, pas encore confirmée par la structure."
    return "Pas encore confirmée par la structure, ni vérifiée."


def in_review(record: dict[str, Any]) -> str:
    """That somebody looks at a record again, and since when where that is known."""
    since = record.get("review_since")
    return f"Fiche en cours de relecture{f' depuis le {day(since)}' if since else ''}."


def review(native: dict[str, Any]) -> list[str]:
    """What stands at the head of a record in review: that, and what one sees meanwhile; of what waits nothing."""
    if native.get("status") != "review":
        return []
    if native.get("verified_at") and not _changed_since(native):
        return [in_review(native), "Vous la voyez telle qu’un permanent l’a vérifiée en dernier."]
    return [in_review(native), "Un permanent vérifie de nouveau ce qu’elle dit."]


def trust(native: dict[str, Any], now: datetime) -> list[str]:
    """Who looked at the record and when, a line each: three dates that say three things."""
    checked, until, how = native.get("verified_at"), native.get("verified_until"), _how(native)
    if not checked:
        as_given = " : publiée telle que sa source la donne" if native.get("public", True) else ""
        lines = [f"Pas encore vérifiée par un permanent{as_given}."]
    elif clock.from_text(str(until)) < now:
        lines = [f"Vérifiée par un permanent le {day(checked)}{how} ; à vérifier de nouveau depuis le {day(until)}."]
    else:
        lines = [f"Vérifiée par un permanent le {day(checked)}{how}, jusqu’au {day(until)}."]
    changed = _changed_since(native)
    if changed:
        lines.append(f"Changé depuis, et pas encore vérifié : {', '.join(changed)}.")
    if native.get("confirmed_at"):
        lines.append(f"Confirmée par la structure le {day(native['confirmed_at'])}.")
    home = native.get("home_node")
    where = f"à son nœud d’origine, {home['name']}," if home else "ici"
    return [*lines, f"Modifiée {where} le {day(native['changed_at'])}."]


def not_shown(tombstone: dict[str, Any]) -> str:
    """What is said of a record that its home publishes and this node does not show."""
    home = tombstone["home_node"]
    return f"Ce nœud ne montre pas cette fiche, qui est tenue par {home['name']}, {home['url']} : voyez là-bas."


def _how(native: dict[str, Any]) -> str:
    """` (par téléphone, sur place)`; nothing where it is not told."""
    ways = dict.fromkeys(entry["how"] for entry in native.get("verified", {}).values())
    words = [HOW_TOLD[way] for way in ways if way in HOW_TOLD]
    return f" ({', '.join(words)})" if words else ""


def _changed_since(native: dict[str, Any]) -> list[str]:
    """The names of the groups that say something which nobody verified, of a record of which others were."""
    if "verified" not in native:
        return []
    said = [name for name, value in {**native["fields"], **native}.items() if value and name in GROUP_OF]
    groups = {GROUP_OF[name] for name in said} - native["verified"].keys()
    return [GROUP_NAMES[group].lower() for group in GROUP_NAMES if group in groups]


def fault(problem: Mapping[str, Any]) -> str:
    """What is wrong and what to do, as sentences: `Manque : « x ». Donnez-le.`"""
    why, value, remedy = (str(problem.get(name) or "").strip() for name in ("why", "value", "remedy"))
    said = f" : « {value} »" if value else ""
    return " ".join(_sentence(each) for each in (f"{why.rstrip('.')}{said}", remedy) if each)


def refusal(error: MaillageError) -> str:
    """A refusal in one paragraph: what is refused, then each thing at fault and what to do."""
    details = error.details if isinstance(error.details, list) else []
    return " ".join([_sentence(error.message), *(fault(each) for each in details)])


def _sentence(text: str) -> str:
    """With a capital and one stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?', '…')) else '.'}"


def told(native: dict[str, Any]) -> list[tuple[str, str]]:
    """The argumentaire's headings and texts, in order."""
    said = native.get("argumentaire", {})
    return [(part.label, said[part.name]) for part in argumentaire.PARTS if said.get(part.name)]


def sources(native: dict[str, Any]) -> list[str]:
    """Who the record comes from, with the licence, each once."""
    named = (
        " · ".join(part for part in (each.get("attribution") or each["source"], each.get("licence")) if part)
        for each in (native, *native.get("sources", ()))
    )
    return list(dict.fromkeys(named))


def day(date: str | None) -> str:
    """`31/01/2026`."""
    return "/".join(reversed(date[:10].split("-"))) if date else ""


def sector_choices() -> list[tuple[str, str]]:
    """Codes and French labels of all sectors, by label."""
    return sorted(((code, sectors.label(code, "fr")) for code in sectors.SECTORS), key=lambda each: each[1])


def public_choices() -> list[tuple[str, str]]:
    """Codes and labels of all audiences."""
    return [(value.value, value.label) for value in referentials.values("publics") if value.value != "tous-publics"]
