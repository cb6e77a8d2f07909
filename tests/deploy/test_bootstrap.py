"""Setting up: a stamp makes the second time free, and what goes wrong ends with one sentence and a remedy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import bootstrap, debian
from deploy.words import Bar, Stop, complain, language, say
from tests.conftest import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment is set up, as far as the stamp can tell."""
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / "bin" / "maillage").touch()
    for flavour in ("", "-dev"):
        bootstrap.stamp(tmp_path, flavour).write_text(bootstrap.fingerprint(tmp_path, flavour))
    return tmp_path


def test_what_is_set_up_is_left_alone(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap.set_up(checkout, dev=False)
    bootstrap.set_up(checkout, dev=True)
    assert capsys.readouterr().out == ""


def test_a_changed_lock_is_seen(checkout: Path) -> None:
    (checkout / "requirements-dev.lock").write_text("another==1\n")
    assert bootstrap.is_current(checkout, "")
    assert not bootstrap.is_current(checkout, "-dev")
    (checkout / "pyproject.toml").write_text("[project]\n")
    assert not bootstrap.is_current(checkout, "")


def test_a_moved_checkout_is_seen(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = checkout.rename(tmp_path_factory.mktemp("elsewhere") / "checkout")
    assert not bootstrap.is_current(moved, "")


def test_an_environment_whose_python_is_gone_is_seen(checkout: Path) -> None:
    (checkout / ".venv" / "bin" / "python").unlink()
    (checkout / ".venv" / "bin" / "python").symlink_to(checkout / "gone")
    assert not bootstrap.is_current(checkout, "")


@pytest.mark.parametrize(
    ("story", "remedy"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "free 500 MB"),
        ("NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure", "No network"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the locked one"),
        ("Collecting x\nERROR: Failed building wheel for x\n", "Failed building wheel for x"),
        ("", "details are in"),
    ],
)
def test_what_pip_says_becomes_one_sentence(story: str, remedy: str, tmp_path: Path) -> None:
    stop = bootstrap.explain(story, tmp_path)
    assert remedy in stop.en
    assert "\n" not in stop.fr + stop.en


def test_a_full_disk_is_told_before_anything_is_written(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bootstrap.NEEDED_MB, "", 10**12)
    (checkout / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(Stop, match="The disk is full"):
        bootstrap.set_up(checkout, dev=False)


def test_an_old_python_is_told() -> None:
    with pytest.raises(Stop, match=r"Python 3\.11 or newer is needed \(this is 3\.9\.2\)"):
        bootstrap.check_python((3, 9, 2))


def test_a_missing_venv_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "may_install", lambda: False)
    with pytest.raises(Stop, match=r"type `sudo apt install python3.*-venv`") as told:
        bootstrap.get_python3_venv()
    assert "tapez" in told.value.fr


def test_one_entry_of_the_lock_is_taken_with_its_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text()
    lines = bootstrap.entry(text, "setuptools").splitlines()
    assert lines[0].startswith("setuptools==")
    assert len(lines) > 1
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])


def test_a_package_of_another_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "six-1.0-py3-none-any.whl").write_bytes(b"not what was locked")
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"six @ file://{tmp_path}/six-1.0-py3-none-any.whl \\\n    --hash=sha256:{'0' * 64}\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(ROOT / ".venv" / "bin" / "python")
    with pytest.raises(Stop, match="not the locked one"):
        bootstrap.pip(tmp_path / ".venv", "--no-deps", "--require-hashes", "-r", str(lock))


def test_tools_are_found_by_version_or_replaced_by_a_variable(tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        folder = tmp_path / "usr/lib/postgresql" / version / "bin"
        folder.mkdir(parents=True)
        (folder / "postgres").touch()
    assert debian.POSTGRES.find(tmp_path) == tmp_path / "usr/lib/postgresql/17/bin/postgres"
    absent = debian.missing(debian.FOR_TESTS, {"MAILLAGE_TEST_BROKER": "amqp://guest:guest@127.0.0.1//"}, tmp_path)
    assert absent == [debian.CHROMIUM, debian.FAKETIME]


def test_missing_tools_are_told_with_command_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "may_install", lambda: False)
    nowhere = debian.Tool("rabbitmq", "rabbitmq-server", ("no/such/place",), "MAILLAGE_TEST_NOTHING")
    with pytest.raises(Stop, match=r"`sudo apt-get install rabbitmq-server`.*MAILLAGE_TEST_NOTHING"):
        debian.ensure([nowhere])
    debian.ensure([])


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({"LANG": "fr_FR.UTF-8"}, "fr"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "C.UTF-8"}, "both"),
        ({}, "both"),
    ],
)
def test_the_language_is_that_of_the_machine(environment: dict[str, str], spoken: str) -> None:
    assert language(environment) == spoken


def test_a_log_gets_a_few_lines_of_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("Pose", "Laying") as bar:
        for done in range(100):
            bar.show(done / 100)
    with pytest.raises(KeyError), Bar("Pose", "Laying"):
        raise KeyError
    say("fini", "done")
    complain(Stop("raison", "reason"))
    output = capsys.readouterr()
    assert [line[:3].strip() for line in output.out.splitlines()[:6]] == ["0", "25", "50", "75", "100", "0"]
    assert "reason" in output.err or "raison" in output.err


def test_set_up_twice_in_this_very_checkout_is_quick() -> None:
    """As `make setup` does it, in a process of its own; the environment that runs this test is set up already."""
    if not bootstrap.is_current(ROOT, "-dev"):
        pytest.skip("these tests do not run in an environment that `make test` made")
    command = [sys.executable, "-m", "deploy.bootstrap", "--dev"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=5, check=False, env=dict(os.environ)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
