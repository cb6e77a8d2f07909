"""One record: its state and what it lacks, its steps, its form a group at a time, its history."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway.pages import shown
from gateway.staff import fields, forms
from gateway.staff.frame import Frame
from services.directory.formats import argumentaire
from services.kernel import clock
from services.kernel.errors import Conflict, NotFound, Problem, ValidationError

GUIDANCE = {f"argumentaire.{part.name}": part for part in argumentaire.PARTS}

STRUCTURE_EDITOR: Final = "structure_editor"
BY: Final = {
    STRUCTURE_EDITOR: "la structure, par son lien", "permanent": "un permanent", "facilitator": "un animateur",
    "curator": "un veilleur", "volunteer": "un bénévole", "administrator": "l’administration du nœud",
    "machine": "un programme",
}  # fmt: skip
"""Who did something, to those who are told the role alone; of several roles the first."""
LONGEST_VERSION: Final = 15


def add(staff: Blueprint, frame: Frame) -> None:
    """`/fiches/<id>` and what is under it."""

    _add_reading(staff, frame)
    _add_editing(staff, frame)
    _add_deciding(staff, frame)


def _add_reading(staff: Blueprint, frame: Frame) -> None:
    @staff.get("/fiches/<uuid:identifier>")
    def record(identifier: UUID) -> Response:
        return _page(frame, _opened(frame, identifier))

    @staff.get("/fiches/<uuid:identifier>/historique")
    def history(identifier: UUID) -> Response:
        entries = frame.call("directory", "history", {"id": str(identifier)})["entries"]
        told = [_told(entry) for entry in entries]
        return frame.page("history.html", record=_opened(frame, identifier), entries=told, how=shown.HOW_TOLD)


def _add_editing(staff: Blueprint, frame: Frame) -> None:
    @staff.get("/fiches/<uuid:identifier>/<group>")
    def edit(identifier: UUID, group: str) -> Response:
        found = _opened(frame, identifier)
        _must_be_group(found, group)
        return _form(frame, found, group, forms.shown(found, group), [])

    @staff.post("/fiches/<uuid:identifier>/<group>")
    def save(identifier: UUID, group: str) -> Answer:
        frame.visitor()
        found = _opened(frame, identifier)
        _must_be_group(found, group)
        filled = forms.typed(request.form, found["kind"], group)
        version = request.form.get("version", type=int, default=0)
        if version != found["version"]:
            return _form(frame, found, group, filled, [_moved(found)], 409)
        said, problems = forms.change(found, group, filled)
        if not said and not problems:
            return frame.on("record", "inchange", identifier=identifier)
        try:
            if not problems:
                frame.call("directory", "edit", {"id": found["id"], "version": version} | said)
        except ValidationError as error:
            problems = list(error.details or ())
        except Conflict:
            problems = [_moved(found)]
        if problems:
            return _form(frame, _opened(frame, identifier), group, filled, problems, 422)
        now = _opened(frame, identifier)
        left = found["public"] and not now["public"]
        said_now = "plus-publique" if left else "attend" if now["waits"] else "enregistre"
        return frame.on("record", said_now, identifier=identifier)

    @staff.post("/fiches/<uuid:identifier>/a-cote")
    def forget_unread(identifier: UUID) -> Answer:
        frame.call("directory", "forget_unread", {"id": str(identifier), "field": request.form.get("field", "")})
        return frame.on("record", "enregistre", identifier=identifier)


def _add_deciding(staff: Blueprint, frame: Frame) -> None:
    @staff.post("/fiches/<uuid:identifier>/etape")
    def step(identifier: UUID) -> Answer:
        """A step of the record as it was read; one that somebody changed since is shown again, and stays as it is."""
        frame.visitor()
        seen = version_of(request.form.get("version", "0"))
        try:
            said = _step(frame, str(identifier), seen)
        except Conflict:
            return _page(frame, _opened(frame, identifier, seen=seen), 409)
        return frame.on("record", said, identifier=identifier)

    @staff.post("/fiches/<uuid:identifier>/difference")
    def take_difference(identifier: UUID) -> Answer:
        """Settle a difference: what the import says is taken, or what stands is said anew."""
        frame.visitor()
        found, name = _opened(frame, identifier), request.form.get("field", "")
        if name not in found["differences"]:
            return frame.on("record", "inchange", identifier=identifier)
        asked = {"id": found["id"], "field": name, "take": request.form.get("take") == "import"}
        frame.call("directory", "settle_difference", asked)
        return frame.on("record", "enregistre", identifier=identifier)

    @staff.post("/fiches/<uuid:identifier>/historique")
    def revert(identifier: UUID) -> Answer:
        frame.call("directory", "revert", {"id": str(identifier), "of": version_of(request.form.get("of", ""))})
        return frame.on("record", "annule", identifier=identifier)

    @staff.post("/fiches/<uuid:identifier>/lien")
    def make_link(identifier: UUID) -> Response:
        found = _opened(frame, identifier)
        asked = found["id"] if found["kind"] == "structure" else found["structure"]
        made = frame.call("accounts", "structure_link", {"structures": [asked]})
        return frame.page("handed.html", record=found, made=made)


def _step(frame: Frame, record: str, version: int) -> str:
    """Do the step that a form asks for; what is said of it. Raises `Conflict` where the record changed since."""
    wanted, why = request.form.get("step", ""), request.form.get("why", "").strip()
    if wanted == "qualify":
        how = request.form.get("how", "known")
        done = frame.call("directory", "qualify", {"ids": [record], "versions": {record: version}, "how": how})
        return "retenue" if done["kept_back"] else "qualifie"
    asked: dict[str, Any] = {"id": record, "version": version}
    if wanted == "confirm":
        frame.call("directory", "confirm", asked | {"how": why})
        return "confirme-attend" if _opened(frame, UUID(record))["waits"] else "confirme"
    if wanted == "withdraw":
        frame.call("directory", "withdraw", asked | {"reason": why})
        return "retire"
    frame.call("directory", "step", asked | {"step": wanted, "why": why})
    return "revision"


def _page(frame: Frame, found: dict[str, Any], status: int = 200) -> Response:
    """The page of a record; where it was opened with the version `seen` before, with what changed since."""
    waiting = []
    if frame.visitor().may("directory:qualify"):
        waiting = frame.call("directory", "suggestions", {"record": found["id"], "limit": 50})["suggestions"]
    since = found.get("changed_since")
    return frame.page(
        "record.html", status, record=found, groups=fields.groups_of(found["kind"]), how=shown.HOW, forms=forms,
        fields=fields, trust=shown.trust(found, clock.now()) if found["status"] != "withdrawn" else [],
        suggestions=waiting, changes=readable(found.get("waiting", {})),
        since=None if since is None else readable(since), typed=request.form, used=_last_way(found),
    )  # fmt: skip


def _opened(frame: Frame, identifier: UUID, **more: int) -> dict[str, Any]:
    record: dict[str, Any] = frame.call("directory", "open_record", {"id": str(identifier), **more})
    return record


def _last_way(record: dict[str, Any]) -> str:
    """How a permanent last verified the record, among the ways that a form offers; `known` where none of them."""
    entries = [each for each in record.get("verified", {}).values() if each["how"] in shown.HOW]
    return str(max(entries, key=lambda each: each["at"])["how"]) if entries else "known"


def version_of(typed: str) -> int:
    """A version that a form names. Raises `NotFound` where there can be none: a larger number fits no database."""
    if not typed.isdecimal() or len(typed) > LONGEST_VERSION:
        raise NotFound("Cette version n’existe pas.")
    return int(typed)


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of a history as people read it: each part of an argumentaire by itself, the other record by its link."""
    other = entry["how"] if entry["act"] in ("merge", "separate") else ""
    by, role = entry["by"], entry["role"]
    if role == STRUCTURE_EDITOR or by in (role, entry["act"]):  # the role is all that is told of who did it
        by, role = next((words for name, words in BY.items() if name in role.split()), "un import"), ""
    return entry | {"changed": _in_parts(entry["changed"]), "other": other, "by": by, "role": role}


