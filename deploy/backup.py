"""A node into one file, and back: `maillage backup DIR FILE`, `maillage restore FILE DIR`.

**Consistent while the node runs.** PostgreSQL is dumped in one snapshot. SQLite has a file a room: their snapshots are
opened one right after the other, who follows before who is followed, so that no cursor stands above the stream that
it reads. What is made from the rest (index, bulk files) stays out, and is made anew after a restore.

**A restore begins a new epoch in every stream** (`docs/federation.md`): others may hold later events than the file
does, and a file may be put back twice. The epoch is the minute of the restore, so that two never open the same.

**A restore that was cut off is finished by the next command.** Its files are unpacked beside the data; from when they
are whole, and have the name `UNFINISHED`, each further step may be done twice.
"""

from __future__ import annotations

import os
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
from services.kernel.verify import Proof, verify_room
from services.kernel.witness import Mark, Witness

UNFINISHED, BEGUN, DONE = ".restoring", ".restoring-", ".restoring-done"
"""In the node's folder, of a restore: what is whole and goes to its place, what is not whole yet, what is left over."""
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
    finish_restore(folder)
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
    with _stopped(folder):
        with tempfile.TemporaryDirectory(dir=folder, prefix=BEGUN) as beside:
            whole = Path(beside) / "whole"
            archive.unpack(file, said, whole)
            _must_be_of_its_kind(settings.load(folder if is_known else whole).database.url, said)
            for name in said.files if is_known else ():
                if not name.startswith("data/"):
                    (whole / name).unlink()
            (whole / "data").mkdir(exist_ok=True)  # a node that never ran has none
            os.sync()
            whole.rename(folder / UNFINISHED)
        try:
            _put(folder)
        except BaseException:
            shutil.rmtree(folder / UNFINISHED)
            raise
    return said


def finish_restore(folder: Path) -> bool:
    """Finish the restore that was cut off in a node's folder, if one was: whether it was. What was not whole goes.

    Nothing is done while somebody holds the folder: a restore that goes on, or a node. Raises `OSError`, `Unavailable`
    where it cannot be finished yet; the next command then tries again.
    """
    if not any(folder.glob(f"{UNFINISHED}*")):
        return False
    with suppress(Busy), FolderLock(folder):
        for begun in folder.glob(f"{BEGUN}*"):
            if begun.name != DONE and (begun / "before").exists():  # cut off under a release that had no later steps
                shutil.rmtree(folder / "data", ignore_errors=True)
                (begun / "before").rename(folder / "data")
            shutil.rmtree(begun)
        if (folder / UNFINISHED).exists():
            _put(folder, again=True)
            return True
    return False


def prove(file: Path) -> list[Proof]:
    """What a backup's own logs prove, room by room, as `verify` does; of PostgreSQL's dump its sum alone.

    Raises `ValidationError` where the file is not what was written, `OSError`.
    """
    said = archive.read(file)
    proofs: list[Proof] = []
    with tempfile.TemporaryDirectory(prefix="maillage-") as beside:
        unpacked = Path(beside)
        archive.unpack(file, said, unpacked)
        keyring = identity.load(unpacked).all_keys()
        for room in ROOMS:
            if f"data/{room}.sqlite3" in said.files:
                database = Database(f"sqlite:///{unpacked}/data/{room}.sqlite3", room)
                with closing(database), database.read() as session:
                    proofs += verify_room(session, f"{said.node}/{room}", keyring)
    return proofs


@contextmanager
def _stopped(folder: Path) -> Iterator[None]:
    """The folder held, so that no node starts in it. Raises `Conflict` where one runs."""
    with ExitStack() as held:
        try:
            held.enter_context(FolderLock(folder))
        except Busy as busy:
            raise Conflict(str(busy)) from None
        yield


def _must_be_of_its_kind(url: str, said: Backup) -> None:
    if _kind(url) != said.database:
        raise Conflict(in_words(
            f"La sauvegarde est de {said.database}, [database] url de {_kind(url)} : corrigez {settings.FILE}.",
            f"The backup is of {said.database}, [database] url of {_kind(url)}: mend {settings.FILE}.",
        ))  # fmt: skip


def _put(folder: Path, *, again: bool = False) -> None:
    """What was unpacked, into its place. `again`: some of it may be there already."""
    unpacked = folder / UNFINISHED
    own = sorted(path.relative_to(unpacked) for each in OWN for path in unpacked.glob(each))
    url = settings.load(unpacked if Path(settings.FILE) in own else folder).database.url
    with replaced(url, ROOMS, unpacked / DUMP, again=again) if url else _data(unpacked, folder):
        for name in own:
            (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
            (unpacked / name).rename(folder / name)
        for made in MADE:
            shutil.rmtree(folder / made, ignore_errors=True)
        prepare_folder(folder)
        _open_epochs(folder, url)
    shutil.rmtree(unpacked.rename(folder / DONE))


@contextmanager
def _data(unpacked: Path, folder: Path) -> Iterator[None]:
    """The data of the backup in the place of what is there; what was there comes back where the block fails."""
    before, new, data = unpacked / "before", unpacked / "data", folder / "data"
    if new.exists():  # else it is in its place
        if before.exists():
            shutil.rmtree(data, ignore_errors=True)
        elif data.exists():
            data.rename(before)
        new.rename(data)
    try:
        yield
    except BaseException:
        data.rename(new)
        if before.exists():
            before.rename(data)
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
