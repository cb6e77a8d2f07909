"""Shapes of what federation is asked."""

from __future__ import annotations

from marshmallow import fields, validate

from services.federation.cards import AT_MOST_BYTES
from services.kernel.request import Request

LIMIT_AT_MOST = 500


class PeerAdd(Request):
    """A card as another operator sent it. `via`: a peer that re-serves it; `dry_run`: only say what would be done."""

    card = fields.String(required=True, validate=validate.Length(1, AT_MOST_BYTES))
    private = fields.Boolean(load_default=False)
    via = fields.String(load_default="", validate=validate.Length(0, 100))
    dry_run = fields.Boolean(load_default=False)


class ByName(Request):
    """A peer: its label, its fingerprint, or the beginning of it."""

    peer = fields.String(required=True, validate=validate.Length(1, 100))


class PeerRemove(ByName):
    """A peer that is to be forgotten with all that was taken of it. `dry_run`: only say what would go."""

    dry_run = fields.Boolean(load_default=False)


class CardAsked(Request):
    """Whose card: a fingerprint, this node's own where none is given."""

    node = fields.String(load_default="", validate=validate.Length(0, 32))


class DigestsAsked(Request):
    """A stream as of its last checkpoint: all groups, the buckets of a group, or the records of a bucket of it."""

    stream = fields.String(required=True, validate=validate.Length(1, 64))
    group = fields.Integer(load_default=None, validate=validate.Range(0, 255))
    bucket = fields.Integer(load_default=None, validate=validate.Range(0, 255))


class LaneOpen(ByName):
    """A peer to open the fast lane with. `renew`: with another password, which the other side has to be told."""

    renew = fields.Boolean(load_default=False)


class LaneTake(Request):
    """A document as the other side's `lane_open` made it."""

    document = fields.String(required=True, validate=validate.Length(1, 65_536))


class AddressedAsked(Request):
    """What a peer asks for what is addressed to it: the query as it was sent, and the headers that sign it."""

    query = fields.String(required=True, validate=validate.Length(1, 500))
    headers = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class Addressed(Request):
    """The query itself: who asks, of which service, and the last that it holds, which it acknowledges."""

    from_ = fields.String(required=True, data_key="from", validate=validate.Length(32, 32))
    service = fields.String(required=True, validate=validate.Length(1, 32))
    epoch = fields.Integer(load_default=1, validate=validate.Range(1, 2**31 - 1))
    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**53))
    limit = fields.Integer(load_default=LIMIT_AT_MOST, validate=validate.Range(1, LIMIT_AT_MOST))


class Turned(Request):
    """The query of a call: who calls, whether it begins anew, and what it brings: the answer to a question's `id`."""

    from_ = fields.String(required=True, data_key="from", validate=validate.Length(32, 32))
    begins = fields.Boolean(load_default=False)
    id = fields.String(load_default="", validate=validate.Length(0, 100))
    status = fields.Integer(load_default=0, validate=validate.Range(0, 599))
    date = fields.String(load_default="", validate=validate.Length(0, 100))


class TurnedAnswer(Request):
    """What a call brought: the query's words, and the body, packed by zlib, in base64."""

    node = fields.String(required=True)
    id = fields.String(required=True)
    status = fields.Integer(required=True)
    date = fields.String(required=True)
    body = fields.String(required=True)


class TurnedQuestion(Request):
    """Who calls, and by which call."""

    node = fields.String(required=True)
    call = fields.String(required=True)


class LogAsked(Request):
    """A place in a stream, `<fingerprint>/<service>/shared`, and how many events after it.

    `anew`: of a snapshot that is read from its beginning, where nothing was held before: no tombstone is missed.
    """

    stream = fields.String(required=True, validate=validate.Length(1, 64))
    epoch = fields.Integer(load_default=1, validate=validate.Range(1, 2**31 - 1))
    anew = fields.Boolean(load_default=False)
    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**53))
    limit = fields.Integer(load_default=LIMIT_AT_MOST, validate=validate.Range(1, LIMIT_AT_MOST))
