"""A first mapping for a spreadsheet, guessed from the names of its columns: to be read over, not to be trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from services.directory.formats import sniff, tables, transforms
from services.directory.formats.tables import key_of

# How people name the columns of a list of associations, as `key_of` writes it; the first that a table has is taken.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "identifiant", "n", "no", "numero", "num", "reference", "ref", "code"),
    "nom": ("nom", "nomdelastructure", "structure", "association", "organisme", "raisonsociale", "denomination",
            "etablissement", "libelle", "intitule", "name"),
    "description": ("description", "descriptif", "presentation", "objet", "activites", "activite", "missions"),
    "siret": ("siret", "nsiret", "numerosiret"),
    "rna": ("rna", "nrna", "numerorna", "waldec"),
    "adresse": ("adresse", "adressepostale", "adresse1", "rue", "voie", "address"),
    "complement_adresse": ("complementadresse", "complementdadresse", "complement", "adresse2"),
    "code_postal": ("codepostal", "cp", "postal", "postcode"),
    "commune": ("commune", "ville", "localite", "city"),
    "code_insee": ("codeinsee", "insee", "codecommune", "citycode"),
    "latitude": ("latitude", "lat", "y"),
    "longitude": ("longitude", "lon", "lng", "long", "x"),
    "telephone": ("telephone", "tel", "numerodetelephone", "telephonefixe", "fixe", "portable", "mobile", "phone"),
    "courriel": ("courriel", "email", "mail", "adressemail", "adresseemail", "mel", "contactemail"),
    "site_web": ("siteweb", "site", "siteinternet", "web", "url", "lien", "website"),
    "horaires_accueil": ("horairesaccueil", "horaires", "horairesdouverture", "ouverture", "permanences"),
    "date_maj": ("datemaj", "maj", "miseajour", "datedemiseajour", "dernieremiseajour"),
    "ess": ("ess", "essouinon", "deless", "structureess", "appartenanceess", "economiesocialeetsolidaire"),
    "legal_form": ("legalform", "formejuridique", "statutjuridique", "categoriejuridique", "naturejuridique", "statut"),
    "languages": ("languages", "langues", "langue", "languesparlees", "languesdaccueil", "language"),
    "argumentaire_link": ("argumentairelink", "lienoffreprojet", "lienentreloffreetleprojet", "projet",
                          "projetassociatif", "projetsocial"),
    "argumentaire_participation": ("argumentaireparticipation", "participation", "implicationdespersonnes",
                                   "participationdespersonnes", "participationdeshabitants", "placedespersonnes"),
    "argumentaire_added_value": ("argumentaireaddedvalue", "plusvalue", "plusvalueess", "plusvaluesociale",
                                 "valeurajoutee", "utilitesociale"),
    "argumentaire_governance": ("argumentairegovernance", "gouvernance", "modedegouvernance", "governance"),
}  # fmt: skip
_DAYS: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


def sketch(path: Path, source: str = "", by_page: bool = False) -> str:
    """The text of a mapping file for a table, with the columns it could not place as a comment at its end.

    Args:
        source: the name of its source, where somebody said it already.
        by_page: leave out what only the command line follows (`policy`).
    Raises `ValidationError` when the file is no table that can be read.
    """
    expected = {name for names in _NAMES.values() for name in names}
    columns = tables.open_table(path, sniff.nature(path), expected).origin.columns
    name = source or transforms.parse("slug")(path.stem) or "ma-source"
    return "\n".join(_lines(path, columns, name, by_page)) + "\n"


def _lines(path: Path, columns: Sequence[str], source: str, by_page: bool) -> Iterator[str]:
    found, week = _found(columns), _week(columns)
    yield f"# Ébauche faite d'après les colonnes de {path.name} : relisez-la, complétez-la, effacez ces lignes."
    yield "# Tout ce qu'elle peut dire est dans docs/mapping.md."
    yield "version = 1"
    yield ""
    yield "[source]"
    yield f"name = {_quoted(source)}  # ne changera plus"
    yield 'licence = ""'
    yield 'attribution = ""'
    if not by_page:
        yield "policy = \"hold\"  # retenu jusqu'à relecture ; publish pour publier d'office"
    yield ""
    yield "[structure]"
    yield from _identity(found, columns)
    for name, column in found.items():
        if name not in ("id", "nom"):
            yield f"{name} = {_quoted(column)}"
    if week and "horaires_accueil" not in found:
        days = ", ".join(f"{day} = {_quoted(column)}" for day, column in week.items())
        yield f"horaires_accueil = {{ week = {{ {days} }} }}"
    unused = [column for column in columns if column not in (*found.values(), *week.values())]
    yield ""
    yield "# Si chaque ligne dit aussi un service, effacez les dièses et complétez (valeurs : docs/values.md) :"
    yield "# [[service]]"
    yield from (f"# {line}" for line in _service(found))
    if unused:
        yield ""
        yield f"# Colonnes que personne ne lit : {', '.join(unused)}"


def _identity(found: Mapping[str, str], columns: Sequence[str]) -> Iterator[str]:
    others = [column for column in columns if column not in found.values()]
    name = found.get("nom") or (others or columns)[0]
    if "id" in found:
        yield f"id = {_quoted(found['id'])}"
    else:
        parts = [name, *(found[part] for part in ("commune",) if part in found)]
        template = "-".join(f"{{{part}}}" for part in parts)
        yield "# Sans colonne d'identifiant, le nom en tient lieu : le changer fera une autre fiche."
        yield f'id = {{ template = {_quoted(template)}, transform = "slug" }}'
    yield f"nom = {_quoted(name)}"


def _service(found: Mapping[str, str]) -> Iterator[str]:
    own = found.get("id") or found.get("nom") or "Nom"
    yield f'id = {{ template = {_quoted(f"{{{own}}}-service")}, transform = "slug" }}'
    yield 'nom = { value = "Le nom du service, ou une colonne" }'
    yield 'thematiques = { value = ["numerique--acceder-a-des-services-en-ligne"] }'
    yield from (
        f"{name} = {_quoted(found[name])}" for name in ("commune", "code_postal", "code_insee") if name in found
    )


def _found(columns: Sequence[str]) -> dict[str, str]:
    """Columns by field: those named as a field is, then those whose first word is (`Nom de l'atelier`)."""
    found = _named({key_of(column): column for column in reversed(columns)}, _NAMES)
    left = [column for column in columns if column.split() and column not in found.values()]
    by_word = {key_of(column.split()[0]): column for column in reversed(left)}
    missing = {name: [key for key in keys if len(key) > 2] for name, keys in _NAMES.items() if name not in found}
    return found | _named(by_word, missing)


def _named(columns: Mapping[str, str], names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    firsts = ((name, next((key for key in keys if key in columns), None)) for name, keys in names.items())
    return {name: columns[key] for name, key in firsts if key is not None}


def _week(columns: Sequence[str]) -> dict[str, str]:
    """A column for each of at least three days."""
    week = {day: column for day in _DAYS for column in columns if day in key_of(column)}
    return week if len(week) >= 3 else {}


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
