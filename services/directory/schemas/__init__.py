"""Shapes of what the directory is asked. Unknown fields are refused: this is our edge."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from services.directory.formats.groups import REASONS, WAYS
from services.directory.formats.ids import SOURCE_NAME
from services.directory.formats.own import ESS
from services.directory.rules import FIELDS, POLICIES
from services.kernel.request import VISIBLE, Request, one_line

BATCH = 1_000
SOURCE = [validate.Length(1, 99), validate.Regexp(rf"^{SOURCE_NAME}$"), VISIBLE]  # `$` lets one end of line through


class Put(Request):
    """Create or change records; `version` (with one record only) is the version it was read at."""

    records = fields.List(fields.Dict(), required=True, validate=validate.Length(1, BATCH))
    version = fields.Integer(allow_none=True, load_default=None)
    request_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 200))


class ById(Request):
    """One record."""

    id = fields.String(required=True)


class OpenRecord(ById):
    """One record; `seen`: the version that was read before, to hear what changed since."""

    seen = fields.Integer(load_default=None, allow_none=True)


class Many(Request):
    """Which records: ids, or those of a source, of an import or of a reason of the work list.

    What was seen of them is said with what a dry run gave: the `versions`, or its `at` as `unchanged_since`.
    """

    ids = fields.List(fields.String(), load_default=None, validate=validate.Length(1, BATCH))
    source = fields.String(load_default=None)
    import_ = fields.String(load_default=None, data_key="import")
    reason = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(REASONS))
    versions = fields.Dict(
        keys=fields.String(), values=fields.Integer(), load_default=None, allow_none=True,
        validate=validate.Length(0, BATCH),
    )  # fmt: skip
    unchanged_since = fields.AwareDateTime(load_default=None, allow_none=True)
    dry_run = fields.Boolean(load_default=False)
    request_id = fields.String(load_default=None, allow_none=True)


class Qualify(Many):
    """What to qualify; `how` the permanent verified it."""

    how = fields.String(load_default="known", validate=validate.OneOf(WAYS))


class ReviewMany(Many):
    """Which qualified records to look at again, and why."""

    why = fields.String(load_default="", validate=validate.Length(0, 500))


class Edit(Request):
    """Some of what a record says, by its id; `fields` are data·inclusion's, null empties one."""

    id = fields.String(required=True)
    version = fields.Integer(required=True)
    fields_ = fields.Dict(keys=fields.String(), data_key="fields", attribute="fields")
    sectors = fields.List(fields.String())
    ess = fields.String(validate=validate.OneOf(ESS))
    legal_form = fields.String(allow_none=True)
    argumentaire = fields.Dict(keys=fields.String(), values=fields.String(allow_none=True))
    languages = fields.List(fields.String(), allow_none=True)
    accessibility = fields.String(allow_none=True)
    memberships = fields.List(fields.Dict(), allow_none=True)
    request_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 200))


class Step(Request):
    """One step of a record's life that changes its status alone."""

    id = fields.String(required=True)
    step = fields.String(required=True, validate=validate.OneOf(("submit", "review")))
    why = fields.String(load_default="", validate=validate.Length(0, 500))
    version = fields.Integer(load_default=None, allow_none=True)


class Confirm(Request):
    """A record that its structure confirmed, how it said so, and the version that was read."""

    id = fields.String(required=True)
    version = fields.Integer(load_default=None, allow_none=True)
    how = fields.String(load_default="", validate=validate.Length(0, 500))


class Work(Request):
    """A page of the work list, for one reason or for the most urgent."""

    reason = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(REASONS))
    after = fields.String(load_default="")
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))


class Find(Request):
    """Words of a record's name and commune."""

    q = fields.String(required=True, validate=validate.Length(2, 200))
    after = fields.String(load_default="")
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))


class Withdraw(Request):
    """One record to withdraw, and why."""

    id = fields.String(required=True)
    reason = fields.String(required=True, validate=validate.Length(3, 500))
    version = fields.Integer(allow_none=True, load_default=None)
    request_id = fields.String(load_default=None, allow_none=True)


class SettleDifference(Request):
    """A field of which an import says something else than a person did: take what the import says, or keep."""

    id = fields.String(required=True)
    field = fields.String(required=True)
    take = fields.Boolean(required=True)


class Revert(Request):
    """The version whose change is to be taken back; `version` is the record's, as it was read."""

    id = fields.String(required=True)
    of = fields.Integer(required=True)
    version = fields.Integer(load_default=None, allow_none=True)


class ForgetUnread(Request):
    """What stands beside a record under a name, since no import could read it."""

    id = fields.String(required=True)
    field = fields.String(required=True, validate=validate.Length(1, 500))


class Suggest(Request):
    """What somebody says of a public record: `field` and `value` propose a change, `message` says anything."""

    id = fields.String(required=True)
    field = fields.String(load_default=None, allow_none=True)
    value = fields.Raw(load_default=None, allow_none=True)
    message = fields.String(load_default="", validate=validate.Length(0, 2_000))
    contact = fields.Email(load_default=None, allow_none=True, validate=[validate.Length(3, 254), VISIBLE])


class Suggestions(Request):
    """A page of suggestions: open ones oldest first, decided ones newest first."""

    state = fields.String(load_default="open", validate=validate.OneOf(("open", "accepted", "refused")))
    record = fields.String(load_default=None, allow_none=True)
    after = fields.String(load_default="")
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))


