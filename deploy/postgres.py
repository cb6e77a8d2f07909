"""PostgreSQL's own tools for the rooms' schemas: dumped in one snapshot, put back in one transaction.

What is replaced is kept under another name until the block ends, and comes back where it fails. The password goes by
the environment: a command line can be read by everybody on the machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from deploy.tenants import plain_url
from deploy.words import in_words
from services.kernel.errors import Unavailable

ASIDE = "before_restore_"


def dump(url: str, rooms: Sequence[str], file: Path) -> None:
    """Write these rooms' schemas to `file`, as of one moment. Raises `Unavailable`."""
    named = [f"--schema={room}" for room in rooms]
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}", *named)


@contextmanager
def replaced(url: str, rooms: Sequence[str], file: Path, *, again: bool = False) -> Iterator[None]:
    """These rooms' schemas as `dump` wrote them; those that were there come back where the block fails.

    `again`: this was cut off before, and what is aside may be what was there. Raises `Unavailable`.
    """
    aside = _found(url)
    _drop(url, [room if again else ASIDE + room for room in rooms if ASIDE + room in aside])
    _rename(url, {room: ASIDE + room for room in rooms})
    try:
        _run("pg_restore", url, "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
             f"--dbname={make_url(url).database}", str(file))  # fmt: skip
        yield
    except BaseException:
        _drop(url, rooms)
        _rename(url, {ASIDE + room: room for room in rooms})
        raise
    _drop(url, [ASIDE + room for room in rooms])


def _found(url: str) -> set[str]:
    with _connected(url) as connection:
        return {row[0] for row in connection.execute("SELECT nspname FROM pg_namespace")}


def _rename(url: str, names: dict[str, str]) -> None:
    found = _found(url)
    with _connected(url) as connection:
        for former, name in names.items():
            if former in found:
                words = sql.Identifier(former), sql.Identifier(name)
                connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(*words))


def _drop(url: str, names: Sequence[str]) -> None:
    with _connected(url) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(plain_url(url), connect_timeout=5) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise Unavailable(in_words(
            f"PostgreSQL ne répond pas ({error}) : vérifiez [database] url.",
            f"PostgreSQL does not answer ({error}): check [database] url.",
        )) from None  # fmt: skip


def _run(tool: str, url: str, *arguments: str) -> None:
    try:
        subprocess.run(
            [tool, *arguments], env=os.environ | _environment(url), check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise Unavailable(in_words(
            f"{tool} manque : apt install postgresql-client", f"{tool} is missing: apt install postgresql-client"
        )) from None  # fmt: skip
    except subprocess.CalledProcessError as error:
        last = (str(error.stderr).strip().splitlines() or [""])[-1]
        raise Unavailable(in_words(f"{tool} a échoué : {last}", f"{tool} failed: {last}")) from None


def _environment(url: str) -> dict[str, str]:
    parsed = make_url(url)
    said = {
        "PGHOST": parsed.host or parsed.query.get("host"), "PGPORT": parsed.port or parsed.query.get("port"),
        "PGUSER": parsed.username, "PGPASSWORD": parsed.password, "PGDATABASE": parsed.database,
        "PGSSLMODE": parsed.query.get("sslmode"), "PGSSLROOTCERT": parsed.query.get("sslrootcert"),
    }  # fmt: skip
    return {name: str(value) for name, value in said.items() if value}
