"""Acts on many records: first what each would change, then, by a second form that says what was seen, done.

What somebody changed between the two is left out, and shown again with what changed. Nothing chosen is lost on the way:
a form that could not be taken comes back with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, request

from gateway import problems
from gateway.pages.shown import HOW, refusal
from gateway.staff import work
from gateway.staff.frame import Frame
from gateway.staff.records import readable, version_of
from services.kernel.errors import Conflict, Forbidden, MaillageError, Unauthorized

SHORTEST_WHY, LONGEST_WHY = 3, 500
SAY_WHY: Final = "Dites pourquoi, en trois lettres au moins : l’historique de chaque fiche le garde."
CHOOSE: Final = "Choisissez au moins une fiche."


@dataclass(frozen=True)
class Act:
    """An act: the door that does it, what its answer counts, and its words. `button` holds `%s`: which records."""

    door: str
    counts: str
    path: str
    title: str
    button: str
    would: str
    done: str


QUALIFY: Final = Act(
    "qualify", "qualified", "/travail/qualifier", "Qualifier", "Qualifier %s", "Fiches qui seraient qualifiées",
    "Fiches qualifiées",
)  # fmt: skip
REVIEW: Final = Act(
    "review_many", "reviewed", "/travail/revoir", "Mettre à revoir", "Mettre %s à revoir",
    "Fiches qui seraient à revoir", "Fiches mises à revoir",
)  # fmt: skip


def add(staff: Blueprint, frame: Frame) -> None:
    """`/travail/qualifier`, `/travail/revoir`."""

    @staff.post(QUALIFY.path)
    def qualify() -> Response:
        return _act(frame, QUALIFY, {"how": request.form.get("how", "known")})

    @staff.post(REVIEW.path)
    def review() -> Response:
        return _act(frame, REVIEW, {"why": request.form.get("why", "").strip()[:LONGEST_WHY]})


def _act(frame: Frame, act: Act, said: dict[str, str]) -> Response:
    frame.visitor()
    chosen = _chosen()
    if not chosen:
        return work.page(frame, request.form.get("liste", ""), request.form.get("apres", ""), 422, CHOOSE)
    sure = request.form.get("sure") == "oui" and bool(request.form.get("seen") or request.form.get("since"))
    wrong = SAY_WHY if sure and len(said.get("why", "---")) < SHORTEST_WHY else ""
    sure = sure and not wrong
    given = {"act": act, "typed": said, "how": HOW, "sure": sure, "list": request.form.get("liste", "")}
    try:
        done = frame.call("directory", act.door, chosen | said | (_seen() if sure else {}) | {"dry_run": not sure})
    except (Unauthorized, Forbidden):
        raise
    except Conflict:
        done = _of_one_changed(frame, act)
    except MaillageError as error:
        kept = chosen | {"seen": request.form.get("seen", ""), "since": request.form.get("since", "")}
        return frame.page("bulk.html", problems.status_of(error), failed=refusal(error), kept=kept, **given)
    again = [_to_read(each) for each in done["refused"] if "version" in each]
    kept = chosen | {"since": done.get("at", "")}
    if again or "versions" in done:
        kept = {"seen": _written({each["id"]: each["version"] for each in again} if sure else done["versions"])}
    return frame.page(
        "bulk.html", 422 if wrong else 200, done=done, count=done[act.counts], again=again, kept=kept, wrong=wrong,
        refused=[each for each in done["refused"] if "version" not in each],
        shown=[_to_read(each) for each in done.get("records", ())], **given,
    )  # fmt: skip


def _of_one_changed(frame: Frame, act: Act) -> dict[str, Any]:
    """What is told of a single record that changed since it was seen: its door raises what it tells of many."""
    record, seen = next(iter(_versions().items()), (request.form.get("id", ""), None))
    found = frame.call("directory", "open_record", {"id": record, "seen": seen})
    again = {"id": found["id"], "name": found.get("fields", {}).get("nom", record), "version": found["version"]}
    return {act.counts: 0, "refused": [again | {"changed": found.get("changed_since") or {}}]}


def _to_read(each: dict[str, Any]) -> dict[str, Any]:
    return each | {"changed": readable(each["changed"])}


def _chosen() -> dict[str, Any]:
    """Which records: a whole list, those that were seen, those ticked, or all that waits of an import."""
    said = {
        "reason": request.form.get("motif"), "ids": list(_versions()) or request.form.getlist("id"),
        "import": request.form.get("import"),
    }  # fmt: skip
    return next(({name: value} for name, value in said.items() if value), {})


def _seen() -> dict[str, Any]:
    """What says how they were when they were seen: each version, or, of a long list, the time."""
    return {"versions": _versions()} if request.form.get("seen") else {"unchanged_since": request.form.get("since")}


def _versions() -> dict[str, int]:
    pairs = (part.partition(":") for part in request.form.get("seen", "").split())
    return {record_id: version_of(version) for record_id, _, version in pairs}


def _written(versions: dict[str, int]) -> str:
    return " ".join(f"{record_id}:{version}" for record_id, version in versions.items())