class Decide(Request):
    """What a permanent decides of a suggestion, and says to who made it."""

    suggestion = fields.String(required=True)
    accept = fields.Boolean(required=True)
    answer = fields.String(load_default="", validate=validate.Length(0, 2_000))


class LinkAgain(Request):
    """The secret of a structure's link that does not open any more."""

    secret = fields.String(required=True, validate=validate.Length(1, 200))


class ObjectTo(Request):
    """Who is to be forgotten, by what names them: one of these at least."""

    contact_nom_prenom = fields.String(load_default="", validate=validate.Length(0, 200))
    courriel = fields.String(load_default="", validate=validate.Length(0, 254))
    telephone = fields.String(load_default="", validate=validate.Length(0, 100))
    dry_run = fields.Boolean(load_default=False)

    @validates_schema
    def something(self, data: dict[str, Any], **_: Any) -> None:
        """Somebody must be said."""
        said = [data.get(name, "").strip() for name in ("contact_nom_prenom", "courriel", "telephone")]
        if not any(said) or any(each and len(each) < 4 for each in said):
            raise ValidationError("Donnez un nom, une adresse électronique ou un numéro, de 4 caractères au moins.")


class ObjectionDecide(Request):
    """What a permanent says of an objection that another node told: a reason where it is dismissed."""

    id = fields.String(required=True)
    decision = fields.String(required=True, validate=validate.OneOf(("accept", "dismiss")))
    answer = fields.String(load_default="", validate=validate.Length(0, 2_000))


class Duplicates(Request):
    """A page of pairs, of one record or of all; `after` is the `next` of the page before."""

    record = fields.String(load_default=None, allow_none=True)
    after = fields.String(load_default="", validate=validate.Regexp(r"^(\d\.\d+(e-\d+)?\|[\w-]+\|[\w-]+)?$"))
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))


class PairOf(Request):
    """Two structures, in whichever order."""

    a = fields.String(required=True)
    b = fields.String(required=True)


class DuplicateDecide(Request):
    """What a permanent says of two structures: `keep` is the one that stays, `head` the one with the other as a branch.

    `fields` names, by field, the one whose word is the better: `{"telephone": id}`.
    """

    a = fields.String(required=True)
    b = fields.String(required=True)
    decision = fields.String(required=True, validate=validate.OneOf(("same", "different", "branch")))
    keep = fields.String(load_default=None, allow_none=True)
    head = fields.String(load_default=None, allow_none=True)
    fields_ = fields.Dict(
        keys=fields.String(validate=validate.OneOf(sorted(FIELDS["structure"]))), values=fields.String(),
        data_key="fields", attribute="fields", load_default=dict,
    )  # fmt: skip
    dry_run = fields.Boolean(load_default=False)
    request_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 200))

    @validates_schema
    def one_head(self, data: dict[str, Any], **_: Any) -> None:
        """A branch has a head, which is one of the two; nothing else has one."""
        if data["decision"] != "branch" and data["head"] is not None:
            raise ValidationError("Seul un établissement (branch) a un siège : ôtez head.", "head")
        if data["decision"] == "branch" and data["head"] not in (data["a"], data["b"]):
            raise ValidationError("Dites laquelle des deux fiches est le siège : head est a ou b.", "head")


class Changes(Request):
    """A page of the feed."""

    after = fields.Integer(load_default=0, validate=validate.Range(0))
    limit = fields.Integer(load_default=500, validate=validate.Range(1, 1_000))


class Export(Request):
    """A page of records of one kind, in order of id."""

    kind = fields.String(required=True, validate=validate.OneOf(("structure", "service")))
    after = fields.String(load_default="")
    limit = fields.Integer(load_default=500, validate=validate.Range(1, 1_000))
    public = fields.Boolean(load_default=True)
    source = fields.String(load_default=None, allow_none=True)


class ImportBegin(Request):
    """Open an import of a source."""

    source = fields.String(required=True, validate=SOURCE)
    name = fields.String(required=True, validate=one_line)
    label = fields.String(load_default=None, allow_none=True, validate=one_line)
    policy = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(POLICIES))
    licence = fields.String(load_default=None, allow_none=True)
    attribution = fields.String(load_default=None, allow_none=True)


class ImportRows(Request):
    """One batch of drafts of an import."""

    import_ = fields.String(required=True, data_key="import")
    rows = fields.List(fields.Dict(), required=True, validate=validate.Length(1, BATCH))


class ImportPreview(Request):
    """One batch of drafts, to hear what an import would do with them."""

    source = fields.String(required=True, validate=SOURCE)
    rows = fields.List(fields.Dict(), required=True, validate=validate.Length(1, BATCH))


class ImportFinish(Request):
    """Close an import."""

    import_ = fields.String(required=True, data_key="import")
    complete = fields.Boolean(load_default=False)
    force = fields.Boolean(load_default=False)
    refused = fields.Integer(load_default=0)


class ImportUndo(Request):
    """Take an import back; `all`: what people qualified or edited since, too, where that is as many as were shown."""

    import_ = fields.String(required=True, data_key="import")
    all = fields.Boolean(load_default=False)
    by_people = fields.Integer(load_default=None, allow_none=True)


class SourceSet(Request):
    """Change a source."""

    name = fields.String(required=True, validate=[validate.Length(1, 99), one_line])
    label = fields.String(validate=one_line)
    policy = fields.String(validate=validate.OneOf(POLICIES))
    licence = fields.String()
    attribution = fields.String()
