"""The page that explains mappings to whoever imports by the pages, and has no other guide at hand."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from gateway.staff.frame import Frame
from services.directory.formats.transforms import TRANSFORMS
from services.directory.formats.vocabulary import FIELDS, OWN_FIELDS

SHEET: Final = (
    ("N°", "Association", "Rue", "CP", "Ville", "Tél", "Lundi", "Mardi", "Pour qui", "Repas"),
    ("12", "Le Grain", "3 rue du Port", "44400", "Rezé", "02 40 12 34 56", "9h-12h", "14h-17h", "Jeunes/Familles",
     "oui"),
    ("13", "La Meule", "8 quai Haut", "44400", "Rezé", "02 40 98 76 54", "", "9h-12h", "Séniors", "non"),
)  # fmt: skip
EXAMPLE: Final = """version = 1

[source]
name = "annuaire-du-pays"
licence = "Licence Ouverte 2.0"

[structure]
id = "N°"
nom = "Association"
adresse = "Rue"
code_postal = "CP"
commune = "Ville"
telephone = "Tél"
horaires_accueil = { week = { lundi = "Lundi", mardi = "Mardi" } }

[[service]]
when = { column = "Repas", is = "oui" }
id = "{N°}-repas"
nom = { value = "Repas partagé" }
description = "Un repas à {Association}[, {Rue}], tous les midis."
publics = { column = "Pour qui", split = "/" }
commune = "Ville"
code_postal = "CP"
"""
WORDS: Final = {
    "date_maj": "Date de mise à jour à la source", "lien_source": "Adresse de la fiche à sa source",
    "code_insee": "Code de la commune à l’INSEE (suit de la commune)", "longitude": "Longitude",
    "latitude": "Latitude", "rna": "Numéro au registre des associations",
    "argumentaire_link": "Argumentaire : le lien entre l’offre et le projet",
    "argumentaire_participation": "Argumentaire : la part prise à la définition du projet",
    "argumentaire_added_value": "Argumentaire : la plus-value, en faits",
    "argumentaire_governance": "Argumentaire : la gouvernance",
}  # fmt: skip
"""What people call the fields that no form has under that name."""


def add(staff: Blueprint, frame: Frame) -> None:
    """`/importer/aide`."""

    @staff.get("/importer/aide")
    def mapping_help() -> Response:
        frame.visitor()
        both = [name for name in names("structure") if name in names("service")]
        groups = [("Une structure ou un service", both)]
        for kind, title in (("structure", "Une structure"), ("service", "Un service")):
            groups.append((title, [name for name in names(kind) if name not in both]))
        return frame.page(
            "mapping.html", sheet=SHEET, example=EXAMPLE, groups=groups, words=WORDS, transforms=TRANSFORMS.values()
        )


def names(kind: str) -> list[str]:
    """The fields of a kind that a mapping may say."""
    return [*FIELDS[kind], *OWN_FIELDS[kind]]
