"""The tabular package of HSDS 3.1 in: its rows as the objects that the JSON form has, organizations first.

What stands in an object is put into it by its identifiers, however the package links it; what stands in nothing that
the package has is refused with its file and line, so that nothing is lost in silence. Terms, taxonomies, units and
descriptions of tables that nothing names are passed over.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson

from services.directory.formats import hsds_in
from services.directory.formats.candidate import Candidate
from services.directory.formats.drafts import Origin, Raw, problem
from services.directory.formats.hsds import SAID
from services.directory.formats.hsds_rows import VALUE_TERM
from services.directory.formats.hsds_tables import ANYWHERE, TABLES, name_in
from services.directory.formats.package_load import first_source, load
from services.directory.formats.package_zip import opened
from services.kernel.errors import Problem

SECTIONS: Final = {"organization": "organizations", "service": "services"}
OBJECTS_IN_ONE: Final = 20_000
"""How many objects may stand in one: rows that name each other could else grow without end."""
_PASSED_OVER: Final = ("taxonomy", "taxonomy_term", "unit", "meta_table_description")
_LABELS: Final = {
    "telephone": "phones.csv : number", "adresse": "addresses.csv : address_1", "commune": "addresses.csv : city",
    "code_postal": "addresses.csv : postal_code", "code_insee": "locations.csv : external_identifier",
    "latitude": "locations.csv : latitude", "longitude": "locations.csv : longitude",
    "siret": "organization_identifiers.csv : identifier", "zone_eligibilite": "service_areas.csv : extent",
    "contact_nom_prenom": "contacts.csv : name", "languages": "languages.csv : code",
    "horaires_accueil": "schedules.csv : byday", "legal_form": "organizations.csv : legal_status",
}  # fmt: skip
Object = dict[str, Any]


def source_of(path: Path) -> str:
    """The source that a package says its records are of; empty where it says none. Raises `ValidationError`."""
    with opened(path) as package:
        return first_source(package)


def rows(path: Path) -> Iterator[Raw]:
    """Organizations, then services, then what stands in none. Raises `ValidationError` for what cannot be read."""
    with (
        tempfile.TemporaryDirectory(prefix="maillage-") as folder,
        closing(sqlite3.connect(Path(folder) / "rows", isolation_level=None)) as db,
    ):
        with opened(path) as package:
            load(package, db)
            others = package.others
        for rank, raw in enumerate(_Objects(path, db).all()):
            raw.notes += [_unread(path, name) for name in others] if rank == 0 else []
            yield raw


def candidates(raw: Raw, source: str | None) -> Iterator[Candidate]:
    """The records that a row of `rows` makes, each field with the file and column where people will look for it."""
    if raw.faults or not isinstance(raw.values, dict) or raw.origin.section not in SECTIONS.values():
        return
    for made in hsds_in.candidates(raw.values, source):
        file = TABLES["organization" if made.kind == "structure" else "service"].file
        made.labels = _LABELS | {field: f"{file} : {column}" for field, column in SAID[made.kind].items()}
        yield made


class _Objects:
    """Puts rows together."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self._db = db
        self._origins = {name: Origin(path, "json", section=SECTIONS.get(name, name)) for name in TABLES}
        self._parents = {tab for (tab,) in db.execute("SELECT DISTINCT parent_tab FROM link")}
        (self._count,) = db.execute("SELECT coalesce(max(n), 0) FROM row").fetchone()
        self._met = bytearray(self._count + 1)  # a byte a row
        self._left = 0
        self._notes: list[Problem] = []

    def all(self) -> Iterator[Raw]:
        """Every object, then every row that is in none."""
        for name in SECTIONS:
            for number, line, said, beyond, told in self._db.execute(
                "SELECT n, line, said, beyond, told FROM row WHERE tab = ? ORDER BY n", (name,)
            ):
                self._left, self._notes = OBJECTS_IN_ONE, []
                row = (number, said, beyond, told)
                values = self._object(name, row, ())
                faults = orjson.loads(told)[0] if told else []
                faults += [_boundless(line, TABLES[name].file, values)] if self._left < 0 else []
                yield Raw(
                    self._origins[name], values, line, TABLES[name].file, number / self._count, faults, self._notes
                )
        yield from self._lost()

    def _object(self, table: str, row: tuple[int, bytes, bytes | None, bytes | None], path: tuple[int, ...]) -> Object:
        """An object with all that stands in it; `path`: the rows it stands in itself."""
        number, raw, beyond_raw, told = row
        self._met[number] = 1
        self._left -= 1
        said: Object = orjson.loads(raw)
        beyond = orjson.loads(beyond_raw) if beyond_raw else {}
        self._notes += orjson.loads(told)[1] if told else []
        inside: Object = {}
        if number not in path and self._left >= 0:
            inside = self._named(table, said, beyond, (*path, number)) | self._nested(table, said, (*path, number))
        if said.get("taxonomy_term_id") == VALUE_TERM:
            del said["taxonomy_term_id"]
            inside.pop("taxonomy_term", None)
        for column in beyond.get("added", ()):
            said.pop(column, None)
        whole: Object = inside | said | beyond.get("values", {})
        return whole

    def _named(self, table: str, said: Object, beyond: Object, path: tuple[int, ...]) -> Object:
        """The things that an object names by a column."""
        found: Object = {}
        for name, column in TABLES[table].names.items():
            if column not in said or name in beyond.get("bare", ()):
                continue
            to = TABLES[table].refers[column]
            row = self._db.execute(
                "SELECT n, said, beyond, told FROM row WHERE tab = ? AND id = ?", (to, said[column])
            ).fetchone()
            if row is not None and row[0] not in path:
                found[name] = self._object(to, row, path)
        return found

    def _nested(self, table: str, said: Object, path: tuple[int, ...]) -> Object:
        """The lists of things that say they stand in an object."""
        if "id" not in said or (table not in self._parents and "" not in self._parents):
            return {}
        found: Object = {}
        for tab, *row in self._db.execute(
            "SELECT tab, row.n, said, beyond, told FROM link JOIN row USING (n) "
            "WHERE parent = ? AND parent_tab IN (?, '') ORDER BY row.n", (said["id"], table),
        ).fetchall():  # fmt: skip
            if row[0] not in path and self._left >= 0:
                name = ANYWHERE[tab][0] if tab in ANYWHERE else name_in(tab, table)
                found.setdefault(name, []).append(self._object(tab, (row[0], row[1], row[2], row[3]), path))
        return found

    def _lost(self) -> Iterator[Raw]:
        """Rows that are in no object."""
        for number, table, line, said, told in self._db.execute("SELECT n, tab, line, said, told FROM row ORDER BY n"):
            if self._met[number] or table in _PASSED_OVER:
                continue
            values, file = orjson.loads(said), TABLES[table].file
            faults = (orjson.loads(told)[0] if told else []) or [_orphan(line, table, values)]
            yield Raw(self._origins[table], values, line, file, 1.0, faults)


