"""Shapes of what accounts is asked."""

from __future__ import annotations

from marshmallow import fields, validate

from services.kernel.access import MACHINE_SCOPES, ROLES
from services.kernel.request import VISIBLE, Request, one_line

STRUCTURE_LINK_DAYS = 30


class PersonAdd(Request):
    """Somebody and what they may do; an address already known takes the new roles."""

    email = fields.Email(required=True, validate=VISIBLE)
    roles = fields.List(fields.String(validate=validate.OneOf(ROLES)), required=True, validate=validate.Length(1))


class ByEmail(Request):
    """Somebody."""

    email = fields.String(required=True)


class KeyAdd(Request):
    """A key and what it may do."""

    name = fields.String(required=True, validate=[validate.Length(2, 100), one_line])
    scopes = fields.List(
        fields.String(validate=validate.OneOf(sorted(MACHINE_SCOPES))), required=True, validate=validate.Length(1)
    )
    origins = fields.List(fields.String(), load_default=list)


class ByName(Request):
    """A key."""

    name = fields.String(required=True)


class Authenticate(Request):
    """A key as it was presented."""

    key = fields.String(required=True, validate=validate.Length(1, 200))


class LinkAsk(Request):
    """An address as it was typed into the page where one signs in."""

    email = fields.Email(required=True, validate=[validate.Length(3, 254), VISIBLE])


class StructureLink(Request):
    """The structures whose entries a link will open, and for how many days."""

    structures = fields.List(fields.UUID(), required=True, validate=validate.Length(1, 50))
    days = fields.Integer(load_default=STRUCTURE_LINK_DAYS, validate=validate.Range(1, 365))


class Secret(Request):
    """The secret of a link."""

    secret = fields.String(required=True, validate=validate.Length(1, 200))


class Token(Request):
    """What a browser holds of a session."""

    session = fields.String(required=True, validate=validate.Length(1, 200))


class MailQueue(Request):
    """A message of plain text to one address."""

    to = fields.Email(required=True, validate=[validate.Length(3, 254), VISIBLE])
    subject = fields.String(required=True, validate=[validate.Length(1, 200), VISIBLE])
    body = fields.String(required=True, validate=validate.Length(1, 20_000))
