"""When bulk files are made: once a night, and again some minutes after a change. They are made by a process of their
own, gone when it is done: `python -m deploy.bulk DIR`.

The keeper lives beside the projector (the one process that there is once on every node), looks at the read model's
files now and then, and starts that process; it reads nothing itself.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from deploy.children import end_with_parent
from deploy.logs import configure
from gateway.bulk.making import make, seen_of
from gateway.bulk.shelf import Shelf
from gateway.index.folder import Folder
from services.kernel import clock
from services.kernel.errors import Conflict, MaillageError
from services.kernel.settings import Bulk, erased_mark, load

LOOK_EVERY_S = 5.0
FIRST_AFTER = timedelta(minutes=1)
"""A node that never made any makes its first ones so long after it starts: `pause_min` is long for an empty page."""
NICE = 10
_log = structlog.get_logger(__name__)


class Keeper:
    """Keeps the bulk files of one node current; `run` is its whole life."""

    def __init__(self, folder: Path, asked: Bulk, began_at: datetime | None = None) -> None:
        self._folder = folder
        self._asked = asked
        self._shelf = Shelf.of(folder)
        self._tried_at = began_at or clock.now()
        self._making: subprocess.Popen[bytes] | None = None

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set; a making under way is then given up, the files before it stay."""
        while not stop.wait(LOOK_EVERY_S):
            try:
                self.look(clock.now())
            except OSError as error:
                _log.warning("bulk.not_made", error=repr(error))
        if self._making and self._making.poll() is None:
            self._making.kill()
            self._making.wait()

    def look(self, now: datetime) -> bool:
        """Start making where it is time; whether it was. What may hold what was erased since goes at once."""
        if self._shelf.is_tainted():
            self._drop()
        if self._making and self._making.poll() is None:
            return False
        if not self.due(now):
            return False
        self._tried_at = now
        command = [sys.executable, "-m", "deploy.bulk", str(self._folder.resolve())]
        self._making = subprocess.Popen(command, preexec_fn=end_with_parent)
        return True

    def _drop(self) -> None:
        if self._making and self._making.poll() is None:
            self._making.kill()
            self._making.wait()
        with contextlib.suppress(Conflict), self._shelf.lock(wait=False):
            self._shelf.drop_all()

    def due(self, now: datetime) -> bool:
        """Whether it is time: the read model changed and the pause is over, or a night began since the last look."""
        seen = seen_of(self._folder / "index")
        if not seen or Folder(self._folder / "index").is_older(erased_mark(self._folder)):
            return False
        pause, state = timedelta(minutes=self._asked.pause_min), self._shelf.state()
        if state is None:
            return now - self._tried_at >= min(pause, FIRST_AFTER)
        checked_at, last_seen = state
        since = now - max(checked_at, self._tried_at)
        return (seen != last_seen and since >= pause) or (
            checked_at < _night(now, self._asked.hour) and since >= FIRST_AFTER
        )


def _night(now: datetime, hour: int) -> datetime:
    """The last time it was that hour, here."""
    local = now.astimezone()
    tonight = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return tonight if tonight <= local else tonight - timedelta(days=1)


def main() -> int:
    """Make the files of the node in the folder named, behind everything else that this machine has to do."""
    folder = Path(sys.argv[1])
    settings = load(folder)
    configure(settings.log)
    os.nice(NICE)
    try:
        made = make(folder, settings)
    except (MaillageError, OSError) as error:
        _log.warning("bulk.not_made", reason=str(error))
        return 1
    _log.info("bulk.current", structures=made["structures"], services=made["services"], made_at=made["made_at"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
