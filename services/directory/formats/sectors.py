"""The sectors of the field: in which a structure works, which facilitators animate and pages are sorted by.

They are the glossary's, completed so that every theme of data·inclusion has at least one: a theme says what a service
is about, a sector who in the network it concerns. They follow from themes and audiences; a record may say its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

Lang = Literal["fr", "en"]

# A service for more audiences than these is for nearly everybody: its audiences say nothing of its sectors.
MOST_AUDIENCES: Final = 3


@dataclass(frozen=True, slots=True)
class Sector:
    """One sector, with its names and what belongs to it, in French."""

    code: str
    french: str
    english: str
    description: str


_ALL: Final = (
    Sector("petite-enfance", "Petite enfance", "Early childhood", "Accueil et éveil des enfants avant l’école."),
    Sector(
        "enfance-jeunesse", "Enfance et jeunesse", "Children and youth", "Éducation, loisirs et autonomie des jeunes."
    ),
    Sector("famille", "Famille", "Family", "Parentalité, aidants, séparations et violences."),
    Sector("personnes-agees", "Personnes âgées", "Older people", "Vie à domicile, établissements, aide aux aidants."),
    Sector("handicap", "Handicap", "Disability", "Droits, accompagnement et accès à tout des personnes handicapées."),
    Sector("sante", "Santé", "Health", "Accès aux soins, prévention, addictions."),
    Sector("sante-psychique", "Santé psychique", "Mental health", "Souffrance psychique, écoute, santé mentale."),
    Sector("logement", "Logement et hébergement", "Housing", "Trouver, garder, améliorer un logement ou un abri."),
    Sector("mobilite", "Mobilité", "Mobility", "Se déplacer : véhicules, permis, transports partagés."),
    Sector(
        "alimentation-equipement",
        "Alimentation et vie quotidienne",
        "Food and daily life",
        "Aide alimentaire, vêtements, équipement, aide à domicile.",
    ),
    Sector("emploi-formation", "Emploi et formation", "Work and training", "Métier, candidature, formation, emploi."),
    Sector(
        "creation-activite", "Création d’activité", "Business creation", "Créer, structurer, développer une activité."
    ),
    Sector("acces-aux-droits", "Accès aux droits", "Access to rights", "Démarches, droits, justice, citoyenneté."),
    Sector("budget", "Budget et difficultés financières", "Money", "Budget, dettes, protection financière."),
    Sector("numerique", "Numérique", "Digital inclusion", "Connexion, équipement, usages et démarches en ligne."),
    Sector("lien-social", "Lien social", "Social ties", "Rencontres, entraide, bénévolat, confiance en soi."),
    Sector("culture", "Culture, sports et loisirs", "Culture, sports and leisure", "Pratiques, sorties, patrimoine."),
)

SECTORS: Final[Mapping[str, Sector]] = MappingProxyType({sector.code: sector for sector in _ALL})

_OF_CATEGORY: Final[dict[str, tuple[str, ...]]] = {
    "choisir-un-metier": ("emploi-formation",),
    "creer-une-entreprise": ("creation-activite",),
    "difficultes-administratives-ou-juridiques": ("acces-aux-droits",),
    "difficultes-financieres": ("budget",),
    "equipement-et-alimentation": ("alimentation-equipement",),
    "famille": ("famille",),
    "lecture-ecriture-calcul": ("emploi-formation",),
    "logement-hebergement": ("logement",),
    "mobilite": ("mobilite",),
    "numerique": ("numerique",),
    "preparer-sa-candidature": ("emploi-formation",),
    "remobilisation": ("lien-social",),
    "sante": ("sante",),
    "se-former": ("emploi-formation",),
    "souvrir-a-linternational": ("emploi-formation",),
    "trouver-un-emploi": ("emploi-formation",),
}

# Themes that belong elsewhere than their category, or to more sectors than its own.
_OF_THEME: Final[dict[str, tuple[str, ...]]] = {
    "famille--garde-denfants": ("petite-enfance", "famille"),
    "famille--prise-en-charge-personne-dependante": ("personnes-agees", "handicap"),
    "famille--soutien-a-la-parentalite-et-a-leducation": ("famille", "enfance-jeunesse"),
    "famille--soutien-aidants": ("famille", "personnes-agees", "handicap"),
    "logement-hebergement--reduire-les-impayes-de-loyer": ("logement", "budget"),
    "numerique--acceder-a-des-services-en-ligne": ("numerique", "acces-aux-droits"),
    "remobilisation--activites-sportives-et-culturelles": ("culture", "lien-social"),
    "sante--addictions": ("sante", "sante-psychique"),
    "sante--constituer-un-dossier-mdph-invalidite": ("handicap", "acces-aux-droits"),
    "sante--sante-mentale": ("sante-psychique",),
}

_OF_AUDIENCE: Final[dict[str, str]] = {
    "familles": "famille",
    "jeunes": "enfance-jeunesse",
    "personnes-en-situation-de-handicap": "handicap",
    "seniors": "personnes-agees",
}


def of(thematiques: Iterable[str], publics: Iterable[str] = ()) -> tuple[str, ...]:
    """The sectors of a service by its themes (or categories) and audiences, in the order of `SECTORS`.

    Audiences count when at most three are named. Unknown values say nothing; without any that does, there is no sector.
    """
    audiences = frozenset(publics)
    return _of(frozenset(thematiques), audiences if len(audiences) <= MOST_AUDIENCES else frozenset())


@lru_cache(maxsize=4096)
def _of(themes: frozenset[str], audiences: frozenset[str]) -> tuple[str, ...]:
    found = {sector for theme in themes for sector in _of_theme(theme)}
    found.update(_OF_AUDIENCE[audience] for audience in audiences if audience in _OF_AUDIENCE)
    return tuple(sector for sector in SECTORS if sector in found)


def _of_theme(theme: str) -> tuple[str, ...]:
    return _OF_THEME.get(theme) or _OF_CATEGORY.get(theme.partition("--")[0], ())


def label(sector: str, lang: Lang = "fr") -> str:
    """The name of a sector in French or in English; an unknown one's own words."""
    known = SECTORS.get(sector)
    if known is None:
        return sector.replace("-", " ")
    return known.english if lang == "en" else known.french


def is_known(sector: str) -> bool:
    """Whether this is the code of a sector."""
    return sector in SECTORS
