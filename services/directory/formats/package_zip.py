"""The zip of a tabular package of HSDS: which of its files are tables, and no harm in any of them.

Nothing is unpacked by the names that the archive says: files are read where they are. An archive whose names leave
their folder, that is encrypted, or that would swell beyond all measure, is refused all the same.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import orjson

from services.directory.formats.drafts import problem
from services.directory.formats.hsds_tables import FILES, TABLES, Table
from services.kernel.errors import ValidationError

DESCRIPTION: Final = "datapackage.json"
UNPACKED_BYTES: Final = 2 << 30
"""The most that all files of an archive may hold: some five times a directory of 100,000 services."""
ENTRIES: Final = 1_000
_DESCRIPTION_BYTES: Final = 4 << 20
_MAIN: Final = ("organization", "service")


@dataclass(frozen=True)
class Entry:
    """A table's file in an archive: its name there, and how it is written where the description says it."""

    table: Table
    info: zipfile.ZipInfo
    encoding: str | None
    separator: str | None

    @property
    def name(self) -> str:
        """For people."""
        return PurePosixPath(self.info.filename).name


@dataclass(frozen=True)
class Package:
    """An open archive: its tables in the standard's order, and its other files, which nobody reads."""

    archive: zipfile.ZipFile
    entries: list[Entry]
    others: list[str]


def looks_like_one(names: Iterable[str]) -> bool:
    """Whether files of these names are a tabular package: its description, or the standard's own two tables."""
    short = {PurePosixPath(name).name.lower() for name in names}
    return DESCRIPTION in short or {TABLES[name].file for name in _MAIN} <= short


@contextmanager
def opened(path: Path) -> Iterator[Package]:
    """Open a package. Raises `ValidationError` for one that is broken, dangerous, or has no table of HSDS."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            _check(path, archive.infolist())
            files = [info for info in infos if not info.filename.startswith("__MACOSX/")]
            yield _package(path, archive, files)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, OSError) as error:
        raise refused(
            path.name, "file.broken", f"L'archive est abîmée ou incomplète ({error}).", "Faites-la de nouveau."
        ) from error


def _check(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    for info in infos:
        name = info.filename.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or ":" in name:
            why = f"Le nom « {info.filename} » sort du dossier de l'archive."
            raise refused(
                path.name, "zip.path", why, "N'ouvrez pas cette archive ; demandez-en une autre à son auteur."
            )
        if info.flag_bits & 1:
            raise refused(
                path.name, "zip.encrypted", f"{info.filename} est chiffré.", "Faites l'archive sans mot de passe."
            )
    size = sum(info.file_size for info in infos)
    if size > UNPACKED_BYTES or len(infos) > ENTRIES:
        why = f"L'archive contient {len(infos)} fichiers et {size >> 20} Mo une fois ouverte."
        remedy = f"Au plus {ENTRIES} fichiers et {UNPACKED_BYTES >> 20} Mo : importez-la en plusieurs fois."
        raise refused(path.name, "zip.size", why, remedy)


def _package(path: Path, archive: zipfile.ZipFile, files: list[zipfile.ZipInfo]) -> Package:
    described = dict(_described(archive, files))
    entries: dict[str, Entry] = {}
    others = []
    for info in files:
        short = PurePosixPath(info.filename).name.lower()
        name, said = described.get(short, ("", {}))
        table = TABLES.get(name) or FILES.get(short)
        if table is None:
            others += [info.filename] if short != DESCRIPTION else []
        elif table.name in entries:
            why = f"{info.filename} et {entries[table.name].info.filename} sont la même table."
            raise refused(path.name, "zip.twice", why, "Gardez l'un des deux.")
        else:
            dialect = said.get("dialect")
            separator = dialect.get("delimiter") if isinstance(dialect, dict) else None
            entries[table.name] = Entry(table, info, _word(said.get("encoding")), _word(separator))
    if not any(name in entries for name in _MAIN):
        why, remedy = "Aucune table d'organisations ni de services.", "Il faut organizations.csv ou services.csv."
        raise refused(path.name, "zip.tables", why, remedy)
    return Package(archive, [entries[name] for name in TABLES if name in entries], others)


def _described(
    archive: zipfile.ZipFile, files: list[zipfile.ZipInfo]
) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    """What the description says of files: their name → name of the table, resource. None where it cannot be read."""
    found = next((info for info in files if PurePosixPath(info.filename).name.lower() == DESCRIPTION), None)
    if found is None or found.file_size > _DESCRIPTION_BYTES:
        return
    try:
        said = orjson.loads(archive.read(found))
    except ValueError:
        return  # the names of the standard are known without it
    for each in said.get("resources") or () if isinstance(said, dict) else ():
        if isinstance(each, dict) and isinstance(each.get("path"), str) and isinstance(each.get("name"), str):
            yield PurePosixPath(each["path"]).name.lower(), (each["name"], each)


def _word(said: Any) -> str | None:
    return said if isinstance(said, str) and said else None


def refused(file: str, code: str, why: str, remedy: str, line: int | None = None) -> ValidationError:
    """A package, or a file of one, that cannot be read, as an error that says where."""
    where = f", ligne {line}" if line else ""
    return ValidationError(f"{file}{where} : {why} {remedy}", [problem(line, "", file, code, why, remedy)])
