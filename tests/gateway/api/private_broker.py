"""A RabbitMQ of the test's own, and a nameko service beside it: started, stopped and broken by process id."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Self

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"
REPOSITORY = Path(__file__).resolve().parents[3]


class PrivateBroker:
    """One broker on free ports of the loopback, its files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._env = os.environ | {
            "HOME": str(folder), "RABBITMQ_NODENAME": f"gateway{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port), "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(_free_port()), "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and wait until it answers; about 6 s."""
        out = (self.folder / "out").open("ab")
        self._process = subprocess.Popen([SERVER], env=self._env, stdout=out, stderr=out)
        give_up_at = monotonic() + 60
        while not _answers(self.port):
            if monotonic() > give_up_at or self._process.poll() is not None:
                raise RuntimeError(f"RabbitMQ did not start: see {self.folder}/out")
            sleep(0.1)

    def stop(self) -> None:
        """Stop as an operator would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def control(self, *words: str) -> None:
        """Run `rabbitmqctl` with `words` on this broker."""
        subprocess.run([CONTROL, *words], env=self._env, check=True, capture_output=True, timeout=60)

    def cut_connections(self) -> None:
        """Close every client's connection, as a broken network would."""
        self.control("close_all_connections", "--global", "cut by the test")


class EchoProcess:
    """`tests.gateway.api.echo_service` in a process of its own."""

    def __init__(self, url: str, name: str = "echo") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.gateway.api.echo_service", url, name],
            cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        assert b"ready" in self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait(10)


def _free_port() -> int:
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _answers(port: int) -> bool:
    """Whether the broker greets: it opens its port before it accepts AMQP."""
    try:
        with closing(socket.create_connection(("127.0.0.1", port), 1)) as talking:
            talking.settimeout(2)
            talking.sendall(b"AMQP\x00\x00\x09\x01")
            return talking.recv(1) == b"\x01"
    except OSError:
        return False
