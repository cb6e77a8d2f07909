"""Shapes of what accounts is asked."""

from __future__ import annotations

from marshmallow import fields, validate

from services.kernel.access import MACHINE_SCOPES, ROLES
from services.kernel.request import Request


class PersonAdd(Request):
    """Somebody and what they may do; an address already known takes the new roles."""

    email = fields.Email(required=True)
    roles = fields.List(fields.String(validate=validate.OneOf(ROLES)), required=True, validate=validate.Length(1))


class ByEmail(Request):
    """Somebody."""

    email = fields.String(required=True)


class KeyAdd(Request):
    """A key and what it may do."""

    name = fields.String(required=True, validate=validate.Length(2, 100))
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
