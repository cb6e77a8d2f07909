"""A node goes into one file while it runs, and back: nothing is told twice, its peers follow it on."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deploy import archive, backup, node
from deploy.folder import ROOMS
from services.federation.cards import written
from services.kernel import identity, settings
from tests.conftest import Fresh
from tests.federation.homes import Home
from tests.flows.conftest import MARIE, Program
from tests.flows.test_two_nodes import ECLUSE, command, follow, names, publish
from tests.running import BIN, RunningNode, running_node


def streams(node: RunningNode) -> dict[str, int]:
    """Stream → epoch, as `status` says."""
    report = json.loads(command("status", node.folder, "--json"))
    heads = [head for room in report["rooms"].values() for head in room["heads"]]
    return {head["stream"].partition("/")[2]: head["epoch"] for head in heads}


@pytest.fixture
def radar(tmp_path: Path) -> Iterator[RunningNode]:
    """A node that publishes one structure."""
    with running_node(tmp_path / "radar", MAILLAGE_NODE_ID="radar") as made:
        made.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        publish(made, ECLUSE)
        yield made


def test_a_backup_is_put_back_and_the_peers_read_what_the_node_now_says(radar: RunningNode, tmp_path: Path) -> None:
    file = tmp_path / "radar.maillage"
    with running_node(tmp_path / "orpan", MAILLAGE_NODE_ID="orpan") as orpan:
        orpan.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        publish(orpan, ECLUSE | {"id": "o-1", "nom": "D’ORPAN", "source": "autre"})
        follow(orpan, radar)
        at_orpan, at_radar = Program(orpan.url), Program(radar.url)
        at_orpan.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"], "D’ORPAN"})
        assert "clé" in command("backup", radar.folder, file)
        publish(radar, ECLUSE | {"nom": "Après"}, ECLUSE | {"id": "orpan--9", "nom": "Après aussi"})
        at_orpan.until("/api/v1/structures", lambda found: names(found) == {"Après", "Après aussi", "D’ORPAN"})

        assert "tourne déjà" in command("restore", file, radar.folder, "--yes", code=1)
        radar.stop()
        command("restore", file, radar.folder, "--yes")
        radar.start()
        at_radar.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
        at_orpan.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"], "D’ORPAN"}, within_s=60)
        publish(radar, ECLUSE | {"nom": "Enfin"})
        at_orpan.until("/api/v1/structures", lambda found: names(found) == {"Enfin", "D’ORPAN"})
        assert "Tout se tient" in command("verify", radar.folder)


def test_the_same_file_put_back_twice_never_tells_two_histories(radar: RunningNode, tmp_path: Path) -> None:
    file = tmp_path / "radar.maillage"
    command("backup", radar.folder, file)
    seen = [streams(radar)]
    for _ in range(2):
        radar.stop()
        command("restore", file, radar.folder, "--yes")
        radar.start()
        publish(radar, ECLUSE | {"nom": f"Tour {len(seen)}"})
        seen.append(streams(radar))
    assert all(first[each] < second[each] < third[each] for first, second, third in [seen] for each in first)
    Program(radar.url).until("/api/v1/structures", lambda found: names(found) == {"Tour 2"})


def test_a_node_moves_to_a_new_machine_with_its_key_and_its_people(radar: RunningNode, tmp_path: Path) -> None:
    file, new = tmp_path / "radar.maillage", tmp_path / "new"
    command("backup", radar.folder, file)
    radar.stop(signal.SIGKILL)
    command("restore", file, new, "--yes")
    assert identity.load(new).name == identity.load(radar.folder).name
    assert json.loads(command("user", "list", new, "--json"))[0]["email"] == MARIE
    assert "Tout se tient" in command("verify", new)
    modes = {path.stat().st_mode & 0o077 for path in [file, *(new / "secrets").iterdir(), *(new / "data").iterdir()]}
    assert modes == {0}


def test_a_key_changed_since_the_backup_stays_changed(radar: RunningNode, tmp_path: Path) -> None:
    file = tmp_path / "radar.maillage"
    command("backup", radar.folder, file)
    radar.stop()
    command("identity", "rotate", radar.folder, "--yes")
    now = identity.load(radar.folder)
    command("restore", file, radar.folder, "--yes")
    assert identity.load(radar.folder).keyid == now.keyid != now.name
    assert "Tout se tient" in command("verify", radar.folder)


def test_a_database_is_copied_as_it_was_when_it_was_opened_whatever_is_written_since(tmp_path: Path) -> None:
    file, copy = tmp_path / "directory.sqlite3", tmp_path / "copy.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE said (number int)")
        writer.execute("INSERT INTO said VALUES (1)")
        with backup._moment(file) as source, closing(sqlite3.connect(copy)) as target:
            writer.execute("INSERT INTO said VALUES (2)")
            source.backup(target)
            assert target.execute("SELECT number FROM said").fetchall() == [(1,)]
        assert writer.execute("SELECT count(*) FROM said").fetchone() == (2,)


def test_no_room_is_left_out_and_who_follows_is_opened_before_who_is_followed() -> None:
    assert set(ROOMS) == set(node.ROOMS)
    pairs = [(name, each.SERVICE) for name, load in node.ROOMS.items() for each in load().follows]
    assert pairs
    assert all(ROOMS.index(follower) < ROOMS.index(followed) for follower, followed in pairs)


def test_a_peer_goes_on_where_the_database_was_put_back_and_the_key_changed_at_once(
    radar: RunningNode, tmp_path: Path
) -> None:
    file = tmp_path / "radar.maillage"
    with running_node(tmp_path / "orpan", MAILLAGE_NODE_ID="orpan") as orpan:
        follow(orpan, radar)
        at_orpan = Program(orpan.url)
        at_orpan.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
        command("backup", radar.folder, file)
        publish(radar, ECLUSE | {"nom": "Perdu"})
        at_orpan.until("/api/v1/structures", lambda found: names(found) == {"Perdu"})
        radar.stop()
        command("identity", "rotate", radar.folder, "--yes")
        command("restore", file, radar.folder, "--yes")
        radar.start()
        publish(radar, ECLUSE | {"nom": "Enfin"})
        at_orpan.until("/api/v1/structures", lambda found: names(found) == {"Enfin"}, within_s=60)
        [peer] = json.loads(command("peer", "list", orpan.folder, "--json"))
        assert (peer["trouble"], peer["streams"][0]["trouble"]) == ("", "")


def test_a_node_that_never_ran_has_a_backup_too(tmp_path: Path) -> None:
    settings.write(tmp_path / "one", settings.Node(id="radar", name="RADAR"))
    identity.create(tmp_path / "one")
    command("backup", tmp_path / "one", tmp_path / "file")
    command("restore", tmp_path / "file", tmp_path / "two", "--yes")
    assert identity.load(tmp_path / "two").name == identity.load(tmp_path / "one").name
    assert "existe déjà" in command("backup", tmp_path / "one", tmp_path / "file", code=1)


def _with_an_event(beside: Path) -> Path:
    """A node that does not run, one of whose streams has an event."""
    made, home = beside / "made", Home.of("orpan")
    settings.write(made, settings.Node(id="radar", name="RADAR"))
    identity.create(made)
    (beside / "card").write_bytes(written(home.card(), home.identity))
    command("peer", "add", made, beside / "card", "--yes")
    for _ in range(20):  # an event is numbered a moment after it was written, or at the next start
        if sum(each["events"] for each in json.loads(command("verify", made, "--json"))["streams"]):
            return made
    raise AssertionError("nothing was numbered")


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
left, rename, rmtree = [int(sys.argv[3])], Path.rename, shutil.rmtree
def step(real):
    def stepped(*given, **more):
        if not left[0]: os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return real(*given, **more)
    return stepped
from deploy import backup
Path.rename, backup.shutil.rmtree = step(rename), step(rmtree)
backup.restore(Path(sys.argv[1]), Path(sys.argv[2]))
"""
"""Restores, and is killed before the step of this number: whatever is renamed, or goes as a whole."""


