"""A database or a virtual host for one test alone, on a server that is there already.

Both cost some 0.03 s. The server may be one of `deploy/servers.py` or one that the environment names.
"""

import json
import urllib.request
from uuid import uuid4

import psycopg


def plain_url(url: str) -> str:
    """SQLAlchemy's `postgresql+psycopg://` as the `postgresql://` that libpq reads."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def make_database(url: str, template: str = "template0") -> str:
    """Create a database on the server of `url`, empty or a copy of `template`; returns the new one's URL."""
    name = f"t_{uuid4().hex}"
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return _with_path(url, name)


def drop_database(url: str, made: str) -> None:
    """Drop a database that `make_database` made, whoever is still connected to it."""
    name = made.rsplit("/", 1)[1].split("?")[0]
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def make_vhost(url: str, api_url: str) -> str:
    """Create an empty virtual host with the management API, open to the user of `url`; returns its URL."""
    name = f"t_{uuid4().hex}"
    user = url.split("://", 1)[1].split(":", 1)[0]
    call_broker_api(api_url, "PUT", f"/vhosts/{name}", {})
    call_broker_api(api_url, "PUT", f"/permissions/{name}/{user}", {"configure": ".*", "write": ".*", "read": ".*"})
    return _with_path(url, name)


def drop_vhost(api_url: str, made: str) -> None:
    """Delete a virtual host that `make_vhost` made; its connections are closed by the broker."""
    call_broker_api(api_url, "DELETE", f"/vhosts/{made.rsplit('/', 1)[1]}")


def call_broker_api(api_url: str, method: str, path: str, body: object = None) -> object:
    """One call of RabbitMQ's management API (`http://user:password@host:port/api`); returns the JSON answer or None."""
    credentials, address = api_url.split("://", 1)[1].split("@", 1)
    user, password = credentials.split(":", 1)
    manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
    manager.add_password(None, f"http://{address}", user, password, is_authenticated=True)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPBasicAuthHandler(manager))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://{address}{path}", data, {"Content-Type": "application/json"}, method=method
    )
    with opener.open(request, timeout=30) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def _with_path(url: str, name: str) -> str:
    """`scheme://authority/…` with `name` as its path."""
    scheme, rest = url.split("://", 1)
    return f"{scheme}://{rest.split('/', 1)[0]}/{name}"
