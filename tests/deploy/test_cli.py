"""The command line as an operator uses it: real processes, real files, a node that runs and one that does not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.processes import free_ports
from services.directory.formats.argumentaire import PARTS
from tests.running import BIN, new_node

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "deploy" / "samples" / "radar.json"


class Node:
    """A node's folder and the command on it."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder, self.work = folder, work

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run `maillage`; what it printed, where it ended with `code`."""
        done = subprocess.run([BIN, *arguments], cwd=self.work, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def json(self, command: str, *arguments: str, code: int = 0) -> Any:
        """Run a command on this node with `--json`."""
        return json.loads(self.run(*command.split(), str(self.folder), *arguments, "--json", code=code))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A fresh node that does not run."""
    made = Node(tmp_path / "node", tmp_path)
    new_node(made.folder, "essai", "Essai")
    return made


@pytest.fixture
def running(node: Node) -> Iterator[tuple[Node, int]]:
    """The node, running, and its port."""
    [port] = free_ports(1)
    with subprocess.Popen([BIN, "up", str(node.folder), "--port", str(port)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield node, port
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def get(port: int, path: str) -> Any:
    """What the gateway answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def counts(outcome: dict[str, Any]) -> dict[str, int]:
    """The counts of an import that are not 0."""
    names = ("created", "updated", "unchanged", "withdrawn", "refused")
    return {name: outcome[name] for name in names if outcome[name]}


def test_a_second_import_on_a_stopped_node_changes_nothing_and_undo_takes_it_back(node: Node) -> None:
    first = node.json("import", str(SAMPLE))
    assert counts(first) == {"created": 98}
    assert counts(node.json("import", str(SAMPLE))) == {"unchanged": 98}
    said = node.run("undo", str(node.folder), first["import_id"], "--yes")
    assert "Fiches retirées : 98" in said


def test_a_dry_run_tells_and_does_nothing(node: Node) -> None:
    assert counts(node.json("import", str(SAMPLE), "--dry-run")) == {"created": 98}
    assert node.json("source list") == []


def test_a_dry_run_of_faulty_rows_tells_them_and_writes_no_file(node: Node) -> None:
    table = node.work / "liste.csv"
    table.write_text("id;nom;commune\n1;Le Grain;Nantes\n2;;Nantes\n", "utf-8")
    outcome = node.json("import", str(table), "--source", "liste", "--format", "data-inclusion", "--dry-run", code=1)
    assert [(one["line"], one["field"]) for one in outcome["problems"]] == [(3, "nom")]
    assert list(node.work.glob("*refuses*")) == []


def test_what_was_not_understood_is_told_with_its_line_and_its_value(node: Node) -> None:
    table = node.work / "liste.csv"
    table.write_text("id,nom,courriel\n1,Le Grain,grain@example.org\n2,Le Sel,pas une adresse\n", "utf-8")
    outcome = node.json("import", str(table), "--source", "liste", "--format", "data-inclusion")
    [told] = outcome["read"]["examples"]["email.invalid"]
    assert (told["line"], told["field"], told["value"]) == (3, "courriel", "pas une adresse")
    said = node.run("import", str(node.folder), str(table), "--source", "liste")
    assert "ligne 3, courriel « pas une adresse »" in said


def test_a_corrected_row_does_not_tell_its_structure_otherwise_than_the_first_did(node: Node) -> None:
    mapping, table = node.work / "carte.toml", node.work / "liste.csv"
    mapping.write_text(
        '[source]\nname = "liste"\n[structure]\nid = "S"\nnom = "Nom"\n'
        '[[service]]\nid = "N"\nnom = "Service"\ncommune = "Ville"\n',
        "utf-8",
    )
    table.write_text("S,Nom,N,Service,Ville\n1,Le Grain,a,Repas,Nantes\n1,Grain (le),b,Jardin,Nulle-Part\n", "utf-8")
    first = node.json("import", str(table), "--format", str(mapping), code=1)
    assert counts(first) == {"created": 2, "refused": 1}
    [refused] = [Path(path) for path in first["refused_files"]]
    refused.write_text(refused.read_text("utf-8-sig").replace("Nulle-Part", "Nantes"), "utf-8")
    again = node.json("import", str(refused), "--format", str(mapping))
    assert counts(again) == {"created": 1, "unchanged": 1}
    for done in (again, first):
        assert node.json("undo", done["import_id"])["kept"] == 0


def test_imports_are_listed_with_their_numbers(node: Node) -> None:
    done = node.json("import", str(SAMPLE))
    [listed] = node.json("imports")
    assert (listed["import"], listed["source"], listed["created"]) == (done["import_id"], "exemples-radar", 98)
    assert done["import_id"] in node.run("imports", str(node.folder))


def test_a_source_that_does_not_exist_is_refused_with_the_nearest(node: Node) -> None:
    node.json("import", str(SAMPLE))
    node.run("user", "add", str(node.folder), "marie@example.org", "--role", "permanent")
    said = node.run("publish", str(node.folder), "--source", "exemple-radar", "--as", "marie@example.org", code=1)
    assert "« exemples-radar »" in said


def test_a_port_that_cannot_be_is_one_sentence(node: Node) -> None:
    said = node.run("up", str(node.folder), "--port", "99999", code=1)
    assert "99999" in said and "65535" in said and "Traceback" not in said


def test_doctor_on_a_folder_that_is_no_node_says_how_to_make_one(node: Node) -> None:
    said = node.run("doctor", str(node.work), code=1)
    assert "n’est pas le dossier d’un nœud" in said and "maillage init" in said


def test_refused_rows_are_corrected_in_their_file_and_imported_again(node: Node) -> None:
    samples = ROOT / "deploy" / "samples"
    mapping = str(samples / "exemple-tableur.toml")
    outcome = node.json("import", str(samples / "exemple-tableur.csv"), "--format", mapping, code=1)
    assert (outcome["created"], outcome["refused"]) == (14, 1)
    [problem] = outcome["problems"]
    assert problem["line"] and problem["why"] and problem["remedy"]
    [refused] = [Path(path) for path in outcome["refused_files"]]
    text = refused.read_text("utf-8-sig")
    assert problem["value"] in text
    refused.write_text(text.replace(problem["value"], "Nantes"), "utf-8")
    again = node.json("import", str(refused), "--format", mapping)
    assert again["refused"] == 0


def test_a_held_source_is_published_by_a_permanent_in_one_command(node: Node) -> None:
    node.json("import", str(SAMPLE))
    node.run("user", "add", str(node.folder), "marie@example.org", "--role", "permanent")
    node.run("user", "add", str(node.folder), "paul@example.org", "--role", "volunteer")
    refusal = node.run("publish", str(node.folder), "--source", "exemples-radar", "--as", "paul@example.org", code=1)
    assert "directory:qualify" in refusal
    done = node.json("publish", "--source", "exemples-radar", "--as", "marie@example.org")
    assert done["published"] + len(done["refused"]) == 98
    assert done["published"] > 90


def test_an_import_killed_in_the_middle_is_finished_by_doing_it_again(node: Node, tmp_path: Path) -> None:
    big = tmp_path / "grand.jsonl"
    rows = (
        {"source": "grand", "id": f"grand--{number}", "nom": f"Association {number}", "date_maj": "2026-01-01"}
        for number in range(6_000)
    )
    big.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    command = [BIN, "import", str(node.folder), str(big), "--source", "grand"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for_rows(node, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _wait_for_end(node)
    outcome = node.json("import", str(big), "--source", "grand")
    assert outcome["created"] + outcome["unchanged"] == 6_000
    assert outcome["unchanged"] > 0
    assert len(json.loads(_exported(node, tmp_path))["structures"]) == 6_000
    assert node.json("verify")["faults"] == []


def _wait_for_rows(node: Node, process: subprocess.Popen[bytes]) -> None:
    import sqlite3

    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            with sqlite3.connect(node.folder / "data" / "directory.sqlite3", timeout=1) as database:
                if database.execute("SELECT count(*) FROM record").fetchone()[0] > 500:
                    return
        except sqlite3.OperationalError:
            pass
        time.sleep(0.02)
    pytest.fail("the import was over, or had not begun, when it was to be killed")


def _wait_for_end(node: Node) -> None:
    """The quiet node that served the killed command must notice and end, or the next command would meet it."""
    ends_at = time.monotonic() + 30
    while (node.folder / "node.sock").exists():
        assert time.monotonic() < ends_at, "the quiet node outlived the command that started it"
        time.sleep(0.1)


def _exported(node: Node, tmp_path: Path) -> bytes:
    out = tmp_path / "tout.json"
    node.run("export", str(node.folder), "--out", str(out), "--all")
    return out.read_bytes()


def test_what_a_running_node_imports_is_found_and_survives_its_restart(running: tuple[Node, int]) -> None:
    node, port = running
    node.json("import", str(SAMPLE))
    node.run("source", "set", str(node.folder), "exemples-radar", "--policy", "publish")
    node.run("user", "add", str(node.folder), "marie@example.org", "--role", "permanent")
    node.json("publish", "--source", "exemples-radar", "--as", "marie@example.org")
    assert _soon(lambda: get(port, "/api/v1/services?size=1")["total"] > 60)
    assert node.json("doctor")[-1]["ok"]


def _soon(holds: Any, within_s: float = 40.0) -> bool:
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_an_export_imported_into_a_second_node_is_exported_the_same(node: Node, tmp_path: Path) -> None:
    node.json("import", str(SAMPLE))
    exported = _exported(node, tmp_path)
    second = Node(tmp_path / "second", tmp_path)
    second.run("init", str(second.folder), "--id", "second", "--name", "Second")
    (tmp_path / "premier.json").write_bytes(exported)
    second.json("import", str(tmp_path / "premier.json"))
    one, other = json.loads(exported), json.loads(_exported(second, tmp_path))
    for kind in ("structures", "services"):
        assert sorted(one[kind], key=lambda item: item["id"]) == sorted(other[kind], key=lambda item: item["id"])


def test_a_second_up_says_who_runs_already(running: tuple[Node, int]) -> None:
    node, _ = running
    assert "tourne déjà" in node.run("up", str(node.folder), "--port", str(free_ports(1)[0]), code=1)


def test_a_port_already_taken_is_said_with_the_way_out(node: Node, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = node.run("up", str(node.folder), "--port", str(taken.getsockname()[1]), code=1)
    assert "est pris" in said and "--port" in said


def test_a_folder_that_is_no_node_is_said_with_the_command_that_makes_one(tmp_path: Path) -> None:
    said = Node(tmp_path / "rien", tmp_path).run("status", str(tmp_path / "rien"), code=1)
    assert "maillage init" in said


def test_every_command_has_help_and_a_wrong_one_ends_with_2(node: Node) -> None:
    for words in (["--help"], ["import", "--help"], ["parked", "list", "--help"], ["territory", "points", "--help"]):
        assert "Usage" in node.run(*words)
    node.run("importe", code=2)


def test_a_dry_run_of_a_complete_file_says_what_would_be_withdrawn(node: Node) -> None:
    table = node.work / "liste.csv"
    rows = [f"{number},Association {number}\n" for number in range(10)]
    as_list = ("--source", "liste", "--format", "data-inclusion")
    table.write_text("id,nom\n" + "".join(rows), "utf-8")
    node.json("import", str(table), *as_list)
    table.write_text("id,nom\n" + "".join(rows[:9]), "utf-8")
    would = node.json("import", str(table), *as_list, "--complete", "--dry-run")
    assert counts(would) == {"unchanged": 9, "withdrawn": 1}
    table.write_text("id,nom\n" + "".join(rows[:5]), "utf-8")
    said = node.run("import", str(node.folder), str(table), *as_list, "--complete", "--dry-run", code=1)
    assert "5 fiches sur 10" in said
    assert counts(node.json("import", str(table), *as_list, "--complete", "--force", "--dry-run"))["withdrawn"] == 5


def test_two_commands_on_a_stopped_node_wait_for_each_other(node: Node) -> None:
    command = [BIN, "import", str(node.folder), str(SAMPLE)]
    both = [subprocess.Popen(command, cwd=node.work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in "ab"]
    said = [process.communicate(timeout=60)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], said


def test_two_nodes_never_share_a_port(running: tuple[Node, int], tmp_path: Path) -> None:
    _, port = running
    other = Node(tmp_path / "autre", tmp_path)
    other.run("init", str(other.folder), "--id", "autre", "--name", "Autre")
    said = other.run("up", str(other.folder), "--port", str(port), code=1)
    assert f"Le port {port} est pris" in said


@pytest.mark.parametrize(
    "option", [("--id", "É X"), ("--territory", "zz"), ("--url", "radar.org"), ("--database", "mysql://x")]
)
def test_init_refuses_what_the_node_could_not_read_and_makes_nothing(tmp_path: Path, option: tuple[str, str]) -> None:
    node = Node(tmp_path / "node", tmp_path)
    said = {"--id": "essai", "--name": "Essai"} | {option[0]: option[1]}
    told = node.run("init", str(node.folder), *(word for pair in said.items() for word in pair), code=1)
    assert option[1] in told and "Traceback" not in told
    assert not node.folder.exists()


def test_a_structure_of_the_social_economy_is_public_once_its_argumentaire_is_written(
    running: tuple[Node, int],
) -> None:
    node, port = running
    key = node.run("key", "add", str(node.folder), "site", "--scope", "directory:write").strip()
    node.run("user", "add", str(node.folder), "marie@example.org", "--role", "permanent")
    fields = {"nom": "Le Grain", "date_maj": "2026-01-31", "commune": "Nantes"}
    draft = {"kind": "structure", "source": "site", "source_id": "1", "ess": "yes", "fields": fields}

    def write(**more: Any) -> None:
        said = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/records", json.dumps(draft | more).encode(), said
        )
        urllib.request.urlopen(request, timeout=10).close()

    write()
    refused = node.run("publish", str(node.folder), "--source", "site", "--as", "marie@example.org")
    assert [part.label in refused for part in PARTS] == [True] * 4
    write(argumentaire={part.name: part.example for part in PARTS})
    assert node.json("publish", "--source", "site", "--as", "marie@example.org")["published"] == 1
    ends_at = time.monotonic() + 10
    while not (found := get(port, "/api/v1/structures")["items"]) and time.monotonic() < ends_at:
        time.sleep(0.05)
    identifier = found[0]["id"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/structures/{identifier}", timeout=10) as page:
        text = page.read().decode()
    assert "Vérifiée par un permanent" in text
    assert "Ce que cette structure apporte" in text
