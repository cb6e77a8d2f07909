"""The fields of data·inclusion v1: which there are, of what nature, in the order of its models.

Source: data·inclusion schema v1 (`data-inclusion-schema` 1.0.10, MIT), https://github.com/gip-inclusion/data-inclusion.
Identifiers (`source`, `id`, `structure_id`) are no fields here: a record carries them beside its fields.
"""

from __future__ import annotations

from typing import Final

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

# What the directory keeps beside them, in `extra`: the number of an association in the national register (RNA).
OWN_FIELDS: Final = {"structure": ("rna",), "service": ()}

LISTS: Final = frozenset(
    {
        "reseaux_porteurs",
        "thematiques",
        "publics",
        "modes_accueil",
        "zone_eligibilite",
        "modes_mobilisation",
        "mobilisable_par",
    }
)

# A column or a key of this name alone tells a service from a structure where a file mixes both.
SERVICE_ONLY: Final = frozenset(SERVICE_FIELDS) - frozenset(STRUCTURE_FIELDS) | {"structure_id"}

# What data·inclusion's own API and our refused rows add to an item, and what reading one leaves aside.
ERROR_COLUMN: Final = "erreur"
ADDED: Final = frozenset({ERROR_COLUMN, "score_qualite", "doublons", "structure", "services", "distance"})
