"""The composition of one node: which rooms run in this process, and what they are given. The only wiring there is.

Embedded: all rooms, the gateway and the projector are green threads of one process, the broker is in it, commits run
in an executor. Node: one process per room (`maillage run`), RabbitMQ and PostgreSQL beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kombu.connection import Connection

from deploy.folder import use_points
from gateway.rpc import RpcClient, connector
from services.kernel import identity, local, wire  # noqa: F401 (wire: JSON on the broker)
from services.kernel.database import Executor, inline
from services.kernel.runtime import RUNTIME, Answers, Ask, Runtime
from services.kernel.settings import Settings, load

if TYPE_CHECKING:
    from nameko.containers import ServiceContainer


def _federation() -> type[Any]:
    from services.federation.service import FederationService

    return FederationService


def _directory() -> type[Any]:
    from services.directory.service import DirectoryService

    return DirectoryService


def _accounts() -> type[Any]:
    from services.accounts.service import AccountsService

    return AccountsService


ROOMS: dict[str, Callable[[], type[Any]]] = {
    "federation": _federation, "directory": _directory, "accounts": _accounts
}  # fmt: skip
"""Each is loaded by who runs it: with a process for each room, the others would be a quarter of its start."""
HEARTBEAT_S = 10
MAX_WORKERS = 20
ANSWERED_WITHIN_S = 2


def runtime(folder: Path, settings: Settings | None = None, executor: Executor = inline) -> Runtime:
    """What the rooms of the node in `folder` are given. Raises `FileNotFoundError`, `ValidationError`."""
    settings = settings or load(folder)
    use_points(folder)
    url = settings.broker.url or local.URL
    calls = RpcClient(connector(url))
    return Runtime(
        folder=folder,
        settings=settings,
        identity=identity.load(folder),
        executor=executor,
        connect=partial(_connect, url),
        ask=calls.call,
        hang_up=calls.close,
        answers=_answers(settings, calls.call),
    )


def _answers(settings: Settings, ask: Ask) -> Answers:
    """The gateway's own answers to other nodes, for a room that is asked by calls; made at the first question."""
    made: list[Answers] = []

    def answers(path: str, query: str, headers: Mapping[str, str], who: str) -> tuple[int, bytes]:
        if not made:
            from gateway.alone import Alone

            made.append(Alone(settings, ask))
        return made[0](path, query, headers, who)

    return answers


def _connect(url: str) -> Connection:
    options = {"write_timeout": HEARTBEAT_S, "read_timeout": None} if url.startswith(("amqp", "pyamqp")) else {}
    return Connection(url, heartbeat=HEARTBEAT_S, connect_timeout=5, transport_options=options)


def stop(given: Runtime, rooms: Sequence[ServiceContainer]) -> None:
    """End the rooms together; one that asks another which has ended already is not waited for as long as it would."""
    import eventlet

    stopping = [eventlet.spawn(room.stop) for room in rooms]
    with eventlet.Timeout(ANSWERED_WITHIN_S, False):
        for each in stopping:
            each.wait()
    given.hang_up()
    for each in stopping:
        each.wait()


def containers(given: Runtime, names: Sequence[str]) -> list[ServiceContainer]:
    """nameko containers of these rooms, not yet started."""
    from nameko.containers import ServiceContainer

    config = {
        "AMQP_URI": given.settings.broker.url or local.URL,
        "HEARTBEAT": HEARTBEAT_S,
        "max_workers": MAX_WORKERS,
        RUNTIME: given,
    }
    return [ServiceContainer(ROOMS[name](), config) for name in names]