def _in_parts(changed: dict[str, Any]) -> dict[str, Any]:
    """What changed, `{field: [before, after]}`, with each part of an argumentaire by itself."""
    changed = dict(changed)
    before, after = (each or {} for each in changed.pop("argumentaire", (None, None)))
    for part in argumentaire.PARTS:
        pair = before.get(part.name), after.get(part.name)
        if pair[0] != pair[1]:
            changed[f"argumentaire.{part.name}"] = pair
    return changed


def readable(changed: dict[str, Any]) -> dict[str, Any]:
    """Of what changed, `{field: [before, after]}`, the fields that a form has: codes and points follow from them."""
    return {name: pair for name, pair in _in_parts(changed).items() if name in fields.BY_NAME}


def _form(
    frame: Frame, record: dict[str, Any], group: str, filled: forms.Typed, problems: list[Problem], status: int = 200
) -> Response:
    """The form of a group, with what was typed and what is wrong beside each field."""
    shown_fields = fields.of_group(record["kind"], group)
    names = {field.name for field in shown_fields}
    beside: dict[str, list[Problem]] = {}
    for problem in problems:
        name = problem["field"] if problem["field"] in names else problem["field"].partition(".")[0]
        beside.setdefault(name if name in names else "", []).append(problem)
    return frame.page(
        "edit.html", status, record=record, group=group, title=shown.GROUP_NAMES[group], fields=shown_fields,
        filled=filled, problems=beside, guidance=GUIDANCE, chars_at_least=argumentaire.CHARS_AT_LEAST,
    )  # fmt: skip


def _must_be_group(record: dict[str, Any], group: str) -> None:
    if group not in fields.groups_of(record["kind"]):
        raise NotFound("Cette page n’existe pas.")
    if record["status"] == "withdrawn":
        raise NotFound("Cette fiche est retirée : rétablissez-la depuis son historique.")


def _moved(record: dict[str, Any]) -> Problem:
    why = f"la fiche a changé depuis que vous l’avez ouverte (version {record['version']})"
    remedy = "Relisez-la, puis enregistrez de nouveau : ce que vous avez écrit est toujours là."
    return {"line": None, "field": "", "value": "", "why": why, "remedy": remedy, "code": "version"}
