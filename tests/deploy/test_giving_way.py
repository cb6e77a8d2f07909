"""The one thread of an embedded node answers a reader while it works on a page of another node."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

import pytest

from deploy.processes import free_ports
from tests.house.tree import ROOT

WORK_S: Final = 3.0
ANSWERED_WITHIN_S: Final = 0.5
NODE = """
import eventlet
eventlet.monkey_patch()
import sys, time, eventlet.wsgi
from deploy.embedded import people_first
from services.kernel.giving import asked_lately, in_pieces

def app(environ, start_response):
    start_response("200 OK", [])
    return [str(asked_lately()).encode()]

def pieces():
    ends_at = time.perf_counter() + float(sys.argv[2])
    while time.perf_counter() < ends_at:
        yield sum(range(1_000))

def work():
    print("works", flush=True)
    for _ in in_pieces(pieces()):
        pass
    print("done", flush=True)

listener = eventlet.listen(("127.0.0.1", int(sys.argv[1])))
eventlet.spawn_after(0.1, work)
eventlet.wsgi.server(listener, people_first(app), log_output=False)
"""


@pytest.mark.alone
def test_a_reader_is_answered_in_the_midst_of_long_work() -> None:
    with _working(WORK_S) as (said, port):
        taken_s, said_so = zip(*(_asked(port, "/api/v1/structures") for _ in range(5)), strict=True)
        assert set(said_so) == {b"True"}
        assert max(taken_s) < ANSWERED_WITHIN_S
        assert said.readline() == b"done\n"


def test_another_node_takes_its_turn() -> None:
    with _working(0) as (_, port):
        assert _asked(port, "/federation/v1/streams")[1] == b"False"


@contextmanager
def _working(seconds: float) -> Iterator[tuple[IO[bytes], int]]:
    """A process that works for so long, what it says and where it answers."""
    (port,) = free_ports(1)
    command = [sys.executable, "-W", "ignore", "-c", NODE, str(port), str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as node:
        try:
            assert node.stdout is not None
            assert node.stdout.readline() == b"works\n"
            yield node.stdout, port
        finally:
            node.kill()


def _asked(port: int, path: str) -> tuple[float, bytes]:
    """Seconds, and whether somebody is said to ask."""
    began = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        said = answer.read()
    return time.perf_counter() - began, said
