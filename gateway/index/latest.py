"""The view that a reader answers from, kept up with the folder without ever making a question wait for a rebuild."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from pathlib import Path

import structlog

from gateway.index import generation
from gateway.index.folder import Folder
from gateway.index.view import View
from services.kernel.errors import Unavailable

OPENED_AT_MOST = 5
FRESHNESS_READ_EVERY_S = 0.2
OLD_S = 1.0
"""After so long without a look, a new generation is waited for."""

log = structlog.get_logger(__name__)


class Latest:
    """Looks at the folder at most every `check_every_s`; takes up commits, and generations that were switched in."""

    def __init__(self, path: Path, check_every_s: float) -> None:
        self._folder = Folder(path)
        self._check_every_s = check_every_s
        self._checked_s = float("-inf")
        self._view: View | None = None
        self._moving = threading.Lock()
        self._opening: threading.Thread | None = None
        self._as_of: tuple[float, datetime | None] = (float("-inf"), None)

    def view(self) -> View:
        """The view brought up to the last commit, when the last look is old enough. Raises `Unavailable`."""
        now = time.monotonic()
        view = self._view
        if view and now - self._checked_s < self._check_every_s:
            return view
        with self._moving:
            for _ in range(OPENED_AT_MOST):
                try:
                    self._view = self._looked()
                except FileNotFoundError:
                    continue  # A rebuild was switched in between: look at what is current now.
                except generation.WrongFormat as error:
                    raise Unavailable("L'index de recherche doit être reconstruit (maillage rebuild).") from error
                self._checked_s = now
                return self._view
        raise Unavailable("L'index de recherche n'existe pas encore ; réessayez dans un instant.")

    def refresh(self) -> bool:
        """Look now, and wait for a generation being opened; true when there was something to take up."""
        before = self._view.version if self._view else None
        self._checked_s = float("-inf")
        self.view()
        opening = self._opening
        if opening:
            opening.join()
            self._checked_s = float("-inf")
        return self.view().version != before

    def as_of(self) -> datetime | None:
        """When the directory last answered; read from its file a few times a second at most."""
        now = time.monotonic()
        if now - self._as_of[0] > FRESHNESS_READ_EVERY_S:
            self._as_of = now, self._folder.as_of()
        return self._as_of[1]

    def _looked(self) -> View:
        path = self._folder.current()
        if path is None:
            raise FileNotFoundError(self._folder.root)
        if self._view is None:
            return View(path)
        if self._view.path != path and time.monotonic() - self._checked_s > OLD_S:
            # Nobody asked for a while: what the old generation says may have been erased since.
            return self._opened(path) or self._view
        try:
            if self._view.committed_since():
                self._view.refresh()
        except FileNotFoundError:
            if self._view.path == path:
                raise
        if self._view.path != path and self._opening is None:
            # Opening may take a second: until then, the old generation answers as it did.
            self._opening = threading.Thread(target=self._open, args=(path,), daemon=True)
            self._opening.start()
        return self._view

    def _open(self, path: Path) -> None:
        try:
            view = self._opened(path)
            with self._moving:
                self._view = view or self._view
        finally:
            self._opening = None

    @staticmethod
    def _opened(path: Path) -> View | None:
        try:
            return View(path)
        except (OSError, ValueError, generation.WrongFormat) as error:
            # Switched again in between, or of a newer program: the old generation goes on.
            log.warning("search.generation_not_opened", path=str(path), error=str(error))
            return None
