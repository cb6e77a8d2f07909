"""The fields of a record as a form shows them: their words in French, how they are filled, what may be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.pages.shown import GROUP_NAMES, phone
from services.directory.formats import argumentaire, hours, referentials, sectors
from services.directory.formats.groups import GROUPS
from services.directory.formats.own import OF_STRUCTURES
from services.directory.formats.vocabulary import FIELDS

LINE, TEXT, ONE, MANY, LINES = "line", "text", "one", "many", "lines"
ESS: Final = (("yes", "oui"), ("no", "non"), ("unknown", "on ne sait pas"))
HIDDEN: Final = frozenset({"code_insee", "longitude", "latitude", "lien_source", "argumentaire"})
"""Fields that follow from others, or have a form of their own."""


@dataclass(frozen=True)
class Field:
    """One field of a form. `values` names the list of what may be chosen."""

    name: str
    label: str
    widget: str = LINE
    hint: str = ""
    values: str = ""

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Values and labels to choose from."""
        if self.values == "ess":
            return list(ESS)
        if self.values == "sectors":
            return [(code, sectors.label(code, "fr")) for code in sectors.SECTORS]
        return [(value.value, value.label) for value in referentials.values(self.values)]


_ALL: Final = (
    Field("nom", "Nom"),
    Field("siret", "SIRET", hint="Quatorze chiffres."),
    Field("description", "Description", TEXT, "Ce qui est fait, et pour qui, en quelques phrases."),
    Field("ess", "De l’économie sociale et solidaire", ONE,
          "Si oui, la fiche n’est publique qu’avec son argumentaire.", values="ess"),
    Field("legal_form", "Forme juridique", hint="Code de l’INSEE à quatre chiffres ; 9220 : association déclarée."),
    Field("reseaux_porteurs", "Réseaux nationaux", MANY, values="reseaux_porteurs"),
    Field("memberships", "Réseaux et pôles", LINES,
          "Un par ligne : nom ; échelle (commune, EPCI, département, région, pays) ; code du territoire."),
    Field("adresse", "Adresse", hint="12 rue des Fleurs"),
    Field("complement_adresse", "Complément d’adresse"),
    Field("code_postal", "Code postal"),
    Field("commune", "Commune"),
    Field("telephone", "Téléphone"),
    Field("courriel", "Adresse électronique"),
    Field("site_web", "Site"),
    Field("contact_nom_prenom", "Personne à contacter"),
    Field("horaires_accueil", "Horaires d’accueil", TEXT, "Par exemple : lundi au vendredi 9h-12h et 14h-17h30."),
    Field("type", "Type de service", ONE, values="types_de_services"),
    Field("thematiques", "Thèmes", MANY, values="thematiques"),
    Field("publics", "Publics", MANY, values="publics"),
    Field("publics_precisions", "Publics, précisions", TEXT),
    Field("frais", "Frais", ONE, values="frais"),
    Field("frais_precisions", "Frais, précisions", TEXT),
    Field("volume_horaire_hebdomadaire", "Heures par semaine"),
    Field("nombre_semaines", "Nombre de semaines"),
    Field("sectors", "Secteurs", MANY, values="sectors"),
    Field("conditions_acces", "Conditions d’accès", TEXT),
    Field("modes_accueil", "Modes d’accueil", MANY, values="modes_accueil"),
    Field("zone_eligibilite", "Territoire servi", hint="Codes de communes, d’EPCI, de départements, ou france."),
    Field("lien_mobilisation", "Adresse où le demander"),
    Field("modes_mobilisation", "Comment le demander", MANY, values="modes_mobilisation"),
    Field("mobilisable_par", "Qui peut le demander", MANY, values="personne_mobilisatrice"),
    Field("mobilisation_precisions", "Demande, précisions", TEXT),
    Field("accessibilite_lieu", "Fiche d’accessibilité", hint="Adresse de la page d’acceslibre."),
    Field("accessibility", "Accessibilité", TEXT, "Ce qu’une personne handicapée trouve sur place."),
    Field("languages", "Langues parlées", hint="Codes à deux lettres : fr, ar, uk."),
    *(Field(f"argumentaire.{part.name}", part.label, TEXT) for part in argumentaire.PARTS),
)  # fmt: skip
BY_NAME: Final[Mapping[str, Field]] = {field.name: field for field in _ALL}


def label(name: str) -> str:
    """What people call a field."""
    return BY_NAME[name].label if name in BY_NAME else name


def of_group(kind: str, group: str) -> list[Field]:
    """The fields of a group that a record of this kind has, in the order of the form."""
    if group == "argumentaire":
        return [field for field in _ALL if field.name.startswith("argumentaire.")] if kind == "structure" else []
    known = {*FIELDS[kind], "sectors", "accessibility", "languages", *(OF_STRUCTURES if kind == "structure" else ())}
    return [BY_NAME[name] for name in _in_order(GROUPS[group]) if name in known]


def groups_of(kind: str) -> dict[str, str]:
    """The groups that a record of this kind has, with their French names."""
    return {group: name for group, name in GROUP_NAMES.items() if of_group(kind, group)}


def in_words(name: str, value: Any) -> str:
    """A value as people read it: in a history, beside a suggestion."""
    if value in (None, "", [], {}):
        return "—"
    field = BY_NAME.get(name)
    if name == "telephone":
        return phone(value)
    if name == "horaires_accueil":
        return " ; ".join(hours.to_french(value))
    if name == "memberships":
        return "; ".join(str(each.get("name")) for each in value)
    known = dict(field.choices) if field is not None and field.values else {}
    return ", ".join(known.get(each, each) for each in map(str, value if isinstance(value, list) else [value]))


def _in_order(names: tuple[str, ...]) -> list[str]:
    return [field.name for field in _ALL if field.name in names and field.name not in HIDDEN]
