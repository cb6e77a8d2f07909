"""A telephone number that must be nowhere once somebody objected: told, looked for in feeds, files and databases."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

from deploy.tenants import plain_url
from gateway import forgetting
from tests.faults.sites import Site, structure

CANARY = "+33240987123"
SAYS = [CANARY.encode(), b"0240987123", b"02 40 98 71 23", b"02.40.98.71.23", b"240987123"]


def tell(home: Site, source: str = "canary") -> None:
    """Publish a record that has the number."""
    home.ask("directory", "source_set", name=source, policy="publish")
    opened = home.ask("directory", "import_begin", source=source, name="m", policy="publish")
    rows = [structure(1, "Canari", source, telephone=CANARY)]
    home.ask("directory", "import_rows", **{"import": opened["import"], "rows": rows})
    home.ask("directory", "import_finish", **{"import": opened["import"]})


def objects(home: Site) -> None:
    """Whose number it is withdraws it for good."""
    forgetting.forget(lambda door, asked: home.ask("directory", door, **asked), {"telephone": CANARY})


def says(site: Site, home: Site) -> bool:
    """Whether a node's feed has the number."""
    items = [item for item in site.feed() if item["event"]["source"].endswith(home.name)]
    return any(item["event"].get("data", {}).get("fields", {}).get("telephone") == CANARY for item in items)


def remnants(folder: Path) -> list[str]:
    """Files of a folder that hold the number, in any form."""
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_socket()]
    return [str(file.relative_to(folder)) for file in files if holds(file)]


def holds(file: Path) -> bool:
    """Whether a file has the number; one that has just gone has nothing."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return False
    return any(each in raw for each in SAYS)


def tables(url: str) -> list[str]:
    """Tables of a PostgreSQL database that hold the number, as text or in bytes."""
    with psycopg.connect(plain_url(url)) as connection:
        named = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        found = []
        for name in named:
            query = sql.SQL("SELECT count(*) FROM {} AS t WHERE t::text ~ %s").format(sql.Identifier(*name))
            forms = "|".join(each.decode().replace("+", "").replace(".", "[.]") for each in SAYS)
            in_bytes = "|".join(each.hex() for each in SAYS)
            [count] = connection.execute(query, [f"{forms}|{in_bytes}"]).fetchone() or (0,)
            found += [".".join(name)] if count else []
    return found
