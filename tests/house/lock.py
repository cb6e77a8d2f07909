"""Rules of the lock: every direct dependency is there, satisfied and hashed; what is installed is what is locked."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ENTRY = re.compile(
    r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?((?:\s*\\\n\s+--hash=\S+)*)\s*$", re.MULTILINE
)


@dataclass(frozen=True)
class Locked:
    """One package of a lock file. `marker` is empty where it applies everywhere."""

    version: str
    marker: str
    hashes: int

    @property
    def applies_here(self) -> bool:
        """Whether this machine and this Python are meant."""
        return not self.marker or Marker(self.marker).evaluate()


def read(text: str) -> dict[str, Locked]:
    """The packages of a lock file by canonical name; where markers split one, the entry that applies here wins."""
    locked: dict[str, Locked] = {}
    for name, version, marker, hashes in ENTRY.findall(text):
        entry = Locked(version, marker, hashes.count("--hash="))
        if entry.applies_here or canonicalize_name(name) not in locked:
            locked[canonicalize_name(name)] = entry
    return locked


def direct(pyproject: str, extra: str | None = None) -> list[Requirement]:
    """What pyproject.toml asks for: its dependencies, with those of an extra."""
    project = tomllib.loads(pyproject)["project"]
    wanted = project["dependencies"] + (project["optional-dependencies"][extra] if extra else [])
    return [Requirement(text) for text in wanted]


def unlocked(wanted: list[Requirement], locked: Mapping[str, Locked]) -> list[str]:
    """Direct dependencies that the lock lacks or does not satisfy, and entries without a hash."""
    wrong = [f"{name}: no hash" for name, entry in locked.items() if not entry.hashes]
    for requirement in wanted:
        entry = locked.get(canonicalize_name(requirement.name))
        if entry is None:
            wrong.append(f"{requirement}: not locked")
        elif not requirement.specifier.contains(entry.version, prereleases=True):
            wrong.append(f"{requirement}: locked at {entry.version}")
    return wrong


def drifted(locked: Mapping[str, Locked], installed: Mapping[str, str]) -> list[str]:
    """Packages installed at another version than the locked one, or not at all."""
    here = {name: entry.version for name, entry in locked.items() if entry.applies_here}
    return [
        f"{name}: locked {version}, installed {installed.get(name, 'not')}"
        for name, version in here.items()
        if installed.get(name) != version
    ]
