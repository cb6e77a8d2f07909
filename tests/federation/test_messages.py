"""Two nodes write to each other: a suggestion goes to the home of a record, sealed, and its answer comes back."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from deploy.client import connected
from services.federation import requests
from services.kernel import clock, identity
from services.kernel.errors import Conflict, NotFound, ValidationError
from tests.running import RunningNode, running_node

MARIE, SECRET = "marie@example.org", "La porte bleue est murée depuis mardi."
GRANGE = {
    "nom": "La Grange", "commune": "Blain", "code_insee": "44015", "date_maj": "2026-01-31",
    "telephone": "+33240000001",
}  # fmt: skip


def soon(question: Callable[[], Any], within_s: float = 40.0) -> Any:
    """What `question` answers once it answers something."""
    ends_at = time.monotonic() + within_s
    while not (answer := question()):
        assert time.monotonic() < ends_at, "nothing came"
        time.sleep(0.1)
    return answer


def publish(node: RunningNode) -> str:
    """One public structure of a node; its id."""
    draft = {"kind": "structure", "source": "liste", "source_id": "g1", "fields": GRANGE}
    opened = node.ask("directory", "import_begin", source="liste", name="m", policy="publish")
    node.ask("directory", "import_rows", **{"import": opened["import"], "rows": [draft]})
    node.ask("directory", "import_finish", **{"import": opened["import"]})
    found: str = node.ask("directory", "export", kind="structure")["records"][0]["id"]
    return found


def follow(node: RunningNode, other: RunningNode) -> None:
    node.ask("federation", "peer_add", card=other.ask("federation", "card")["card"])


def as_permanent(node: RunningNode, door: str, **asked: Any) -> Any:
    with connected(node.folder) as client:
        try:
            actor = client.call("accounts", "act_as", {"email": MARIE})["actor"]
        except NotFound:
            client.call("accounts", "person_add", {"email": MARIE, "roles": ["permanent"]})
            actor = client.call("accounts", "act_as", {"email": MARIE})["actor"]
        return client.call("directory", door, asked, actor)


def get(node: RunningNode, query: str, headers: dict[str, str]) -> int:
    try:
        asked = urllib.request.Request(f"{node.url}/federation/v1/addressed?{query}", headers=headers)
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningNode, RunningNode, str]]:
    """RADAR and ORPAN, which follow each other, and a public structure of ORPAN that RADAR shows."""
    folder = tmp_path_factory.mktemp("messages")
    with ExitStack() as opened:
        radar, orpan = (
            opened.enter_context(running_node(folder / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper()))
            for name in ("radar", "orpan")
        )
        record = publish(orpan)
        follow(radar, orpan)
        follow(orpan, radar)
        soon(lambda: [each for each in radar.ask("directory", "changes", after=0, limit=10)["items"]
                      if each["id"] == record])  # fmt: skip
        yield radar, orpan, record


def waiting(orpan: RunningNode, message: str) -> list[dict[str, Any]]:
    found = as_permanent(orpan, "suggestions")["suggestions"]
    return [each for each in found if each["message"] == message]


def test_what_is_suggested_anywhere_is_answered_at_home_and_the_answer_comes_back(
    nodes: tuple[RunningNode, RunningNode, str],
) -> None:
    radar, orpan, record = nodes
    sent = radar.ask("directory", "suggest", id=record, field="telephone", value="02 40 00 00 02", message=SECRET)
    assert sent["home"] == identity.load(orpan.folder).name
    [made] = soon(lambda: waiting(orpan, SECRET))
    assert (made["value"], made["now"], made["to_answer"]) == ("+33240000002", "+33240000001", False)
    assert (made["from_node"], made["from_name"]) == (identity.load(radar.folder).name, "RADAR")
    as_permanent(orpan, "decide", suggestion=made["suggestion"], accept=True, answer="Merci, c’est corrigé.")

    def answered() -> Any:
        found = as_permanent(radar, "sent_suggestions")["suggestions"]
        return [each for each in found if each["id"] == sent["suggestion"] and each["state"] != "sent"]

    [back] = soon(answered)
    said = back["state"], back["answer"], back["home_name"]
    assert said == ("accepted", "Merci, c’est corrigé.", "ORPAN")
    soon(lambda: [each for each in radar.ask("directory", "changes", after=0, limit=10)["items"]
                  if each["event"]["data"].get("fields", {}).get("telephone") == "+33240000002"])  # fmt: skip


def test_nothing_of_it_can_be_read_in_a_file_of_who_sends(nodes: tuple[RunningNode, RunningNode, str]) -> None:
    radar, _, _ = nodes
    raw = {path: path.read_bytes() for path in radar.folder.rglob("*") if path.is_file()}
    assert not [path.name for path, held in raw.items() if "murée".encode() in held]


def test_what_makes_no_sense_is_refused_here_already(nodes: tuple[RunningNode, RunningNode, str]) -> None:
    radar, _, record = nodes
    with pytest.raises(ValidationError):
        radar.ask("directory", "suggest", id=record, field="telephone", value="n’importe quoi")
    with pytest.raises(ValidationError):
        radar.ask("directory", "suggest", id=record)
    with pytest.raises(NotFound):
        radar.ask("directory", "suggest", id="0190a5a0-0000-7000-8000-000000000000", message="?")


def test_only_the_node_that_it_is_addressed_to_reads_it(nodes: tuple[RunningNode, RunningNode, str]) -> None:
    radar, orpan, _ = nodes
    mine, theirs = identity.load(radar.folder), identity.load(orpan.folder)
    query = f"from={theirs.name}&service=directory&epoch=1&after=0&limit=5"
    assert get(radar, query, {}) == 401
    assert get(radar, query, requests.signed(mine, mine.name, query, clock.now())) == 401
    assert get(radar, query, requests.signed(theirs, theirs.name, query, clock.now())) == 401
    old = clock.now() - 3 * requests.LASTS
    assert get(radar, query, requests.signed(theirs, mine.name, query, old)) == 401
    good = requests.signed(theirs, mine.name, query, clock.now())
    assert (get(radar, query, good), get(radar, query, good)) == (200, 401)
    stranger = identity.Identity.from_seed(b"s" * 32)
    query = f"from={stranger.name}&service=directory&epoch=1&after=0&limit=5"
    assert get(radar, query, requests.signed(stranger, mine.name, query, clock.now())) == 404
    stream = f"{mine.name}/directory/to/{theirs.name}"
    for door in ("log", "snapshot", "wait"):
        with pytest.raises(urllib.error.HTTPError, match=r"404|422"):
            urllib.request.urlopen(f"{radar.url}/federation/v1/{door}?stream={stream}", timeout=20)


def test_who_comes_back_finds_what_was_written_meanwhile_once(nodes: tuple[RunningNode, RunningNode, str]) -> None:
    radar, orpan, record = nodes
    soon(lambda: radar.ask("federation", "peers")["peers"][0]["unread"] == 0)
    orpan.stop()
    for number in range(3):
        radar.ask("directory", "suggest", id=record, message=f"Pendant l’absence, {number}")
    assert soon(lambda: radar.ask("federation", "peers")["peers"][0]["unread"] == 3)  # once the last is numbered
    orpan.start()

    def came() -> list[str]:
        found = [each["message"] for each in as_permanent(orpan, "suggestions")["suggestions"]]
        return [each for each in found if each.startswith("Pendant")]

    soon(lambda: len(came()) == 3)
    soon(lambda: radar.ask("federation", "peers")["peers"][0]["unread"] == 0)
    assert sorted(came()) == [f"Pendant l’absence, {number}" for number in range(3)]


def test_a_node_that_is_not_followed_now_is_named_with_its_address(nodes: tuple[RunningNode, RunningNode, str]) -> None:
    radar, orpan, record = nodes
    radar.ask("federation", "peer_pause", peer="orpan")
    with pytest.raises(Conflict, match=orpan.url):
        radar.ask("directory", "suggest", id=record, message="Bonjour")
    radar.ask("federation", "peer_resume", peer="orpan")


def test_a_home_is_told_why_another_node_hides_its_record(nodes: tuple[RunningNode, RunningNode, str]) -> None:
    radar, orpan, record = nodes
    assert as_permanent(radar, "hide", id=record, reason="Deux plaintes", tell=True)["told"] is True
    [made] = soon(lambda: waiting(orpan, "RADAR ne montre plus cette fiche : Deux plaintes"))
    assert made["record"] == record
    as_permanent(radar, "show", id=record)
    radar.ask("federation", "peer_pause", peer="orpan")
    assert as_permanent(radar, "hide", id=record, reason="Encore", tell=True)["told"] is False
    radar.ask("federation", "peer_resume", peer="orpan")
    assert as_permanent(radar, "show", id=record)["hidden"] is False


def test_who_is_removed_and_added_again_is_shown_whole(nodes: tuple[RunningNode, RunningNode, str]) -> None:
    radar, orpan, record = nodes

    def shown() -> bool:
        items = radar.ask("directory", "changes", after=0, limit=50)["items"]
        return any(each["id"] == record and each["op"] == "put" for each in items)

    assert soon(shown)
    radar.ask("federation", "peer_remove", peer="orpan")
    assert soon(lambda: not shown())
    follow(radar, orpan)
    assert soon(shown)