def _orphan(line: int, table: str, values: Object) -> Problem:
    columns = [ANYWHERE[table][1]] if table in ANYWHERE else [*TABLES[table].within]
    said = ", ".join(str(values[column]) for column in columns if column in values)
    why = "Cette ligne ne se rattache à rien que ce paquet contienne."
    remedy = f"Donnez dans {', '.join(columns)} l'identifiant d'une ligne qui y est." if columns else "Rattachez-la."
    if table == "location":
        remedy = "Donnez organization_id, ou nommez ce lieu dans service_at_location.csv."
    at = next((column for column in columns if column in values), columns[0] if columns else "id")
    return problem(line, f"{TABLES[table].file} : {at}", said, "hsds.orphan", why, remedy)


def _boundless(line: int, file: str, values: Object) -> Problem:
    why = f"Plus de {OBJECTS_IN_ONE} lignes des autres tables se rattachent à celle-ci."
    return problem(line, f"{file} : id", values.get("id"), "hsds.size", why, "Partagez-la, ou corrigez les liens.")


def _unread(path: Path, name: str) -> Problem:
    why = "Ce fichier du paquet n'est pas une table de HSDS 3.1 : il n'est pas lu."
    return problem(None, f"{path.name} : {name}", name, "zip.unread", why, "Gardez-le à part s'il vous est utile.")
