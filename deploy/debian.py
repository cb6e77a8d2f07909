"""Programs that come from the distribution, not from Python: where they are, and how they are installed.

`make test` needs RabbitMQ, PostgreSQL, Chromium and libfaketime, a clock that can be wrong. As root on Debian (or a
derivative) they are installed; elsewhere the exact command is said. What Debian starts at installation is stopped
again: the tests run servers of their own, and a server that was there before is never touched. Standard library alone:
this runs before anything is installed.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.words import Stop, say

SERVICES = ("rabbitmq-server", "postgresql")


@dataclass(frozen=True)
class Tool:
    """A program of the machine.

    Args:
        name: what people call it.
        package: Debian's package.
        places: where it lies, as globs from the root; where several match, the last by version is taken.
        variable: the environment variable that replaces it in tests (an address, or a path), or "".
    """

    name: str
    package: str
    places: tuple[str, ...]
    variable: str = ""

    def find(self, root: Path = Path("/")) -> Path | None:
        """Path of the program, or None when it is not installed."""
        for place in self.places:
            found = sorted(root.glob(place), key=_version)
            if found:
                return found[-1]
        return None


RABBITMQ = Tool("rabbitmq", "rabbitmq-server", ("usr/lib/rabbitmq/bin/rabbitmq-server",), "MAILLAGE_TEST_BROKER")
POSTGRES = Tool("postgresql", "postgresql", ("usr/lib/postgresql/[1-9]*/bin/postgres",), "MAILLAGE_TEST_DATABASE")
CHROMIUM = Tool("chromium", "chromium", ("usr/bin/chromium", "usr/bin/google-chrome"), "MAILLAGE_TEST_CHROMIUM")
FAKETIME = Tool("libfaketime", "libfaketime", ("usr/lib/*/faketime/libfaketime.so.1",), "MAILLAGE_TEST_FAKETIME")
FOR_TESTS = (RABBITMQ, POSTGRES, CHROMIUM, FAKETIME)


def missing(tools: Iterable[Tool], environment: Mapping[str, str] = os.environ, root: Path = Path("/")) -> list[Tool]:
    """The tools that are neither installed nor replaced by their environment variable."""
    return [tool for tool in tools if not environment.get(tool.variable) and tool.find(root) is None]


def ensure(tools: Iterable[Tool]) -> None:
    """Install the missing tools where we may; raises `Stop` with the exact command where we may not."""
    absent = missing(tools)
    if not absent:
        return
    packages = [tool.package for tool in absent]
    if not may_install():
        raise Stop(*_command_to_type(absent))
    say(f"Installation par apt : {', '.join(packages)}", f"Installing with apt: {', '.join(packages)}")
    before = _running()
    install(packages)
    _stop_what_debian_started(packages, before)


def may_install() -> bool:
    """Whether this process may install Debian packages: root, with apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> None:
    """`apt-get update` and `install`, without a question; raises `Stop` with the end of apt's story when it fails."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    for step in (["apt-get", "update", "-q"], command):
        done = subprocess.run(
            step, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["?"]
            raise Stop(
                f"« {' '.join(step)} » a échoué ({reason[0]}) : corrigez, puis recommencez.",
                f"`{' '.join(step)}` failed ({reason[0]}): mend that and try again.",
            )


def _command_to_type(absent: list[Tool]) -> tuple[str, str]:
    command = f"sudo apt-get install {' '.join(tool.package for tool in absent)}"
    variables = ", ".join(tool.variable for tool in absent if tool.variable)
    names = ", ".join(tool.name for tool in absent)
    return (
        f"Il manque {names} pour les tests : tapez « {command} », ou indiquez les vôtres par {variables}.",
        f"The tests need {names}: type `{command}`, or name your own with {variables}.",
    )


def _stop_what_debian_started(packages: list[str], before: set[str]) -> None:
    """Stop the system's services of packages that we installed just now, and the Erlang daemon if it came with them."""
    for name in SERVICES:
        if name in packages:
            subprocess.run(["service", name, "stop"], capture_output=True, check=False)
    if "epmd" in _running() - before:
        subprocess.run(["epmd", "-kill"], capture_output=True, check=False)


def _running() -> set[str]:
    """Names of the programs that run now (Linux)."""
    names = set()
    for entry in Path("/proc").glob("[0-9]*/comm"):
        try:
            names.add(entry.read_text().strip())
        except OSError:
            continue  # it ended while we looked
    return names


def _version(path: Path) -> tuple[int, ...]:
    """The numbers in a path, to put /usr/lib/postgresql/9.6 before 15."""
    return tuple(int(part) for piece in path.parts for part in piece.split(".") if part.isdigit())
