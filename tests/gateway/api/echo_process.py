"""The echo service of the tests, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import Self

from tests.conftest import ROOT


class EchoProcess:
    """`tests.gateway.api.echo_service` as a nameko service called `name`, on the broker of `url`."""

    def __init__(self, url: str, name: str = "echo") -> None:
        command = [sys.executable, "-m", "tests.gateway.api.echo_service", url, name]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        assert b"ready" in self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.communicate(timeout=10)
