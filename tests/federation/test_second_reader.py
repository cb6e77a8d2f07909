"""A reader that shares no code with the node follows it by `docs/federation.md`: log, snapshot, redaction, new keys."""

from __future__ import annotations

import json
import subprocess
import urllib.request
import uuid
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from deploy.build.vectors import vectors
from gateway import forgetting
from tests.federation.second_reader import Card, Follower, Unproved, ask, b64, canonical, dump, fingerprint
from tests.flows.conftest import MARIE, Program
from tests.running import BIN, RunningNode, running_node

VECTORS = Path(__file__).parents[2] / "docs" / "federation-vectors.json"


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    """The vectors as they are published."""
    read: dict[str, Any] = json.loads(VECTORS.read_bytes())
    return read


def test_the_published_vectors_are_those_that_this_release_makes(said: dict[str, Any]) -> None:
    assert vectors() == VECTORS.read_bytes()
    assert len(said["log"]) == 9


def test_the_vectors_are_read_by_the_words_of_the_document_alone(said: dict[str, Any]) -> None:
    for text in said["canonical"]:
        assert canonical(json.loads(text)) == text.encode()
    for key in said["keys"]:
        assert fingerprint(bytes.fromhex(key["public"])) == key["fingerprint"]
    named = said["record_id"]
    space = uuid.uuid5(uuid.NAMESPACE_URL, f"urn:maillage:{named['home']}")
    assert str(uuid.uuid5(space, f"{named['kind']}/{named['source']}/{named['source_id']}")) == named["id"]
    assert dump(json.loads(said["header"]["bytes"])).decode() == said["header"]["bytes"]
    card = Card(said["card"].encode())
    by_log, by_snapshot = (Follower(card, said["log"][0]["stream"]) for _ in range(2))
    by_log.follow(said["log"])
    by_snapshot.snapshot(said["snapshot"])
    assert by_log.heads == by_snapshot.heads
    assert by_log.root() == by_snapshot.root() == said["root"]
    assert (by_log.erased, by_log.absent, by_log.checked) == ({(1, 1)}, {(1, 1)}, 2)
    assert (by_log.seq, by_log.hash) == (by_snapshot.seq, by_snapshot.hash)


@pytest.mark.parametrize("place", range(9))
def test_no_event_of_the_vectors_can_be_changed_left_out_or_doubled(said: dict[str, Any], place: int) -> None:
    card, stream = Card(said["card"].encode()), said["log"][0]["stream"]
    changed = deepcopy(said["log"])
    changed[place]["recordversion"] += 1
    without = said["log"][:place] + said["log"][place + 1 :]
    doubled = said["log"][: place + 1] + said["log"][place:]
    for lie in (changed, doubled, *([without] if place < 8 else [])):
        with pytest.raises(Unproved):
            Follower(card, stream).follow(lie)
    if place < 2:  # a tombstone left out changes nothing for who held nothing
        with pytest.raises(Unproved):
            Follower(card, stream).snapshot(said["snapshot"][:place] + said["snapshot"][place + 1 :])


def command(*words: object) -> None:
    """A command of the node, that succeeds."""
    done = subprocess.run([BIN, *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout


def publish(node: RunningNode) -> None:
    """Three structures with a contact each, and a checkpoint."""
    told = {"date_maj": "2026-01-31", "commune": "Blain", "code_insee": "44015", "source": "liste"}
    rows = [told | {"nom": f"Association {n}", "id": str(n), "courriel": f"contact{n}@example.org"} for n in range(3)]
    file = node.folder / "liste.json"
    file.write_text(json.dumps({"structures": rows, "services": []}))
    node.ask("accounts", "person_add", email=MARIE, roles=["permanent"])
    command("import", node.folder, file, "--source", "liste")
    command("source", "set", node.folder, "liste", "--policy", "publish")
    command("publish", node.folder, "--source", "liste", "--as", MARIE)
    command("prune", node.folder, "--days", "400")


def test_a_running_node_is_followed_through_a_redaction_a_rotation_and_a_pruning(tmp_path: Path) -> None:
    with running_node(tmp_path / "node") as node:
        publish(node)
        stream = f"{node.ask('federation', 'card')['node']}/directory/shared"

        def card() -> Card:
            with urllib.request.urlopen(f"{node.url}/federation/v1/card", timeout=30) as answer:
                return Card(answer.read())

        def catch_up(follower: Follower) -> None:
            while page := ask(node.url, "log", stream=stream, epoch=follower.epoch, after=follower.seq):
                follower.follow(page)

        early = Follower(card(), stream)
        catch_up(early)
        assert (len(early.records), early.checked) == (3, 1)

        Program(node.url).until("/api/v1/structures", lambda found: len(found["items"]) == 3)
        said = {"courriel": "contact1@example.org"}
        forgetting.forget(lambda door, asked: node.ask("directory", door, **asked), said)
        command("identity", "rotate", node.folder, "--yes")
        node.stop()
        node.start()
        early.card = card()
        catch_up(early)
        assert early.erased and early.card.now != early.card.node
        assert all("contact1" not in json.dumps(each) for each in early.records.values())

        command("prune", node.folder, "--days", "0")
        late = Follower(card(), stream)
        late.snapshot(ask(node.url, "snapshot", stream=stream, epoch=1, after=0, anew="true"))
        catch_up(late)
        catch_up(early)
        assert late.heads == early.heads
        assert late.root() == early.root()
        assert b64("AA") == b"\0"
