"""marshmallow in French: what it says of a value at fault is read by people, on pages and on the command line.

It takes effect when this module is imported, for every schema made after; what a schema says by itself stays.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

FIELDS: dict[type[fields.Field[Any]], dict[str, str]] = {
    fields.Field: {"required": "manque", "null": "ne peut pas être vide", "validator_failed": "ne convient pas"},
    fields.Nested: {"type": "un objet est attendu"},
    fields.List: {"invalid": "une liste est attendue"},
    fields.String: {"invalid": "un texte est attendu", "invalid_utf8": "le texte n’est pas en UTF-8"},
    fields.Number: {"invalid": "un nombre est attendu", "too_large": "le nombre est trop grand"},
    fields.Integer: {"invalid": "un nombre entier est attendu"},
    fields.Float: {"special": "un nombre fini est attendu"},
    fields.Boolean: {"invalid": "true ou false est attendu"},
    fields.DateTime: {
        "invalid": "une date et une heure sont attendues, comme 2026-11-23T10:00:00+01:00",
        "invalid_awareness": "une date et une heure avec leur fuseau sont attendues, comme 2026-11-23T10:00:00+01:00",
        "format": "cette date ne peut pas s’écrire",
    },
    fields.Date: {"invalid": "une date est attendue, comme 2026-11-23", "format": "cette date ne peut pas s’écrire"},
    fields.Email: {"invalid": "une adresse électronique est attendue, comme nom@example.org"},
    fields.Mapping: {"invalid": "un objet est attendu"},
}
"""By class of field: every message that a schema of ours can give."""
VALIDATORS: dict[type[validate.Validator], dict[str, str]] = {
    validate.OneOf: {"default_message": "valeurs possibles : {choices}"},
    validate.Regexp: {"default_message": "ne convient pas : des minuscules sans accent, des chiffres et des tirets"},
    validate.Range: {
        "message_min": "{min_op} {{min}} attendu", "message_max": "{max_op} {{max}} attendu",
        "message_all": "{min_op} {{min}} et {max_op} {{max}} attendu", "message_gte": "au moins",
        "message_gt": "plus de", "message_lte": "au plus", "message_lt": "moins de",
    },
    validate.Length: {
        "message_min": "trop court : {min} au moins", "message_max": "trop long : {max} au plus",
        "message_all": "longueur de {min} à {max} attendue", "message_equal": "longueur de {equal} attendue",
    },
}  # fmt: skip


def _speak() -> None:
    for field, messages in FIELDS.items():
        field.default_error_messages = field.default_error_messages | messages
    for validator, texts in VALIDATORS.items():
        for name, text in texts.items():
            setattr(validator, name, text)
    Schema._default_error_messages = {"type": "un objet est attendu", "unknown": "ce champ n’existe pas"}


_speak()
