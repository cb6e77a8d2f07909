"""A group of fields filled in a form: from the record to what is shown, and back to a change that a room takes.

What people type is read as an import reads it (`formats/drafting`): a telephone with spaces, hours in words, a label
instead of its code; what cannot be understood is a fault beside its field, and nothing typed is lost.
"""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import MultiDict

from gateway.pages.rows import SCALES
from gateway.pages.shown import phone
from gateway.staff import fields
from gateway.staff.fields import Field
from services.directory.formats import hours
from services.directory.formats.candidate import Candidate
from services.directory.formats.drafting import Drafter
from services.directory.formats.own import OWN
from services.kernel.errors import Problem

PLACE = ("adresse", "code_postal", "commune")
Typed = dict[str, Any]
"""What stands in the form, by field: a text, or a list of values chosen."""


def shown(record: dict[str, Any], group: str) -> Typed:
    """What the form holds for a record as it is."""
    return {field.name: _to_form(field, _value(record, field.name)) for field in fields.of_group(record["kind"], group)}


def typed(form: MultiDict[str, str], kind: str, group: str) -> Typed:
    """What came back in a form."""
    return {
        field.name: form.getlist(field.name) if field.widget == fields.MANY else form.get(field.name, "").strip()
        for field in fields.of_group(kind, group)
    }


def change(record: dict[str, Any], group: str, filled: Typed) -> tuple[dict[str, Any], list[Problem]]:
    """What a filled form changes, as the directory's `edit` takes it, and what is wrong with it."""
    if group == "argumentaire":
        return {"argumentaire": {name.partition(".")[2]: text or None for name, text in filled.items()}}, []
    before = shown(record, group)
    changed = {name: value for name, value in filled.items() if value != before[name]}
    said: dict[str, Any] = {name: _own(name, value) for name, value in changed.items() if name in OWN}
    if "sectors" in changed:
        said["sectors"] = changed["sectors"]
    asked = {name: value for name, value in changed.items() if name not in OWN and name != "sectors"}
    if any(name in asked for name in PLACE):
        asked |= {name: filled[name] for name in PLACE}
    cleaned, problems = _cleaned(record, asked)
    return said | ({"fields": cleaned} if cleaned else {}), problems


def _cleaned(record: dict[str, Any], asked: Typed) -> tuple[dict[str, Any], list[Problem]]:
    if not asked:
        return {}, []
    name = asked.get("nom", record["fields"].get("nom", "-")) or ""
    values = {**asked, "nom": name} if name else asked
    if "zone_eligibilite" in values:
        values = values | {"zone_eligibilite": _split(values["zone_eligibilite"])}
    candidate = Candidate(record["kind"], record["source"], record["source_id"], "-", values)
    made = Drafter(strict=True).make(candidate, 0)
    fields_ = made.draft["fields"]
    cleaned = {each: fields_.get(each) for each in asked}
    if "commune" in asked:  # the point was that of the place before
        cleaned |= {"code_insee": fields_.get("code_insee"), "latitude": None, "longitude": None}
    return cleaned, made.problems


def _value(record: dict[str, Any], name: str) -> Any:
    if name.startswith("argumentaire."):
        return record.get("argumentaire", {}).get(name.partition(".")[2])
    return record.get(name) if name in OWN or name == "sectors" else record["fields"].get(name)


def _to_form(field: Field, value: Any) -> Any:
    if field.widget == fields.MANY:
        return list(value or ())
    if value is None:
        return ""
    if field.name == "telephone":
        return phone(value)
    if field.name == "horaires_accueil":
        return "\n".join(hours.to_french(value))
    if field.name == "memberships":
        return "\n".join(_membership_line(each) for each in value)
    return ", ".join(value) if isinstance(value, list) else str(value)


def _own(name: str, value: Any) -> Any:
    if name == "languages":
        return [code.lower() for code in _split(value)]
    if name == "memberships":
        return [_membership(line) for line in value.splitlines() if line.strip()]
    return value or None


def _split(text: str) -> list[str]:
    return [part for part in text.replace(";", ",").replace("\n", ",").replace(" ", ",").split(",") if part]


def _membership_line(each: dict[str, str]) -> str:
    scale = SCALES.get(each.get("scale", ""), "")
    return " ; ".join(part for part in (each["name"], scale, each.get("territory", "")) if part)


def _membership(line: str) -> dict[str, str]:
    name, scale, code = ([part.strip() for part in line.split(";")] + ["", ""])[:3]
    codes = {word.casefold(): each for each, word in SCALES.items()}
    said = {"name": name, "scale": codes.get(scale.casefold(), scale), "territory": code}
    return {key: value for key, value in said.items() if value}
