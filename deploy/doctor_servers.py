"""What may be wrong with a node's database server and broker, each with its remedy: a part of `maillage doctor`.

Each is tried as the node uses it: who may come in and may not make what a node makes is told so here, not by a room
that does not start.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from deploy.findings import Finding
from services.kernel.settings import Settings

if TYPE_CHECKING:
    from kombu.connection import Connection

OLDEST_BROKER = (3, 10)
OLDEST_POSTGRES = 15
ACCESS_REFUSED, NOT_ALLOWED = 403, 530


def examine_database(folder: Path, loaded: Settings) -> Iterator[Finding]:
    """Whether PostgreSQL answers, is new enough, and lets the node make its tables; SQLite has its disk alone."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError

    if not loaded.database.url:
        yield Finding("base de données", True, "SQLite, dans le dossier du nœud")
        return
    engine = create_engine(loaded.database.url, connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            version = int(str(connection.execute(text("SHOW server_version_num")).scalar())) // 10_000
            may, user, name = connection.execute(text(
                "SELECT has_database_privilege(current_database(), 'CREATE'), current_user, current_database()"
            )).one()  # fmt: skip
        remedy = f"Installez PostgreSQL {OLDEST_POSTGRES} ou plus récent."
        yield Finding("base de données", version >= OLDEST_POSTGRES, f"PostgreSQL {version}", remedy)
        if not may:
            remedy = f'sudo -u postgres psql -c \'ALTER DATABASE "{name}" OWNER TO "{user}"\''
            yield Finding("base de données, droits", False, f"{user} ne peut rien créer dans {name}", remedy)
    except DBAPIError as error:
        detail = str(error.orig).splitlines()[0]
        yield Finding("base de données", False, detail, "Vérifiez [database] url, et que PostgreSQL tourne.")
    finally:
        engine.dispose()


def examine_broker(folder: Path, loaded: Settings) -> Iterator[Finding]:
    """Whether RabbitMQ lets the node in, is new enough, and takes and gives a message."""
    from kombu.connection import Connection

    from services.kernel.broker import BROKER_ERRORS, dial, hang_up

    if not loaded.broker.url:
        yield Finding("courtier", True, "intégré au nœud")
        return
    blocked: list[str] = []
    options = {"on_blocked": blocked.append}
    try:
        connection = dial(lambda: Connection(loaded.broker.url, connect_timeout=5, transport_options=options))
    except BROKER_ERRORS as error:
        yield Finding("courtier", False, type(error).__name__, _why_no_broker(loaded.broker.url, error))
        return
    try:
        version = str(connection.connection.server_properties.get("version", "?"))
        new_enough = tuple(map(int, version.split(".")[:2])) >= OLDEST_BROKER
        yield Finding("courtier", new_enough, f"RabbitMQ {version}", "Installez RabbitMQ 3.10 ou plus récent.")
        yield from _carries(connection, loaded.broker.url, blocked)
    finally:
        hang_up(connection)


def _carries(connection: Connection, url: str, blocked: list[str]) -> Iterator[Finding]:
    """Send a message through a queue that goes with the connection."""
    from services.kernel.broker import BROKER_ERRORS

    user, vhost = _who_and_where(url)
    try:
        channel: Any = connection.channel()
        queue = f"maillage.doctor.{uuid.uuid4()}"
        channel.queue_declare(queue, exclusive=True, auto_delete=True)
        channel.basic_publish(channel.prepare_message(b""), exchange="", routing_key=queue)
        channel.basic_get(queue, no_ack=True)
    except BROKER_ERRORS as error:
        if blocked:
            remedy = "Libérez de la place là où RabbitMQ tourne (df -h, free -m) : rabbitmqctl status dit ses alarmes."
            yield Finding("courtier, disque", False, f"RabbitMQ ne prend plus rien ({blocked[0]})", remedy)
            return
        remedy = f"rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'"
        detail = f"{user} entre dans le vhost {vhost} et n’y peut pas tout ({type(error).__name__})"
        yield Finding("courtier, droits", False, detail, remedy)


def _why_no_broker(url: str, error: BaseException) -> str:
    """RabbitMQ says which of these it is by its reply code."""
    user, vhost = _who_and_where(url)
    code = getattr(error, "reply_code", 0) or 0
    if code == ACCESS_REFUSED:
        return (
            f"RabbitMQ refuse le mot de passe de {user} : rabbitmqctl change_password {user}, et corrigez [broker] url."
        )
    if code == NOT_ALLOWED:
        return (
            f"RabbitMQ refuse {user} sur le vhost {vhost} : rabbitmqctl add_vhost {vhost}, puis "
            f"rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'."
        )
    return "Vérifiez [broker] url (hôte et port), et que RabbitMQ tourne : systemctl status rabbitmq-server."


def _who_and_where(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.username or "guest", unquote(parts.path[1:]) or "/"
