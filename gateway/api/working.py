"""What permanents and structures do by the pages, for programs that act in their name: the same doors, over HTTP.

A person comes in by their one-time link: its secret opens a session, which goes with each call. What a key may do of
this is what its scopes say; it never qualifies, decides or merges.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Response, request
from flask_smorest import Blueprint
from marshmallow import fields

from gateway import importing
from gateway.api import doors
from gateway.api.doors import Door, answered, body_of
from gateway.auth import Ask, Callers, bearer
from gateway.forgetting import accept, forget
from gateway.limit import Limit
from gateway.problems import too_many
from gateway.tray import Tray
from services.accounts import schemas as accounts
from services.directory import schemas
from services.directory.schemas import between
from services.kernel.errors import ValidationError

TRIES_PER_MINUTE = 10
RECORD = "/records/<uuid:id>"
OF_RECORD = {"id": "record"}

DOORS = (
    Door("GET", "/worklist", "work", schemas.Work, "What waits for a permanent, the most urgent reason first."),
    Door("GET", "/records", "find", schemas.Find, "Records of this node in whatever state, by words of their names."),
    Door("GET", f"{RECORD}/state", "open_record", schemas.OpenRecord,
         "A record in whatever state: what keeps it from the public, differences, score, next question."),
    Door("GET", f"{RECORD}/history", "history", schemas.ById, "What happened to a record, newest first."),
    Door("PATCH", RECORD, "edit", schemas.Edit, "Change some of what a record says; null empties a field.",
         must_match=True),
    Door("POST", f"{RECORD}/step", "step", schemas.Step, "Submit a record, or send it to review."),
    Door("POST", f"{RECORD}/confirmation", "confirm", schemas.Confirm, "The structure says that its entry is right."),
    Door("POST", f"{RECORD}/difference", "settle_difference", schemas.SettleDifference,
         "Take what an import says of a corrected field, or keep the correction."),
    Door("POST", f"{RECORD}/revert", "revert", schemas.Revert, "Take one change of a record back."),
    Door("POST", f"{RECORD}/separation", "merge_undo", schemas.ById, "Take back the last merge into a record."),
    Door("POST", "/qualifications", "qualify", schemas.Qualify,
         "Put a permanent’s word behind records; dry_run says what would become public."),
    Door("POST", "/reviews", "review_many", schemas.ReviewMany, "Send many qualified records back to review."),
    Door("POST", "/publications", "publish", schemas.Qualify,
         "Qualify what the public may then see; the rest is refused with every missing part."),
    Door("GET", "/suggestions", "suggestions", schemas.Suggestions, "What was suggested, oldest first."),
    Door("GET", "/suggestions/sent", "sent_suggestions", None, "What was suggested here for records of other nodes."),
    Door("POST", "/suggestions/<uuid:suggestion>/decision", "decide", schemas.Decide,
         "Accept a suggestion, which changes the record, or refuse it."),
    Door("GET", "/duplicates", "duplicates", schemas.Duplicates, "Pairs that nobody decided, the likeliest first."),
    Door("POST", "/duplicates/decision", "duplicate_decide", schemas.DuplicateDecide,
         "Say whether two structures are one; same merges them, where both are this node’s."),
    Door("POST", "/duplicates/undoing", "duplicate_undo", schemas.PairOf,
         "Take this node’s decision about two structures back."),
    Door("GET", "/duplicates/outcome", "duplicate_outcome", schemas.PairOf,
         "What all nodes decided of two structures, and what comes of it."),
    Door("GET", "/duplicates/contrary", "duplicates_contrary", None,
         "Decisions of this node of which another node decided otherwise."),
    Door("POST", "/duplicates/keeping", "duplicate_keep", schemas.PairOf,
         "Keep this node’s decision, told no more until somebody says something new."),
    Door("POST", f"{RECORD}/hiding", "hide", between.Hide,
         "Show a record of another node here no more, with the reason; its home is not touched."),
    Door("DELETE", f"{RECORD}/hiding", "show", schemas.ById,
         "Show again what was hidden, as its home publishes it by now."),
    Door("GET", "/hidings", "hidings", between.Hidings, "What this node does not show of others, and why."),
    Door("GET", "/handovers", "offers", None, "Records offered, to this node and of it; those that wait come first."),
    Door("POST", "/handovers", "hand_over", between.HandOver,
         "Offer records to another node; dry_run counts. Nothing changes until it accepts."),
    Door("GET", "/handovers/<uuid:id>", "offered", between.Offered,
         "The records of one offer, in order of id."),
    Door("POST", "/handovers/<uuid:id>/decision", "offer_decide", between.OfferDecide,
         "Accept or refuse what was offered, or take back what this node offers."),
    Door("GET", "/objections", "objections", None, "What was objected to, without what it was."),
    Door("GET", "/objections/told", "objections_told", None, "What other nodes were told of it, and their answers."),
    Door("GET", "/objections/heard", "objections_heard", None,
         "What other nodes told of records of this one: which name the person, never who."),
    Door("GET", "/imports", "imports", None, "The last imports, newest first."),
    Door("GET", "/imports/<string:import>/undo", "undo_preview", schemas.ImportUndo,
         "What taking an import back would do, and which records a person qualified or edited since."),
    Door("DELETE", "/imports/<string:import>", "undo", schemas.ImportUndo,
         "Take an import back, but for what a person qualified or edited since, unless all is said."),
    Door("GET", "/freshness", "freshness", None, "How fresh what the public sees is, by department and sector."),
    Door("POST", "/links", "structure_link", accounts.StructureLink,
         "A link that opens the entries of structures once; shown this once.", room="accounts", status=201),
)  # fmt: skip
"""Each page of staff has its door here; `docs/directory.md` shows them in use."""


def working_blueprint(ask: Ask, tray: Tray) -> Blueprint:
    """The blueprint, over the rooms alone: nothing of it is read from the read model. `tray`: files sent by pages."""
    blueprint = Blueprint("travail", __name__, url_prefix="/api/v1", description="Pour qui travaille à l’annuaire.")
    callers = Callers(ask)
    doors.add(blueprint, ask, callers, DOORS)
    _add_sessions(blueprint, ask)
    _add_imports(blueprint, ask, callers)
    _add_objections(blueprint, ask, callers, tray)
    return blueprint


def _add_sessions(blueprint: Blueprint, ask: Ask) -> None:
    tries = Limit(TRIES_PER_MINUTE)

    @blueprint.post("/sessions")
    @blueprint.doc(requestBody=_json(accounts.Secret))
    @blueprint.response(201, fields.Dict)
    def open_session() -> Response:
        """Use a one-time link, whole or its last part: `{secret}` → `{session, name, roles, acts, expires_at}`."""
        allowed = tries.hit(request.remote_addr or "")
        if not allowed.passes:
            return too_many(allowed.next_in_s)
        asked = body_of()
        if isinstance(asked.get("secret"), str):
            asked["secret"] = urlsplit(asked["secret"]).path.rpartition("/")[2]
        opened = ask("accounts", "session_open", asked)["session"]
        return answered({"session": opened} | _shown(ask("accounts", "session_get", {"session": opened})), 201)

    @blueprint.get("/sessions/current")
    @blueprint.doc(security=[{"session": []}])
    @blueprint.response(200, fields.Dict)
    def current_session() -> Response:
        """Who is in, and what they may do."""
        return answered(_shown(ask("accounts", "session_get", {"session": bearer()[:200]})))

    @blueprint.delete("/sessions/current")
    @blueprint.doc(security=[{"session": []}])
    @blueprint.response(200, fields.Dict)
    def close_session() -> Response:
        """Go out."""
        return answered(ask("accounts", "session_close", {"session": bearer()[:200]}))


def _add_imports(blueprint: Blueprint, ask: Ask, callers: Callers) -> None:
    properties = {
        "file": {"type": "string", "format": "binary"}, "source": {"type": "string"},
        "trial": {"enum": ["true", "false"]},
        "mapping": {"type": "string", "description": "How other columns are read: the text of a mapping."},
    }  # fmt: skip
    form = {"schema": {"type": "object", "required": ["file"], "properties": properties}}

    @blueprint.post("/imports")
    @blueprint.doc(
        security=[{"key": []}, {"session": []}],
        requestBody={"required": True, "content": {"multipart/form-data": form}},
    )
    @blueprint.response(200, fields.Dict)
    def bring_in() -> Response:
        """Bring in a file of records; `trial` says what would become of it."""
        request.max_content_length = importing.LARGEST_BYTES
        actor = callers.actor()
        source, trial = request.form.get("source", "").strip(), _trial()
        call, mapping = partial(_call, ask, actor), request.form.get("mapping", "")
        report = asdict(importing.bring_in(call, request.files.get("file"), source, trial, mapping))
        return answered({"import": report.pop("import_id")} | report)


def _trial() -> bool:
    """Whether a file is only to be tried. Raises `ValidationError` for a word that could mean either."""
    said = request.form.get("trial", "false")
    if said not in ("true", "false"):
        raise ValidationError(
            "Rien n’est importé : trial est true ou false.",
            [{"line": None, "field": "trial", "value": said[:200], "why": "true ou false attendu", "code": "request",
              "remedy": "Envoyez trial=true pour essayer."}],
        )  # fmt: skip
    return said == "true"


def _add_objections(blueprint: Blueprint, ask: Ask, callers: Callers, tray: Tray) -> None:
    @blueprint.post("/objections")
    @blueprint.doc(security=[{"session": []}], requestBody=_json(schemas.ObjectTo))
    @blueprint.response(200, fields.Dict)
    def object_to() -> Response:
        """Take somebody out of this node for good; `dry_run` says which records name them."""
        actor, asked = callers.actor(), body_of()
        call = partial(_call, ask, actor)
        if asked.get("dry_run"):
            return answered(call("object_to", asked))
        done = forget(call, asked)
        tray.sweep(0)
        return answered(asdict(done))

    @blueprint.post("/objections/heard/<uuid:id>/decision")
    @blueprint.doc(security=[{"session": []}], requestBody=_json(schemas.ObjectionDecide))
    @blueprint.response(200, fields.Dict)
    def decide_objection(id: UUID) -> Response:
        """Accept what another node told, which takes the person out of this node for good, or dismiss it."""
        actor, asked = callers.actor(), body_of() | {"id": str(id)}
        call = partial(_call, ask, actor)
        if asked.get("decision") != "accept":
            return answered(call("objection_decide", asked))
        decided = accept(call, asked["id"], str(asked.get("answer") or ""))
        tray.sweep(0)
        return answered(decided)


def _call(ask: Ask, actor: str, door: str, asked: dict[str, Any]) -> Any:
    return ask("directory", door, asked, actor=actor)


def _json(shape: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": shape}}}


def _shown(known: dict[str, Any]) -> dict[str, Any]:
    """A session without the proof that the gateway alone passes on."""
    return {name: value for name, value in known.items() if name != "actor"}
