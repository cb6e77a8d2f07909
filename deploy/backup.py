"""A node into one file, and back: `maillage backup DIR FILE`, `maillage restore FILE DIR`.

**Consistent while the node runs.** PostgreSQL is dumped in one snapshot. SQLite has a file a room: their snapshots are
opened one right after the other, who follows before who is followed, so that no cursor stands above the stream that
it reads. What is made from the rest (index, bulk files) stays out, and is made anew after a restore.

**A restore begins a new epoch in every stream** (`docs/federation.md`): others may hold later events than the file
does, and a file may be put back twice. The epoch is the minute of the restore, so that two never open the same.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from deploy import archive
from deploy.archive import DUMP, OWN, Backup
from deploy.folder import ROOMS, Busy, FolderLock, prepare_folder
from deploy.postgres import dump, replaced
from deploy.words import in_words
from services.kernel import clock, identity, settings
from services.kernel.catchup import heads
from services.kernel.database import Database
from services.kernel.errors import Conflict, NotFound, ValidationError
from services.kernel.witness import Mark, Witness

MADE = ("index", "bulk")
"""Made anew from the data: of no use beside other data."""
EPOCHS_SINCE_S = 1_577_836_800
"""2020-01-01, UTC: the minutes since then are a restore's epoch."""
BUSY_S = 10


def back_up(folder: Path, file: Path) -> Backup:
    """Write the node in `folder` to `file`, whole or not at all; a node that runs goes on.

    Raises:
        NotFound: the folder is no node's. Conflict: the file exists already. Unavailable: PostgreSQL or its tools.
        OSError: the disk is full, or writing is refused.
    """
    if not (folder / settings.FILE).exists():
        raise NotFound(f"{folder} n’est pas le dossier d’un nœud : maillage init {folder} --id … --name …")
    if file.exists():
        raise Conflict(in_words(f"{file} existe déjà : rien n’a été écrit.", f"{file} exists: nothing was written."))
    loaded, own = settings.load(folder), identity.load(folder)
    said = {"node": own.name, "id": loaded.node.id, "made_at": clock.to_text(clock.now()),
            "release": version("maillage"), "database": _kind(loaded.database.url)}  # fmt: skip
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".maillage-") as beside:
        copied = _copied(folder, loaded.database.url, Path(beside))
        members = {str(path.relative_to(folder)): path for each in OWN for path in sorted(folder.glob(each))}
        return archive.write(file, members | copied, said)


def restore(file: Path, folder: Path) -> Backup:
    """Make the node in `folder` what it was when `file` was written, or leave it as it is.

    A folder that is this node's keeps its settings, its keys and its witness, which may be newer; a new one gets
    those of the file.

    Raises:
        ValidationError: the file is broken, or of a newer release.
        Conflict: the folder is another node's, or the node runs, or its database is of another kind.
        Unavailable: PostgreSQL or its tools.
    """
    said = archive.read(file)
    if _release(said.release) > _release(version("maillage")):
        raise ValidationError(in_words(
            f"{file} vient de Maillage {said.release} : installez cette version d’abord.",
            f"{file} is of Maillage {said.release}: install that release first.",
        ))  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    is_known = (folder / "secrets" / identity.FIRST).exists()
    if is_known and identity.load(folder).name != said.node:
        raise Conflict(in_words(
            f"{folder} est le dossier d’un autre nœud : donnez celui de « {said.id} », ou un dossier neuf.",
            f"{folder} is another node's folder: give that of “{said.id}”, or a new one.",
        ))  # fmt: skip
    with _stopped(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".restoring-") as beside:
        unpacked = Path(beside)
        archive.unpack(file, said, unpacked)
        _put(unpacked, folder, said, keep_own=is_known)
    return said


@contextmanager
def _stopped(folder: Path) -> Iterator[None]:
    """The folder held, so that no node starts in it. Raises `Conflict` where one runs."""
    with ExitStack() as held:
        try:
            held.enter_context(FolderLock(folder))
        except Busy as busy:
            raise Conflict(str(busy)) from None
        yield


def _put(unpacked: Path, folder: Path, said: Backup, *, keep_own: bool) -> None:
    url = settings.load(folder if keep_own else unpacked).database.url
    if _kind(url) != said.database:
        raise Conflict(in_words(
            f"La sauvegarde est de {said.database}, [database] url de {_kind(url)} : corrigez {settings.FILE}.",
            f"The backup is of {said.database}, [database] url of {_kind(url)}: mend {settings.FILE}.",
        ))  # fmt: skip
    with _data(unpacked, folder, url):
        own = [] if keep_own else [name for name in said.files if not name.startswith("data/")]
        for name in own:
            (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
            (unpacked / name).rename(folder / name)
        for made in MADE:
            shutil.rmtree(folder / made, ignore_errors=True)
        prepare_folder(folder)
        _open_epochs(folder, url)


@contextmanager
def _data(unpacked: Path, folder: Path, url: str) -> Iterator[None]:
    """The data of the backup in the place of what is there; what was there comes back where the block fails."""
    if url:
        with replaced(url, ROOMS, unpacked / DUMP):
            yield
        return
    before = unpacked / "before"
    with suppress(FileNotFoundError):
        (folder / "data").rename(before)
    (unpacked / "data").mkdir(exist_ok=True)  # a node that never ran has none
    try:
        (unpacked / "data").rename(folder / "data")
        yield
    except BaseException:
        shutil.rmtree(folder / "data", ignore_errors=True)
        if before.exists():
            before.rename(folder / "data")
        raise


def _open_epochs(folder: Path, url: str) -> None:
    """Have every stream begin a new epoch at the next start: the witness then tells of an event that never was."""
    minute = int(clock.now().timestamp() - EPOCHS_SINCE_S) // 60
    for room in ROOMS:
        file = folder / "data" / f"{room}.sqlite3"
        if not url and not file.exists():
            continue
        database = Database(url or f"sqlite:///{file}", room)
        with closing(database), database.read() as session:
            reached = {head.stream.partition("/")[2]: head for head in heads(session, room)}
        marks = {reach: Mark(max(head.epoch, minute - 1), head.seq, "restored") for reach, head in reached.items()}
        Witness(folder / "witness" / f"{room}.json").record(marks)


def _copied(folder: Path, url: str, beside: Path) -> dict[str, Path]:
    if url:
        dump(url, ROOMS, beside / "postgresql.dump")
        return {DUMP: beside / "postgresql.dump"}
    files = {room: folder / "data" / f"{room}.sqlite3" for room in ROOMS}
    with ExitStack() as held:
        moments = {room: held.enter_context(_moment(file)) for room, file in files.items() if file.exists()}
        for room, source in moments.items():
            with closing(sqlite3.connect(beside / f"{room}.sqlite3")) as target:
                source.backup(target)
    return {f"data/{room}.sqlite3": beside / f"{room}.sqlite3" for room in moments}


@contextmanager
def _moment(file: Path) -> Iterator[sqlite3.Connection]:
    """A database as it is now, whatever is written to it meanwhile."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=BUSY_S)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield connection


def _kind(url: str) -> str:
    return "PostgreSQL" if url else "SQLite"


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())
