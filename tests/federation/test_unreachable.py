"""A node that nobody can reach is read by its own calls: found, changed, written to, cut off, lied by."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from deploy.processes import free_ports
from gateway.app import BODY_AT_MOST_BYTES
from services.federation import requests
from services.federation.cards import written
from services.kernel import clock, identity
from services.kernel.errors import MaillageError
from services.kernel.identity import Identity
from tests.conftest import Fresh
from tests.federation.homes import Home
from tests.federation.test_messages import GRANGE, as_permanent, follow, publish, soon, waiting
from tests.running import BIN, RunningNode, running_node

WITHIN_S = 15.0
Nodes = tuple[RunningNode, RunningNode, str]


@contextmanager
def pair(folder: Path, first: dict[str, str], second: dict[str, str]) -> Iterator[Nodes]:
    """RADAR, and ORPAN at whose address nobody listens, with a public structure of ORPAN that RADAR shows."""
    [closed] = free_ports(1)
    hidden = {"MAILLAGE_NODE_URL": f"http://127.0.0.1:{closed}", "MAILLAGE_FEDERATION_CALLS": "true"}
    with ExitStack() as opened:
        radar, orpan = (
            opened.enter_context(
                running_node(folder / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper(), **more)
            )
            for name, more in (("radar", first), ("orpan", hidden | second))
        )
        record = publish(orpan)
        follow(radar, orpan)
        follow(orpan, radar)
        soon(lambda: shown(radar, record))
        yield radar, orpan, record


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """The two, each in one process."""
    with pair(tmp_path_factory.mktemp("unreachable"), {}, {}) as made:
        yield made


def shown(node: RunningNode, record: str) -> dict[str, Any]:
    """The fields of a record of another node as they are shown here; none where it is not."""
    found = node.ask("directory", "changes", after=0, limit=100)["items"]
    mine = [each["event"]["data"].get("fields", {}) for each in found if each["id"] == record]
    return mine[-1] if mine else {}


def peer(node: RunningNode, other: str = "") -> dict[str, Any]:
    """The peer of this fingerprint, or the only one."""
    [found] = [each for each in node.ask("federation", "peers")["peers"] if other in ("", each["node"])]
    return dict(found)


def write(orpan: RunningNode, numbers: range, telephone: str, **more: str) -> None:
    """Structures of ORPAN with this telephone, all published."""
    drafts = [{"kind": "structure", "source": "liste", "source_id": f"g{number}",
               "fields": GRANGE | {"telephone": telephone} | more} for number in numbers]  # fmt: skip
    opened = orpan.ask("directory", "import_begin", source="liste", name="m", policy="publish")
    orpan.ask("directory", "import_rows", **{"import": opened["import"], "rows": drafts})
    orpan.ask("directory", "import_finish", **{"import": opened["import"]})


def test_what_nobody_can_ask_for_is_found_and_a_change_of_it_within_seconds(nodes: Nodes) -> None:
    radar, orpan, record = nodes
    assert shown(radar, record)["nom"] == "La Grange"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(peer(radar)["url"], timeout=5)
    write(orpan, range(1, 2), "+33240000002")
    soon(lambda: shown(radar, record).get("telephone") == "+33240000002", WITHIN_S)
    soon(lambda: (peer(radar)["calls"], peer(radar)["trouble"]) == (True, ""))
    assert (peer(radar)["called"], peer(orpan)["calls"], peer(orpan)["called"]) == (None, False, "")


def test_it_is_compared_and_judged_equal_as_any_other(nodes: Nodes) -> None:
    radar, orpan, _ = nodes
    orpan.ask("directory", "prune", days=10_000)  # signs a checkpoint now
    [stream] = soon(lambda: [each for each in peer(radar)["streams"] if each["equal"]])
    assert (stream["lag"], stream["records"]) == (0, 1)
    [compared] = radar.ask("federation", "peer_compare", peer="orpan")["streams"]
    assert (compared["judged"], compared["differing"]) == (True, [])


def said(node: RunningNode, *words: str) -> str:
    """What a command says of a node."""
    plain = [word for word in words if not word.startswith("--")]
    command = [BIN, *plain, node.folder, *words[len(plain) :]]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | node.environment).stdout


def test_its_operators_read_that_it_calls_and_no_complaint_about_its_address(nodes: Nodes) -> None:
    radar, orpan, _ = nodes
    soon(lambda: peer(radar)["calls"])
    assert ", appelle" in said(radar, "peer", "list")
    assert ", appelle" not in said(orpan, "peer", "list")
    assert orjson.loads(said(radar, "peer", "list", "--json"))[0]["calls"] is True
    for node, check in ((radar, "pair orpan"), (orpan, "pair radar, appels")):
        found = {each["check"]: each for each in orjson.loads(said(node, "doctor", "--json"))}
        assert found[check]["ok"], found
        assert [each for each in found.values() if not each["ok"] and "pair" in each["check"]] == []


def test_a_suggestion_comes_to_it_and_its_answer_goes_back(nodes: Nodes) -> None:
    radar, orpan, record = nodes
    sent = radar.ask("directory", "suggest", id=record, message="Le portail est bleu.")
    [made] = soon(lambda: waiting(orpan, "Le portail est bleu."))
    as_permanent(orpan, "decide", suggestion=made["suggestion"], accept=False, answer="Il est vert.")

    def answered() -> Any:
        found = as_permanent(radar, "sent_suggestions")["suggestions"]
        return [each["answer"] for each in found if each["id"] == sent["suggestion"] and each["state"] == "refused"]

    assert soon(answered) == ["Il est vert."]


@pytest.mark.parametrize(("who", "more"), [("orpan", 600), ("radar", 601)])
def test_whoever_is_killed_while_it_is_read_and_started_again_nothing_is_lost(
    nodes: Nodes, who: str, more: int
) -> None:
    radar, orpan, _ = nodes
    doomed = radar if who == "radar" else orpan
    write(orpan, range(1, more), f"+33240000{more}")
    doomed.stop(signal.SIGKILL)
    doomed.start()
    orpan.ask("directory", "prune", days=10_000)  # signs a checkpoint now

    def whole() -> Any:
        stream = peer(radar)["streams"][0]
        return stream["equal"] and (stream["lag"], stream["records"]) == (0, more - 1)

    assert soon(whole, 60)
    assert soon(lambda: (peer(radar)["calls"], peer(radar)["trouble"], peer(orpan)["called"]) == (True, "", ""))


def test_with_a_process_for_each_room_it_is_the_same_and_a_page_may_be_long(
    tmp_path: Path, fresh_vhost: Fresh, fresh_database: Fresh
) -> None:
    servers = [{"MAILLAGE_BROKER_URL": fresh_vhost(), "MAILLAGE_DATABASE_URL": fresh_database()} for _ in range(2)]
    with pair(tmp_path, *servers) as (radar, orpan, _):
        write(orpan, range(1, 500), "+33240000003", description="Où l’été dépérit. " * 200)
        log = f"{orpan.url}/federation/v1/log?stream={identity.load(orpan.folder).name}/directory/shared&limit=500"
        page = soon(lambda: (body := urllib.request.urlopen(log, timeout=20).read()).count(b"\n") == 500 and body)
        assert len(page) > BODY_AT_MOST_BYTES, "more than the gateway takes of anybody else"
        soon(lambda: (each := peer(radar)["streams"][0]) and (each["records"], each["lag"]) == (499, 0), 60)
        assert (peer(radar)["calls"], peer(orpan)["called"]) == (True, "")


class LyingCaller:
    """A node that calls RADAR by hand, and answers what a test makes it say."""

    def __init__(self, radar: RunningNode, home: Home) -> None:
        self._url, self.home = f"{radar.url}/federation/v1/turned", home
        self._radar = identity.load(radar.folder).name
        self.asked: list[dict[str, Any]] = []

    def call(self, body: bytes = b"", by: Identity | None = None, sent: bytes | None = None, **more: Any) -> int:
        """One call; its status, and the question that came is in `asked`. `sent` in the place of what is signed."""
        query = urlencode({"from": self.home.identity.name} | more)
        headers = requests.signed_post(by or self.home.identity, self._radar, query, body, clock.now())
        asked = urllib.request.Request(f"{self._url}?{query}", sent or body, headers, method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                said = answer.read()
                self.asked += [orjson.loads(said)] if answer.status == 200 else []
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def answers(self, body: bytes, status: int = 200) -> int:
        """The next call, which answers the question that came last."""
        return self.call(body, id=self.asked[-1]["id"], status=status)


@pytest.fixture(scope="module")
def radar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node that is called."""
    with running_node(tmp_path_factory.mktemp("lied") / "radar") as made:
        yield made


