"""Finding and reading a mapping file; every problem in it is told at once, with the line it stands on."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from services.directory.formats import toml_lines
from services.directory.formats.drafts import problem
from services.directory.formats.expressions import Expression
from services.directory.formats.ids import SOURCE_NAME
from services.directory.formats.mapping import Mapping, Part, Source
from services.directory.formats.mapping_faults import Faults, MappingRefused
from services.directory.formats.mapping_specs import condition_list, part
from services.directory.formats.tables import Layout
from services.kernel.errors import ValidationError

SHIPPED: Final = Path(__file__).parent / "mappings"
SLUG: Final = re.compile(SOURCE_NAME)
POLICIES: Final = ("hold", "publish")


def shipped() -> list[str]:
    """Names of the mappings that come with Maillage; they are names of formats."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load(name: str | Path) -> Mapping:
    """The shipped mapping of a name (`france-services`), or the mapping file at a path.

    Raises `ValidationError` with every problem found in the file, each with the line it stands on.
    """
    path = SHIPPED / f"{name}.toml" if str(name) in shipped() else Path(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        why = f"Le fichier de correspondance ne peut être lu ({error.strerror})."
        remedy = f"Donnez le chemin d'un fichier .toml, ou un nom livré : {', '.join(shipped())}."
        raise _refused(str(name), "mapping.unreadable", why, remedy) from error
    except UnicodeDecodeError as error:
        why, remedy = "Le fichier de correspondance n'est pas en UTF-8.", "Enregistrez-le en UTF-8."
        raise _refused(str(name), "mapping.encoding", why, remedy) from error
    return parse(path.name, text)


@lru_cache(maxsize=8)
def parse(name: str, text: str) -> Mapping:
    """A mapping from its text; `name` is that of its file, for people. Raises `ValidationError` as `load` does."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        why = f"Ce n'est pas du TOML : {error}."
        remedy = 'Un texte s\'écrit entre guillemets (nom = "Colonne"), une table entre accolades sur une seule ligne.'
        raise _refused(name, "mapping.toml", why, remedy, line) from error
    faults = Faults(toml_lines.lines_of(text))
    mapping = replace(_mapping(name, table, faults), digest=blake2b(text.encode(), digest_size=16).digest())
    if faults.problems:
        raise MappingRefused(mapping, faults.problems)
    return mapping


def _mapping(name: str, table: dict[str, Any], faults: Faults) -> Mapping:
    faults.known(table, (), ("version", "about", "source", "file", "rows", "structure", "service"))
    if table.get("version", 1) != 1:
        faults.wrong(("version",), table["version"], "mapping.version", "Cette version est inconnue.", "Écrivez 1.")
    rows = faults.table(table, "rows", ())
    faults.known(rows, ("rows",), ("when",))
    file = faults.table(table, "file", ())
    return Mapping(
        name=name,
        source=_source(faults.table(table, "source", ()), faults),
        parts=_parts(table, faults),
        layout=_layout(file, faults),
        about=faults.text(table, "about", ()),
        date=_date(file, faults),
        when=condition_list(rows.get("when"), ("rows", "when"), faults),
        lines=faults.lines,
    )


def _source(table: dict[str, Any], faults: Faults) -> Source:
    at: toml_lines.Path = ("source",)
    faults.known(table, at, ("name", "title", "licence", "attribution", "policy", "url"))
    texts = {key: faults.text(table, key, at) for key in ("name", "title", "licence", "attribution", "policy", "url")}
    if not SLUG.fullmatch(texts["name"]):
        why = "Le nom de la source manque." if not texts["name"] else "Ce nom de source ne convient pas."
        remedy = 'Des minuscules, chiffres et tirets : name = "ma-source", sous [source].'
        faults.wrong((*at, "name"), texts["name"], "mapping.source", why, remedy)
    texts["policy"] = texts["policy"] or "hold"
    if texts["policy"] not in POLICIES:
        why = "Une source est retenue (hold) ou publiée d'office (publish)."
        faults.wrong((*at, "policy"), texts["policy"], "mapping.policy", why, "Écrivez hold ou publish.")
    return Source(**texts)


def _layout(table: dict[str, Any], faults: Faults) -> Layout:
    at: toml_lines.Path = ("file",)
    faults.known(table, at, ("encoding", "separator", "sheet", "header_row", "date"))
    row = table.get("header_row")
    if row is not None and (not isinstance(row, int) or isinstance(row, bool) or not 1 <= row <= 1_048_576):
        faults.wrong((*at, "header_row"), row, "mapping.header_row", "Un numéro de ligne est attendu.", "Comptez de 1.")
        row = None
    separator = faults.text(table, "separator", at)
    if len(separator) > 1:
        why = "Un séparateur est un seul caractère."
        faults.wrong((*at, "separator"), separator, "mapping.separator", why, 'Par exemple ";" ou "\\t".')
        separator = ""
    encoding, sheet = faults.text(table, "encoding", at), faults.text(table, "sheet", at)
    return Layout(encoding or None, separator or None, sheet or None, row)


def _date(table: dict[str, Any], faults: Faults) -> str:
    date = table.get("date", "")
    text = date if isinstance(date, str) else str(date)  # TOML has dates of its own
    if text and not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            groups = Expression(text).groups
        except ValueError as error:
            groups, text = 0, f"{text} ({error})"
        if groups != 1:
            why = "Ni une date, ni une expression régulière avec un groupe."
            remedy = 'Par exemple "2024-08-01", ou "liste-(\\\\d{8})" pour la lire dans le nom du fichier.'
            faults.wrong(("file", "date"), text, "mapping.date", why, remedy)
            return ""
    return text


def _parts(table: dict[str, Any], faults: Faults) -> tuple[Part, ...]:
    parts = []
    if "structure" in table:
        parts.append(part("structure", faults.table(table, "structure", ()), ("structure",), faults, linked=False))
    services = table.get("service", [])
    if not isinstance(services, list):
        services = [services]  # `[service]` for a mapping with a single one
    for rank, service in enumerate(services):
        at: toml_lines.Path = ("service", rank) if isinstance(table["service"], list) else ("service",)
        inner = faults.is_table(service, at)
        parts.append(part("service", inner, at, faults, linked="structure" in table))
    if not parts:
        why, remedy = "La correspondance ne fait rien des lignes.", "Ajoutez une partie [structure] ou [[service]]."
        faults.wrong((), "", "mapping.empty", why, remedy)
    return tuple(parts)


def _refused(name: str, code: str, why: str, remedy: str, line: int | None = None) -> ValidationError:
    where = f"{name}, ligne {line}" if line else name
    return ValidationError(f"{where} : {why} {remedy}", [problem(line, "", name, code, why, remedy)])
