"""Files that somebody sent by a page, kept for an hour so that a form that comes back need not be sent its file again.

They lie in the machine's temporary folder, for this user alone, each under a name that only its page knows. A file that
was imported is dropped at once, one that lay there for an hour with the next or when the node starts, and all of them
when somebody objects to being named: any of them may name them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from werkzeug.datastructures import FileStorage
from werkzeug.utils import secure_filename

KEPT_S: Final = 3_600
NAME_CHARS, ENDING_CHARS = 100, 20
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def file_name(sent: FileStorage) -> str:
    """The name of a file as it may stand in a folder: no path, cut where it is longer than any folder takes."""
    name = Path(secure_filename(sent.filename or "") or "fichier")
    return name.stem[:NAME_CHARS] + name.suffix[:ENDING_CHARS]


class Tray:
    """Where they lie; all workers of a node's gateway share one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def of(cls, node: str) -> Tray:
        """That of the node of this name; what is too old in it goes."""
        made = cls(Path(tempfile.gettempdir()) / f"maillage-{os.getuid()}-sent-{node}")
        with contextlib.suppress(OSError):
            made.sweep()
        return made

    def keep(self, sent: FileStorage) -> str:
        """Take a file in; the key by which it is found again. Drops those whose hour is over."""
        self._mine()
        self.sweep()
        key = secrets.token_urlsafe(32)
        folder = self._root / key
        folder.mkdir(mode=0o700)
        sent.save(folder / file_name(sent))
        return key

    def find(self, key: str) -> Path | None:
        """The file of a key; None where its hour is over."""
        folder = self._root / key
        if not _KEY.fullmatch(key) or not folder.is_dir():
            return None
        return next(folder.iterdir(), None)

    def drop(self, key: str) -> None:
        """Remove a file that is needed no more."""
        if _KEY.fullmatch(key):
            shutil.rmtree(self._root / key, ignore_errors=True)

    def _mine(self) -> None:
        """Raises `PermissionError` where somebody else of this machine made the folder."""
        self._root.mkdir(mode=0o700, exist_ok=True)
        found = self._root.lstat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077 or self._root.is_symlink():
            raise PermissionError(f"{self._root} is not ours alone")

    def sweep(self, kept_s: float = KEPT_S) -> None:
        """Drop what lies there for longer."""
        now = time.time()
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            with contextlib.suppress(FileNotFoundError):
                if folder.stat().st_mtime <= now - kept_s:
                    shutil.rmtree(folder, ignore_errors=True)
