"""Shapes of answers, for the documentation and its tests: answers themselves are joined from finished JSON."""

from __future__ import annotations

from marshmallow import Schema, fields


class Problem(Schema):
    """One thing at fault."""

    line = fields.Integer(allow_none=True)
    field = fields.String()
    value = fields.String(allow_none=True)
    why = fields.String()
    remedy = fields.String()
    code = fields.String()


class ProblemDocument(Schema):
    """RFC 9457."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    errors = fields.List(fields.Nested(Problem))
    home_node = fields.Dict(
        metadata={"description": "Of a record of another node: `home`, `name`, `url`, and its `page` there."}
    )


class Whose(Schema):
    """Whose record an item is, and who looked at it last: what data·inclusion does not say."""

    id = fields.String(required=True, metadata={"description": "Its UUID: the name that no other record has."})
    home_node = fields.Dict(
        required=True, allow_none=True,
        metadata={"description": "Of a record of another node: its `id`, `name` and `url`; null for this node’s own."},
    )  # fmt: skip
    confirmed_at = fields.String(required=True, allow_none=True)
    verified_at = fields.String(required=True, allow_none=True)
    review_since = fields.String(
        required=True, allow_none=True, metadata={"description": "Since when it is being looked at again, if it is."}
    )


class Item(Schema):
    """A data·inclusion v1 object, with `score_qualite` and, for a service, `adresse_certifiee`."""

    id = fields.String(required=True)
    source = fields.String(required=True)
    nom = fields.String(required=True)
    record = fields.Nested(Whose, required=True)


class SearchItem(Schema):
    """A service with its structure, and its distance in whole kilometres."""

    service = fields.Nested(Item, required=True)
    distance = fields.Integer(required=True, allow_none=True)


class PageOfServices(Schema):
    """A page of a search."""

    items = fields.List(fields.Nested(SearchItem), required=True)
    total = fields.Integer(required=True)
    page = fields.Integer(required=True, allow_none=True, metadata={"description": "null when read by cursor"})
    size = fields.Integer(required=True)
    pages = fields.Integer(required=True)
    facets = fields.Dict(keys=fields.String(), values=fields.Dict())


class PageOfItems(PageOfServices):
    """A page of a list."""

    items = fields.List(fields.Nested(Item), required=True)


class Source(Schema):
    """Where records come from, at which home, and under which licence."""

    source = fields.String(required=True)
    home = fields.String(required=True, metadata={"description": "Fingerprint of the node whose source it is."})
    home_node = fields.Dict(
        required=True, allow_none=True,
        metadata={"description": "Its `id`, `name` and `url`; null for this node’s own."},
    )  # fmt: skip
    structures = fields.Integer(required=True)
    services = fields.Integer(required=True)
    licence = fields.String(required=True)
    attribution = fields.String(required=True)


class NativeRecord(Schema):
    """A record as this product keeps it: home, source, version, licence, sectors, fields."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    home = fields.String(required=True)
    home_node = fields.Dict(metadata={"description": "Of a record of another node: its `id`, `name` and `url`."})
    origin = fields.String(metadata={"description": "Of a record that moved: its first home, of which its id tells."})
    term = fields.Integer(metadata={"description": "How often it moved home."})
    proof = fields.List(fields.Dict(), metadata={"description": "What each home before signed as it let it go."})
    to = fields.String(metadata={"description": "Of a record that its home just let go: the node that takes it."})
    version = fields.Integer(required=True)
    status = fields.String(
        required=True,
        metadata={"description": "draft, submitted, qualified, review (public, being looked at again) or withdrawn."},
    )
    changed_at = fields.String(metadata={"description": "When what it says last changed."})
    confirmed_at = fields.String(allow_none=True, metadata={"description": "When the structure last confirmed it."})
    verified_at = fields.String(allow_none=True, metadata={"description": "When a permanent of its home verified it."})
    verified_until = fields.String(allow_none=True, metadata={"description": "Until when that holds."})
    review_since = fields.String(metadata={"description": "Of a record in review: since when."})
    verified = fields.Dict(
        metadata={"description": "By group of fields: `at`, `until`, `by` (role), `how`; a group without it is not."}
    )
    ess = fields.String(metadata={"description": "Of the social economy: yes, no, unknown."})
    argumentaire = fields.Dict(metadata={"description": "What a structure of the social economy adds."})
    languages = fields.List(fields.String(), metadata={"description": "Spoken there: ISO 639-1."})
    accessibility = fields.String(metadata={"description": "What people with a disability find there."})
    memberships = fields.List(
        fields.Dict(), metadata={"description": "Networks and poles it belongs to: name, scale, territory."}
    )


class Change(Schema):
    """One public change, with the signed event of its home."""

    position = fields.Integer(required=True)
    op = fields.String(required=True)
    kind = fields.String(required=True)
    id = fields.String(required=True)
    event = fields.Dict(required=True)


class PageOfChanges(Schema):
    """Changes in order; `next` is the `after` of the next page."""

    items = fields.List(fields.Nested(Change), required=True)
    next = fields.Integer(required=True)
    head = fields.Integer(required=True)


class Suggestion(Schema):
    """One completion."""

    kind = fields.String(required=True)
    value = fields.String(required=True)
    label = fields.String(required=True)
    detail = fields.String(required=True)


class Value(Schema):
    """One value of a referential."""

    value = fields.String(required=True)
    label = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