@pytest.mark.parametrize("known", [True, False], ids=["over data", "into a new folder"])
def test_a_restore_killed_before_any_of_its_steps_is_finished_or_undone_by_the_next_command(
    tmp_path: Path, known: bool
) -> None:
    made = _with_an_event(tmp_path)
    command("backup", made, tmp_path / "file")
    (made / "data" / "later").touch()
    before, key, ended = {path.name for path in made.iterdir()}, identity.load(made).name, set[bool]()
    for step in range(30):
        folder = tmp_path / str(step)
        shutil.copytree(made, folder, ignore=shutil.ignore_patterns("node.sock")) if known else folder.mkdir()
        words = [sys.executable, "-c", KILLED, str(tmp_path / "file"), str(folder), str(step)]
        code = subprocess.run(words, capture_output=True, timeout=60).returncode
        assert code in (0, -signal.SIGKILL)
        backup.finish_restore(folder)  # as each command does: see the test below
        assert {path.name for path in folder.iterdir()} <= before, f"killed before step {step}"
        if (folder / "data").exists():
            assert (folder / "data" / "directory.sqlite3").stat().st_size
            assert identity.load(folder).name == key and settings.load(folder).node.id == "radar"
            put_back = not (folder / "data" / "later").exists()
            ended |= {put_back}
            if put_back:
                marks = (folder / "witness" / "federation.json").read_text()
                assert "restored" in marks, f"killed before step {step}: no epoch is opened"
        else:
            assert not known, f"killed before step {step}: its data are lost"
        if code == 0:
            break
    assert code == 0 and step > 3
    assert ended == ({True, False} if known else {True})


