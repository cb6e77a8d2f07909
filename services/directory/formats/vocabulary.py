"""The fields of data·inclusion v1: which there are, of what nature, in the order of its models.

Source: data·inclusion schema v1 (`data-inclusion-schema` 1.0.10, MIT), https://github.com/gip-inclusion/data-inclusion.
Identifiers (`source`, `id`, `structure_id`) are no fields here: a record carries them beside its fields.
"""

from __future__ import annotations

from typing import Final

from services.directory.formats.argumentaire import PARTS

PLACE: Final = (
    "commune",
    "code_postal",
    "code_insee",
    "adresse",
    "complement_adresse",
    "longitude",
    "latitude",
)

STRUCTURE_FIELDS: Final = (
    "nom",
    "date_maj",
    "description",
    "lien_source",
    "siret",
    *PLACE,
    "telephone",
    "courriel",
    "site_web",
    "horaires_accueil",
    "accessibilite_lieu",
    "reseaux_porteurs",
)

SERVICE_FIELDS: Final = (
    "nom",
    "description",
    "lien_source",
    "date_maj",
    "type",
    "thematiques",
    "frais",
    "frais_precisions",
    "publics",
    "publics_precisions",
    "conditions_acces",
    *PLACE,
    "telephone",
    "courriel",
    "modes_accueil",
    "zone_eligibilite",
    "contact_nom_prenom",
    "lien_mobilisation",
    "modes_mobilisation",
    "mobilisable_par",
    "mobilisation_precisions",
    "volume_horaire_hebdomadaire",
    "nombre_semaines",
    "horaires_accueil",
)

FIELDS: Final = {"structure": STRUCTURE_FIELDS, "service": SERVICE_FIELDS}
IDENTIFIERS: Final = {"structure": ("source", "id"), "service": ("source", "structure_id", "id")}

# Parts of the argumentaire as columns of a table, and as keys of a mapping.
ARGUMENTAIRE: Final = {f"argumentaire_{part.name}": part.name for part in PARTS}

# What the directory keeps beside them, and a mapping may say: the number of an association in the national register
# (RNA, in `extra`), whether a structure is of the social economy, its legal form (INSEE), languages (ISO 639-1).
OWN_FIELDS: Final = {
    "structure": ("rna", "ess", "legal_form", "languages", "accessibility", *ARGUMENTAIRE),
    "service": ("languages", "accessibility"),
}

# What our exports tell of a record and no file can decide: when what happened to it, and whose data it is.
TOLD: Final = ("changed_at", "confirmed_at", "verified_at", "review_since", "licence", "attribution")

LISTS: Final = frozenset(
    {
        "reseaux_porteurs",
        "thematiques",
        "publics",
        "modes_accueil",
        "zone_eligibilite",
        "modes_mobilisation",
        "mobilisable_par",
        "languages",
    }
)

# The columns of a table that says all of it, in order.
COLUMNS: Final = {
    kind: (*IDENTIFIERS[kind], *FIELDS[kind], "sectors", *OWN_FIELDS[kind], "memberships", *TOLD, "extra")
    for kind in FIELDS
}

# A column or a key of this name alone tells a service from a structure where a file mixes both.
SERVICE_ONLY: Final = frozenset(SERVICE_FIELDS) - frozenset(STRUCTURE_FIELDS) | {"structure_id"}

# What data·inclusion's own API and our refused rows add to an item, and what reading one leaves aside.
ERROR_COLUMN: Final = "erreur"
ADDED: Final = frozenset({ERROR_COLUMN, "score_qualite", "doublons", "structure", "services", "distance", *TOLD})
