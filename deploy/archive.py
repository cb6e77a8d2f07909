"""A node in one file: a packed tar, readable by its owner alone, since it holds the node's key.

`manifest.json` comes last and names every other member with its SHA-256. Only members that a node has are read back,
and only to their own place: a file from elsewhere writes nowhere else.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from deploy.words import in_words
from services.kernel import settings
from services.kernel.errors import ValidationError

FORM = "maillage/backup/1"
MANIFEST, DUMP = "manifest.json", "data/postgresql.dump"
OWN = (settings.FILE, "points.csv", "secrets/*", "witness/*.json")
"""What a node's folder holds beside its data, as patterns."""
MEMBERS = (*OWN, DUMP, "data/*.sqlite3")
PIECE = 1 << 20


@dataclass(frozen=True)
class Backup:
    """What a file says that it holds. `files`: member → SHA-256, hexadecimal."""

    node: str
    id: str
    made_at: str
    release: str
    database: str
    files: dict[str, str]


def write(file: Path, members: Mapping[str, Path], said: Mapping[str, str]) -> Backup:
    """Write the members, then what is said of them; whole or not at all. Raises `OSError`."""
    partial = file.with_name(f"{file.name}.partial")
    try:
        with for_owner(partial) as raw, tarfile.open(fileobj=raw, mode="w:gz") as packed:
            made = Backup(**said, files={name: _add(packed, name, path) for name, path in members.items()})
            manifest = orjson.dumps({"form": FORM} | vars(made))
            packed.addfile(_info(MANIFEST, len(manifest)), io.BytesIO(manifest))
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    return made


def read(file: Path) -> Backup:
    """What a backup says, after every member was read and compared. Raises `ValidationError`, `OSError`."""
    with _opened(file) as packed:
        sums = {member.name: _sum(packed, member) for member in packed if member.isfile()}
        sums.pop(MANIFEST, None)
        said = _manifest(packed)
    named = ", ".join(sorted(name for name in said.files.keys() | sums if said.files.get(name) != sums.get(name)))
    if named:
        raise _broken(file, f"{named} : pas ce qui a été écrit", f"{named}: not what was written")
    strange = ", ".join(name for name in said.files if not _is_ours(name))
    if strange:
        raise _broken(file, f"{strange} n’a rien à faire là", f"{strange} does not belong there")
    return said


def unpack(file: Path, said: Backup, into: Path) -> None:
    """Write the members that `read` found where they belong."""
    with _opened(file) as packed:
        for name in said.files:
            path = into / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with for_owner(path) as target:
                shutil.copyfileobj(_member(packed, name), target, PIECE)


def for_owner(path: Path) -> BinaryIO:
    """A new file that nobody else may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


class _Summed:
    """A file that is read once, and its sum on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum = hashlib.sha256()

    def read(self, size: int) -> bytes:
        piece = self._file.read(size)
        self.sum.update(piece)
        return piece


def _add(packed: tarfile.TarFile, name: str, path: Path) -> str:
    with path.open("rb") as file:
        summed = _Summed(file)
        packed.addfile(_info(name, os.fstat(file.fileno()).st_size), summed)  # type: ignore[arg-type]  # it reads, no more
    return summed.sum.hexdigest()


def _info(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode, member.size = 0o600, size
    return member


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:gz") as packed:
            yield packed
    except KeyError:
        raise _broken(file, "ce n’est pas une sauvegarde de Maillage", "not a backup of Maillage") from None
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _broken(file, "illisible ou coupé", "unreadable or cut off") from None


def _manifest(packed: tarfile.TarFile) -> Backup:
    try:
        said: dict[str, Any] = orjson.loads(_member(packed, MANIFEST).read(PIECE))
        if said.pop("form") != FORM:
            raise KeyError(FORM)
        return Backup(**said)
    except (TypeError, orjson.JSONDecodeError):
        raise KeyError(FORM) from None


def _member(packed: tarfile.TarFile, name: str) -> Any:
    file = packed.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file


def _sum(packed: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    found, file = hashlib.sha256(), packed.extractfile(member)
    while file and (piece := file.read(PIECE)):
        found.update(piece)
    return found.hexdigest()


def _is_ours(name: str) -> bool:
    path = Path(name)
    return ".." not in path.parts and any(path.match(each) and name.count("/") == each.count("/") for each in MEMBERS)


def _broken(file: Path, fr: str, en: str) -> ValidationError:
    return ValidationError(in_words(
        f"{file} ne peut pas être remis ({fr}) : prenez une autre sauvegarde. Rien n’a été changé.",
        f"{file} cannot be restored ({en}): take another backup. Nothing was changed.",
    ))  # fmt: skip
