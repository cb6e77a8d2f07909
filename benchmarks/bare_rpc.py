"""The least that a write by RPC can be: nameko, and one insert with psycopg, committed. Run by `rpc_write.py`."""

import os
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("EVENTLET_HUB", "epolls")
os.environ.setdefault("PSYCOPG_WAIT_FUNC", "wait_selector")

import eventlet  # noqa: E402

eventlet.monkey_patch()

import signal  # noqa: E402
from typing import Any  # noqa: E402

import orjson  # noqa: E402
import psycopg  # noqa: E402
from nameko.containers import ServiceContainer  # noqa: E402
from nameko.rpc import rpc  # noqa: E402

from deploy.tenants import plain_url  # noqa: E402

database = psycopg.connect(plain_url(os.environ["BENCH_DATABASE"]))
database.execute("CREATE TABLE record (id text PRIMARY KEY, content text NOT NULL)")
database.commit()


class Bare:
    """A service that writes down what it is given."""

    name = "bare"

    @rpc
    def insert(self, request: dict[str, Any]) -> dict[str, Any]:
        """Insert the request's record as JSON, commit, answer with it."""
        [record] = request["records"]
        database.execute(
            "INSERT INTO record VALUES (%s, %s)", (record["source_id"], orjson.dumps(record).decode())
        )  # fmt: skip
        database.commit()
        return {"records": [record]}


if __name__ == "__main__":
    container = ServiceContainer(Bare, {"AMQP_URI": os.environ["BENCH_BROKER"], "max_workers": 20})
    container.start()
    signal.signal(signal.SIGTERM, lambda *_: eventlet.spawn_n(container.stop))
    container.wait()
