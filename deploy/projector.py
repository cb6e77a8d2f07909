"""The projector as a process of its own: the one writer of the read model on a node with a broker."""

from __future__ import annotations

import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from deploy.bulk import Keeper
from deploy.folder import use_points
from deploy.logs import configure
from gateway.projection import FEED, Projector
from gateway.rpc import RpcClient, connector
from services.kernel.errors import MaillageError
from services.kernel.settings import erased_mark, load
from services.kernel.wakeup import follow

_log = structlog.get_logger(__name__)


def main() -> int:
    """Run until SIGTERM or SIGINT: `python -m deploy.projector DIR [--rebuild]`."""
    folder = Path(sys.argv[1])
    settings = load(folder)
    configure(settings.log)
    use_points(folder)
    stop = threading.Event()
    calls = RpcClient(connector(settings.broker.url), size=2)
    projector = Projector(folder / "index", partial(fetch, calls), erased=erased_mark(folder))

    if "--rebuild" in sys.argv:
        print(projector.rebuild())
        projector.close()
        return 0

    def tell(*_: object) -> None:
        stop.set()
        projector.wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    wake = threading.Thread(
        target=follow, args=(connector(settings.broker.url), FEED, projector.wake, stop), daemon=True
    )
    wake.start()
    if settings.bulk.enabled:
        threading.Thread(target=Keeper(folder, settings.bulk).run, args=(stop,), daemon=True).start()
    try:
        projector.run(stop)
    except MaillageError as error:
        _log.error("projector stopped", reason=str(error))
        return 1
    finally:
        projector.close()
    return 0


def fetch(calls: RpcClient, after: int, limit: int) -> dict[str, Any]:
    """A page of the directory's feed, as the projector asks for it."""
    page: dict[str, Any] = calls.call("directory", "changes", {"after": after, "limit": limit}, repeatable=True)
    return page


if __name__ == "__main__":
    sys.exit(main())
