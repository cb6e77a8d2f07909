"""The lock holds what pyproject.toml asks for, and the environment holds the lock.

Mend the first with `make lock`, the second with `make setup`.
"""

import subprocess
import sys
from importlib.metadata import distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house import lock
from tests.house.tree import ROOT

PYPROJECT = (ROOT / "pyproject.toml").read_text()
RUNTIME = lock.read((ROOT / "requirements.lock").read_text())
DEV = lock.read((ROOT / "requirements-dev.lock").read_text())


def test_every_direct_dependency_is_locked_with_its_hash() -> None:
    assert lock.unlocked(lock.direct(PYPROJECT), RUNTIME) == []
    assert lock.unlocked(lock.direct(PYPROJECT, "dev"), DEV) == []


def test_the_lock_of_the_tests_holds_the_other_one() -> None:
    assert lock.drifted(RUNTIME, {name: entry.version for name, entry in DEV.items()}) == []


def test_the_lock_names_no_other_index_than_the_users() -> None:
    text = (ROOT / "requirements.lock").read_text() + (ROOT / "requirements-dev.lock").read_text()
    assert [
        line for line in text.splitlines() if "index-url" in line or "find-links" in line or "file://" in line
    ] == []


def test_the_environment_is_the_lock() -> None:
    installed = {canonicalize_name(one.name): one.version for one in distributions()}
    assert lock.drifted(DEV, installed) == []


def test_the_packages_agree_with_each_other() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


BAD_LOCK = """kombu==5.6.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via maillage
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cc
amqp==5.4.2
"""


def test_a_bad_lock_is_told_everything() -> None:
    locked = lock.read(BAD_LOCK)
    assert {name: entry.hashes for name, entry in locked.items()} == {"kombu": 2, "colorama": 1, "amqp": 0}
    wanted = [Requirement("kombu>=5.7,<5.8"), Requirement("amqp>=5.4"), Requirement("flask")]
    assert lock.unlocked(wanted, locked) == ["amqp: no hash", "kombu<5.8,>=5.7: locked at 5.6.0", "flask: not locked"]


def test_a_drifted_environment_is_told() -> None:
    installed = {"kombu": "5.7.1"}
    told = ["kombu: locked 5.6.0, installed 5.7.1", "amqp: locked 5.4.2, installed not"]
    assert lock.drifted(lock.read(BAD_LOCK), installed) == told
