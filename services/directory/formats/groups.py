"""The fields of a record in groups that are checked together, and the words of qualification. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "identity": ("nom", "siret", "description", "reseaux_porteurs", "ess", "legal_form",
                 "memberships"),
    "place": ("commune", "code_postal", "code_insee", "adresse", "complement_adresse", "longitude", "latitude"),
    "contact": ("telephone", "courriel", "site_web", "contact_nom_prenom", "lien_source"),
    "hours": ("horaires_accueil",),
    "offer": ("type", "thematiques", "publics", "publics_precisions", "frais", "frais_precisions",
              "volume_horaire_hebdomadaire", "nombre_semaines", "sectors"),
    "access": ("conditions_acces", "modes_accueil", "zone_eligibilite", "lien_mobilisation", "modes_mobilisation",
               "mobilisable_par", "mobilisation_precisions", "accessibilite_lieu", "accessibility", "languages"),
    "argumentaire": ("argumentaire",),
}  # fmt: skip
"""Fields that are checked together, and come from one place together."""
GROUP_OF: Final = {name: group for group, names in GROUPS.items() for name in names}
WAYS: Final = ("call", "visit", "document", "website", "known")
"""How a permanent verified: by telephone, on the spot, on a paper, on a site, or knowing the structure."""
EDIT: Final = "edit"
"""How what a permanent changed is verified: by the change, which is nothing that anybody says in a form."""

REASONS: Final = ("suggestions", "duplicates", "contrary", "differences", "review", "held", "expiring", "submitted")
"""Why a record waits for a permanent, the most urgent first; `held`: qualified, and kept back by the gate; `contrary`:
another node decided otherwise of two structures."""
