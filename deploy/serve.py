"""Run a node, or one room of it, in this process: `python -m deploy.serve DIR [--only ROOM] [--port N] [--quiet]`.

The first thing done is eventlet's patching, before any other import of ours; that is why commands start this module
as a process of its own.
"""

import gc
import os
import warnings

gc.disable()  # until the node stands: loading makes nothing but what stays, and looking through it takes a sixth of it
warnings.filterwarnings("ignore", category=DeprecationWarning)
os.environ.setdefault("EVENTLET_HUB", "epolls")
os.environ.setdefault("PSYCOPG_WAIT_FUNC", "wait_selector")

import eventlet  # noqa: E402

eventlet.monkey_patch()

import argparse  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import structlog  # noqa: E402
from eventlet import tpool  # noqa: E402
from eventlet.event import Event  # noqa: E402

from deploy.embedded import Embedded  # noqa: E402
from deploy.folder import HELD, Busy, FolderLock, prepare_folder  # noqa: E402
from deploy.logs import configure  # noqa: E402
from deploy.node import ROOMS, containers, runtime, stop  # noqa: E402
from deploy.words import say  # noqa: E402
from services.kernel.errors import MaillageError  # noqa: E402
from services.kernel.runtime import Runtime  # noqa: E402
from services.kernel.settings import load  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. 0 after a clean stop, 1 with one sentence where it cannot run."""
    parser = argparse.ArgumentParser(prog="maillage")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=sorted(ROOMS))
    parser.add_argument("--port", type=int)
    parser.add_argument("--say-address", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="no gateway: for a command on a stopped node")
    asked = parser.parse_args(arguments)
    try:
        return _run(asked)
    except (Busy, MaillageError, OSError) as error:
        print(error, file=sys.stderr)
        return HELD if isinstance(error, Busy) and asked.quiet else 1


def _run(asked: argparse.Namespace) -> int:
    if asked.port:
        os.environ["MAILLAGE_HTTP_PORT"] = str(asked.port)  # for all that says where people reach this node
    settings = load(asked.folder)
    configure(settings.log, asked.quiet)
    prepare_folder(asked.folder)
    given = runtime(asked.folder, settings, tpool.execute)
    if asked.only:
        return _run_until_told(given, containers(given, [asked.only]))
    address = f"http://{settings.http.host}:{asked.port or settings.http.port}"
    with FolderLock(asked.folder, "" if asked.quiet else address):
        node = Embedded(given, asked.port, with_gateway=not asked.quiet)
        try:
            node.start()
            if asked.say_address:
                say(f"Prêt : {address} (Ctrl-C pour arrêter)", f"Ready: {address} (Ctrl-C to stop)")
            failed = _wait_for_signal(node.rooms)
        finally:
            (node.leave if asked.quiet else node.stop)()
    return 1 if failed else 0


def _run_until_told(given: Runtime, rooms: list[Any]) -> int:
    for room in rooms:
        room.start()
    failed = _wait_for_signal(rooms)
    stop(given, rooms)
    return 1 if failed else 0


def _wait_for_signal(rooms: Sequence[Any] = ()) -> bool:
    """Wait for SIGTERM, SIGINT or the death of a room; whether it was a death: another is then to be started."""
    told = Event()
    dead: list[Any] = []
    gc.collect()
    gc.freeze()  # what was loaded stays for life: walking over it again held up every answer for tens of milliseconds
    gc.enable()

    def tell(*_: object) -> None:
        if not told.ready():
            told.send()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: eventlet.spawn_n(tell))

    def watch(room: Any) -> None:
        try:
            room.wait()
        except Exception:
            dead.append(room)
            structlog.get_logger(__name__).exception("room died", room=room.service_name)
        tell()

    for room in rooms:
        eventlet.spawn_n(watch, room)
    told.wait()
    return bool(dead)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is committed and closed; eventlet's own unwinding would take three more seconds
