"""The operator's guide, followed word for word: a node on RabbitMQ and PostgreSQL, and the ten lines that follow it."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.client import Client, try_socket
from deploy.processes import free_ports
from services.kernel.errors import Unavailable
from tests.conftest import NUMBERS_ONLY

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
WITHIN_S = 40
DAY = "2025-11-03"
STRUCTURE = {"kind": "structure", "source_id": "s", "fields": {"nom": "Les Lucioles du Don", "date_maj": DAY}}
SERVICE = {
    "kind": "service",
    "source_id": "o",
    "structure_source_id": "s",
    "fields": {"nom": "Garde d'enfants", "description": "Une intervenante vient chez vous.", "date_maj": DAY},
}


@contextmanager
def running(log: Path, *command: str) -> Iterator[None]:
    """A process of ours, stopped by SIGTERM at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def eventually(question: Callable[[], Any], log: Path) -> Any:
    """What `question` answers once it answers something; fails with the end of the log."""
    ends_at = time.monotonic() + WITHIN_S
    while time.monotonic() < ends_at:
        answer = question()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace")[-2000:])


def publish_by_import(node: Client) -> None:
    opened = node.call("directory", "import_begin", {"source": "essai", "name": "essai", "policy": "publish"})
    rows = [draft | {"source": "essai"} for draft in (STRUCTURE, SERVICE)]
    node.call("directory", "import_rows", {"import": opened["import"], "rows": rows})


def test_the_follower_of_the_guide_prints_what_a_node_publishes(
    tmp_path: Path, fresh_vhost: Callable[[], str], fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(NUMBERS_ONLY)
    script = tmp_path / "follower.py"
    (written,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    script.write_text(written)
    broker, folder, heard = fresh_vhost(), tmp_path / "node", tmp_path / "heard.log"
    maillage = str(Path(sys.executable).parent / "maillage")
    identity = ("--id", "radar", "--name", "RADAR")
    subprocess.run(
        [maillage, "init", str(folder), *identity, "--broker", broker, "--database", fresh_database()], check=True
    )
    with running(tmp_path / "node.log", maillage, "up", str(folder), "--port", str(free_ports(1)[0])):
        connection = eventually(lambda: try_socket(folder), tmp_path / "node.log")
        with running(heard, sys.executable, str(script), broker):
            node = Client(connection)
            eventually(lambda: answers(node), tmp_path / "node.log")
            eventually(lambda: has_queue(broker), heard)
            publish_by_import(node)
            lines = eventually(lambda: [line for line in heard.read_text().splitlines() if "Garde" in line], heard)
            node.close()
    assert len(lines) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z Garde d'enfants", lines[0])


def answers(node: Client) -> bool:
    """Whether the directory is there: `up` opens the node's socket before its rooms are ready."""
    try:
        return "sources" in node.call("directory", "sources")
    except Unavailable:
        return False


def has_queue(url: str) -> bool:
    """Whether the follower's queue is there: what is published before has nowhere to go."""
    from amqp.exceptions import NotFound
    from kombu import Connection, Queue

    name = "evt-directory-directory.service.published.v1--follower.published"
    with Connection(url) as connection:
        try:
            Queue(name).bind(connection.default_channel).queue_declare(passive=True)
        except NotFound:
            return False
    return True