@pytest.fixture
def caller(radar: RunningNode, request: pytest.FixtureRequest) -> LyingCaller:
    """A peer of it that nobody can reach, another for each test."""
    home = Home.of(request.node.name[-30:])
    radar.ask("federation", "peer_add", card=written(home.card(), home.identity).decode())
    return LyingCaller(radar, home)


def test_who_answers_forged_events_is_charged_and_nothing_of_them_is_kept(
    radar: RunningNode, caller: LyingCaller
) -> None:
    home = caller.home
    honest = home.says(1)
    thief = Home(Identity.from_seed(b"t" * 32))
    forged = thief.signed(home.says(2).header, b"{}", b"s" * 32)
    heads = {"node": home.identity.name, "card": 1, "claims": [],
             "streams": [{"stream": home.stream, "epoch": 1, "seq": 2}]}  # fmt: skip
    said = {"streams": orjson.dumps(heads), "log": honest.body() + b"\n" + forged.body() + b"\n"}
    assert soon(lambda: caller.call(begins="true") == 200), "the node asks who calls"

    def blamed() -> Any:
        last = caller.asked[-1]["path"].rpartition("/")[2] if caller.asked else ""
        caller.answers(said.get(last, b""))
        found = peer(radar, caller.home.identity.name)["streams"]
        return found and found[0]["blamed"] and found[0]

    stream = soon(blamed)
    assert stream["blamed"] == home.identity.name
    assert (stream["held"], stream["records"]) == (1, 1), "the honest event before the lie, and no more"


def test_a_call_is_believed_of_who_signed_it_and_of_nobody_else(radar: RunningNode, caller: LyingCaller) -> None:
    stranger = Identity.from_seed(b"x" * 32)
    assert caller.call(by=stranger) == 401
    assert LyingCaller(radar, Home(stranger)).call() == 404
    assert caller.call(begins="true") in (200, 204)
    soon(lambda: caller.asked or caller.call() == 200)
    assert caller.call(b"signed", sent=b"not so", id=caller.asked[-1]["id"], status=200) == 401
    radar.ask("federation", "peer_block", peer=caller.home.identity.name)
    assert caller.call() == 404
    assert peer(radar, caller.home.identity.name)["streams"] == []


def test_a_peer_that_is_not_read_by_its_calls_says_so_in_words(radar: RunningNode, caller: LyingCaller) -> None:
    with pytest.raises(MaillageError):
        radar.ask("federation", "peer_compare", peer="personne")
    assert soon(lambda: "ne répond pas" in peer(radar, caller.home.identity.name)["trouble"])
    assert peer(radar, caller.home.identity.name)["calls"] is False
    caller.call(begins="true")
    assert peer(radar, caller.home.identity.name)["calls"] is True