def test_a_backup_is_proved_as_a_node_is_and_one_that_was_changed_is_refused(tmp_path: Path) -> None:
    made = _with_an_event(tmp_path)
    command("backup", made, tmp_path / "file")
    said = json.loads(command("verify", tmp_path / "file", "--json"))
    assert said["faults"] == [] and sum(each["events"] for each in said["streams"]) >= 1
    with closing(sqlite3.connect(made / "data" / "federation.sqlite3")) as database, database:
        database.execute("UPDATE event_log SET subject = 'autre'")
    command("backup", made, tmp_path / "second")
    assert "FAUX" in command("verify", tmp_path / "second", code=1)
    _cut(tmp_path / "file")
    assert "coupé" in command("verify", tmp_path / "file", code=1)


def test_any_command_finishes_a_restore_that_was_cut_off_and_says_so(tmp_path: Path) -> None:
    made = tmp_path / "made"
    settings.write(made, settings.Node(id="radar", name="RADAR"))
    identity.create(made)
    command("backup", made, tmp_path / "file")
    words = [sys.executable, "-c", KILLED, str(tmp_path / "file"), str(tmp_path / "new"), "2"]
    assert subprocess.run(words, capture_output=True, timeout=60).returncode == -signal.SIGKILL
    assert not (tmp_path / "new" / settings.FILE).exists()
    assert "coupée" in command("doctor", tmp_path / "new")
    assert settings.load(tmp_path / "new").node.id == "radar"


def _content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "node.lock"}


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _change(file: Path) -> None:
    _again(file, lambda name, content: content + b"\n" if name == settings.FILE else content)


def _climb(file: Path) -> None:
    _again(file, lambda _, content: content, more={"../evil": b"x"})


def _newer(file: Path) -> None:
    said = archive.read(file)
    _again(file, lambda name, content: content.replace(f'"{said.release}"'.encode(), b'"99.0.0"'))


def _again(file: Path, written: Any, more: dict[str, bytes] | None = None) -> None:
    with tarfile.open(file) as packed:
        found = {member.name: packed.extractfile(member).read() for member in packed}  # type: ignore[union-attr]
    with tarfile.open(file, "w:gz") as packed:
        for name, content in ({name: written(name, content) for name, content in found.items()} | (more or {})).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(_cut, "illisible ou coupé"), (_change, "maillage.toml : pas ce qui a été écrit"),
     (_climb, "../evil : pas ce qui a été écrit"), (_newer, "installez cette version"),
     (lambda file: file.write_text("bonjour"), "illisible")],
    ids=["cut", "changed", "climbing", "newer", "no backup"],
)  # fmt: skip
def test_what_cannot_be_put_back_is_refused_and_changes_nothing(tmp_path: Path, spoil: Any, why: str) -> None:
    settings.write(tmp_path / "one", settings.Node(id="radar", name="RADAR"))
    identity.create(tmp_path / "one")
    command("backup", tmp_path / "one", tmp_path / "file")
    spoil(tmp_path / "file")
    before = _content(tmp_path / "one")
    assert why in command("restore", tmp_path / "file", tmp_path / "one", "--yes", code=1)
    assert _content(tmp_path / "one") == before
    assert not (tmp_path / "evil").exists()


def test_another_nodes_folder_is_not_overwritten(tmp_path: Path) -> None:
    for label in ("radar", "orpan"):
        settings.write(tmp_path / label, settings.Node(id=label, name=label))
        identity.create(tmp_path / label)
    command("backup", tmp_path / "radar", tmp_path / "file")
    assert "autre nœud" in command("restore", tmp_path / "file", tmp_path / "orpan", "--yes", code=1)


def test_a_node_on_postgresql_and_rabbitmq_is_put_back_too(
    tmp_path: Path, fresh_database: Fresh, fresh_vhost: Fresh
) -> None:
    where = {"MAILLAGE_DATABASE_URL": fresh_database(), "MAILLAGE_BROKER_URL": fresh_vhost()}
    file = tmp_path / "radar.maillage"
    with running_node(tmp_path / "radar", **where) as radar:
        radar.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
        publish(radar, ECLUSE)
        at_radar = Program(radar.url)
        at_radar.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]})
        _with(where, "backup", radar.folder, file)
        publish(radar, ECLUSE | {"nom": "Après"})
        radar.stop()
        _with(where, "restore", file, radar.folder, "--yes")
        radar.start()
        at_radar.until("/api/v1/structures", lambda found: names(found) == {ECLUSE["nom"]}, within_s=30)
        publish(radar, ECLUSE | {"nom": "Enfin"})
        at_radar.until("/api/v1/structures", lambda found: names(found) == {"Enfin"})
        assert all(epoch > 1 for epoch in streams(radar).values())
        assert "Tout se tient" in command("verify", radar.folder)


def _with(environment: dict[str, str], *arguments: object) -> str:
    done = subprocess.run([BIN, *map(str, arguments)], env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
