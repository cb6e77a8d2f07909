"""Taking one act back: what it changed goes back to what it was, where nobody changed it again since."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from services.directory import store, working
from services.directory.formats import argumentaire
from services.directory.formats.own import OWN
from services.directory.model import Record, flat
from services.directory.saved import Choice
from services.directory.writing import Desk
from services.kernel.errors import Conflict, NotFound, WrongState


def revert(session: Session, desk: Desk, record: Record, version: int, choice: Choice) -> list[str]:
    """Take back what made `version` of a record, an import's change too; the names of the records that changed.

    A withdrawal gives the record back, and the services that went with it, to be qualified again.

    Raises `NotFound` where nothing that could be taken back made this version; `Conflict`, naming the fields, where one
    of them was changed since; what an edit raises.
    """
    entry = next((each for each in working.history(session, record) if each["version"] == version), None)
    if entry is None or not (entry["changed"] or entry["act"] == "withdraw"):
        raise NotFound(f"La version {version} n’a rien changé qui puisse être défait.")
    if entry["act"] == "withdraw":
        return _give_back(session, desk, record, entry["at"])
    now = flat(record.parts)
    since = [name for name, (_, after) in entry["changed"].items() if now.get(name) != after]
    if since:
        raise Conflict(f"Changé encore depuis : {', '.join(since)}. Défaites d’abord le changement le plus récent.")
    desk.edit(record, _said({name: before for name, (before, _) in entry["changed"].items()}), choice)
    return [record.id]


def _give_back(session: Session, desk: Desk, record: Record, at: str) -> list[str]:
    if not record.is_withdrawn:
        raise WrongState(f"La fiche {record.id} n’est plus retirée.")
    if record.replaced_by:
        raise WrongState(f"Cette fiche n’en fait plus qu’une avec {record.replaced_by} : séparez-les d’abord.")
    if record.kind == "service":
        structure = store.record(session, record.structure or "")
        if structure is None or structure.is_withdrawn:
            raise WrongState("La structure de ce service est retirée : rétablissez-la d’abord, ses services suivront.")
    services = store.services_of(session, record.id) if record.kind == "structure" else ()
    gone = [each for each in services if each.is_withdrawn and store.was_withdrawn_at(session, each.id, at)]
    for each in (record, *gone):
        desk.give_back(each)
    return [record.id, *(each.id for each in gone)]


def _said(before: dict[str, Any]) -> dict[str, Any]:
    """The change that puts these values back, as `Desk.edit` takes it."""
    said = {name: value for name, value in before.items() if name in (*OWN, "sectors")}
    if "argumentaire" in said:
        said["argumentaire"] = dict.fromkeys(argumentaire.NAMES) | (said["argumentaire"] or {})
    return said | {"fields": {name: value for name, value in before.items() if name not in said}}
