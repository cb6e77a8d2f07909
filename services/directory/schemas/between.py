"""Shapes of what the directory is asked about other nodes: what is hidden of them, what is handed over, who leaves."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from services.directory.schemas import BATCH
from services.kernel.request import VISIBLE, Request


class Hide(Request):
    """A record of another node that this one is not to show, by its id or the address of its page here, and why."""

    id = fields.String(required=True, validate=validate.Length(1, 1_000))
    reason = fields.String(required=True, validate=[validate.Length(3, 500), VISIBLE])
    tell = fields.Boolean(load_default=False)


class Hidings(Request):
    """A page of what this node does not show, in order of id."""

    after = fields.String(load_default="")
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))


class HandOver(Request):
    """Records to offer to another node (its fingerprint): structures by `ids`, all of a `source`, or `all` public ones.

    Services go with their structure; `note` is for who decides there.
    """

    to = fields.String(required=True, validate=validate.Length(32, 32))
    ids = fields.List(fields.String(), load_default=None, validate=validate.Length(1, BATCH))
    source = fields.String(load_default=None)
    all = fields.Boolean(load_default=False)
    note = fields.String(load_default="", validate=validate.Length(0, 2_000))
    dry_run = fields.Boolean(load_default=False)

    @validates_schema
    def one_choice(self, data: dict[str, Any], **_: Any) -> None:
        """What is meant is said once: nobody gives everything away by leaving something out."""
        if (data["ids"] is not None) + (data["source"] is not None) + data["all"] != 1:
            raise ValidationError("Dites quoi proposer : ids, source, ou all pour tout ce qui est public.")


class Leave(Request):
    """Withdraw all that is public: so many structures at a time, with the reason that their tombstones tell."""

    reason = fields.String(load_default="ce membre a quitté le réseau", validate=[validate.Length(3, 500), VISIBLE])
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))
    dry_run = fields.Boolean(load_default=False)


class Offered(Request):
    """A page of the records of one offer."""

    id = fields.String(required=True)
    after = fields.String(load_default="")
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))


class OfferDecide(Request):
    """What a permanent decides of an offer: `accept` or `refuse` what came, `take_back` what this node offered."""

    id = fields.String(required=True)
    decision = fields.String(required=True, validate=validate.OneOf(("accept", "refuse", "take_back")))
    answer = fields.String(load_default="", validate=validate.Length(0, 2_000))
