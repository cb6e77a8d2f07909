"""RabbitMQ's management API, with what to do where it does not answer as it should.

The administrator's password goes into one header and nowhere else: no error, log line or command line has it.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import orjson
import urllib3

from services.federation.lane.names import CLUSTERS
from services.kernel.errors import NotFound, Unavailable

TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=30.0)
PLUGINS: Final = "rabbitmq-plugins enable rabbitmq_management rabbitmq_federation rabbitmq_federation_management"
FEDERATED: Final = "x-federation-upstream"
"""The type of exchange that RabbitMQ has once its federation plugin is enabled."""


class Management:
    """One broker's API. `url` is `http(s)://host:port`. Every method raises `Unavailable` saying the remedy."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url, self._user = url.rstrip("/"), user
        self._headers = urllib3.make_headers(basic_auth=f"{user}:{password}") | {"Content-Type": "application/json"}
        self._pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT)

    @property
    def user(self) -> str:
        """Who asks."""
        return self._user

    def get(self, *parts: str) -> Any:
        """What stands at a path. Raises `NotFound`."""
        return orjson.loads(self._ask("GET", parts, None)[1])

    def put(self, body: Any, *parts: str) -> bool:
        """Make it so; whether it was not there before."""
        return self._ask("PUT", parts, body)[0] == 201

    def post(self, body: Any, *parts: str) -> None:
        """Add something."""
        self._ask("POST", parts, body)

    def delete(self, *parts: str) -> bool:
        """Take it away; whether it was there."""
        try:
            self._ask("DELETE", parts, None)
        except NotFound:
            return False
        return True

    def check(self) -> str:
        """Whether a lane can be made here; the name of the cluster, by which its links are known elsewhere."""
        if "administrator" not in _tags(self.get("whoami")):
            raise self._no_administrator()
        seen = self.get("overview")
        if FEDERATED not in {each["name"] for each in seen["exchange_types"]}:
            raise Unavailable(f"Le greffon de fédération manque à RabbitMQ : {PLUGINS}")
        cluster = str(seen["cluster_name"])
        if not CLUSTERS.fullmatch(cluster):
            raise Unavailable(
                f"RabbitMQ s’appelle « {cluster} », qui ne convient pas : rabbitmqctl set_cluster_name radar"
            )
        return cluster

    def links(self, vhost: str) -> list[dict[str, Any]] | None:
        """The links of a virtual host with their states; `None` where RabbitMQ does not tell them."""
        try:
            found: list[dict[str, Any]] = self.get("federation-links", vhost)
        except NotFound:
            return None
        return found

    def _ask(self, method: str, parts: tuple[str, ...], body: Any) -> tuple[int, bytes]:
        url = f"{self._url}/api/{'/'.join(quote(part, safe='') for part in parts)}"
        raw = None if body is None else orjson.dumps(body)
        try:
            answer = self._pool.request(method, url, body=raw, headers=self._headers, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(
                f"L’interface de gestion de RabbitMQ ne répond pas à {self._url} ({type(error).__name__}) : vérifiez "
                f"[lane] management, que RabbitMQ tourne, et {PLUGINS}"
            ) from None
        if answer.status in (401, 403) and b"dministrator" in answer.data:
            raise self._no_administrator()
        if answer.status in (401, 403):
            raise Unavailable(
                f"RabbitMQ refuse {self._user} : corrigez [lane] user et password, ou, si ce sont les siens, "
                f"rabbitmqctl set_user_tags {self._user} administrator"
            )
        if answer.status == 404:
            raise NotFound(f"RabbitMQ n’a pas {'/'.join(parts)}.")
        if not 200 <= answer.status < 300:
            said = answer.data[:200].decode(errors="replace")
            raise Unavailable(f"RabbitMQ refuse {method} {parts[0]} ({answer.status}) : {said}")
        return answer.status, answer.data

    def _no_administrator(self) -> Unavailable:
        return Unavailable(
            f"{self._user} n’est pas administrateur de RabbitMQ : rabbitmqctl set_user_tags {self._user} administrator"
        )


def _tags(whoami: Any) -> list[str]:
    """A list, or words with commas between, as the release has it."""
    tags = whoami["tags"]
    return tags.split(",") if isinstance(tags, str) else list(tags)
