"""Nodes that run decide about a pair of two homes: told to all, one outcome everywhere, one record for the public."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from services.kernel import identity
from tests.federation.test_messages import MARIE, as_permanent, follow, publish, soon
from tests.federation.test_moving import page, said_at
from tests.running import BIN, RunningNode, running_node

ACCUEIL = {
    "nom": "Permanence du mardi",
    "description": "Un accueil sans rendez-vous, le mardi.",
    "date_maj": "2026-01-31",
}


class Three:
    """RADAR and ORPAN with one structure each, which are one, and ANIMATION; all follow each other."""

    def __init__(self, nodes: list[RunningNode], records: list[str]) -> None:
        self.radar, self.orpan, self.animation = self.all = nodes
        self.pair = {"a": records[0], "b": records[1]}
        self.kept, self.gone = sorted(records)
        self.home_of_gone = nodes[records.index(self.gone)]

    def decide(self, node: RunningNode, decision: str, **more: Any) -> None:
        as_permanent(node, "duplicate_decide", **self.pair, decision=decision, **more)

    def outcomes(self) -> list[tuple[Any, ...]]:
        """What comes of the pair at each node, and of how many decisions."""
        found = [as_permanent(node, "duplicate_outcome", **self.pair) for node in self.all]
        return [(each["decision"], each["public"], each["kept"], len(each["said"])) for each in found]

    def all_say(self, *outcome: Any) -> bool:
        return self.outcomes() == [outcome] * 3


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    folder = tmp_path_factory.mktemp("deciding")
    with ExitStack() as opened:
        nodes = [
            opened.enter_context(running_node(folder / name, MAILLAGE_NODE_ID=name, MAILLAGE_NODE_NAME=name.upper()))
            for name in ("radar", "orpan", "animation")
        ]
        records = [publish(node) for node in nodes[:2]]
        found = Three(nodes, records)
        for node in nodes:
            for other in nodes:
                if other is not node:
                    follow(node, other)
        for node in nodes:
            soon(lambda node=node: all(said_at(node, record) for record in records))
        yield found


def contrary(node: RunningNode) -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = as_permanent(node, "duplicates_contrary")["pairs"]
    return pairs


def command(node: RunningNode, name: str, *said: str) -> str:
    done = subprocess.run([BIN, "duplicates", name, str(node.folder), *said, "--as", MARIE], capture_output=True,
                          text=True, check=False, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pair_of_two_homes_is_proposed_to_both_homes_with_who_holds_the_other(three: Three) -> None:
    for node, other in ((three.radar, "ORPAN"), (three.orpan, "RADAR")):
        [pair] = soon(lambda node=node: as_permanent(node, "duplicates")["pairs"])
        assert {pair["a"]["id"], pair["b"]["id"]} == set(three.pair.values())
        [far] = [each for each in (pair["a"], pair["b"]) if "home_node" in each]
        assert (far["home_node"]["name"], far["public"], pair["said"]) == (other, True, [])
        assert as_permanent(node, "work", reason="duplicates")["counts"]["duplicates"] == 1
    assert as_permanent(three.animation, "duplicates")["pairs"] == [], "its homes see to it"


def test_a_third_node_says_what_it_thinks_and_the_homes_decide(three: Three) -> None:
    three.decide(three.animation, "same")
    soon(lambda: three.all_say("same", False, None, 1))
    [pair] = as_permanent(three.radar, "duplicates")["pairs"]
    [said] = pair["said"]
    assert (said["name"], said["decision"], said["home"]) == ("ANIMATION", "same", False)
    three.decide(three.radar, "different")
    soon(lambda: three.all_say("different", False, None, 2))
    for node, by in ((three.animation, "RADAR"), (three.radar, "ANIMATION")):
        [told] = soon(lambda node=node: contrary(node))
        assert by in [each["name"] for each in told["outcome"]["said"] if each["decision"] != told["decision"]]
        assert as_permanent(node, "work")["counts"]["contrary"] == 1
    assert as_permanent(three.orpan, "duplicates")["pairs"] == [], "nothing that it says would change the outcome"
    assert "RADAR (nœud d’origine / home) : different" in command(three.animation, "contrary")


def test_both_homes_say_the_same_and_every_page_shows_one_with_the_sources_and_services_of_both(three: Three) -> None:
    service = {"kind": "service", "source": "liste", "source_id": "s1", "structure_source_id": "g1", "fields": ACCUEIL}
    made = three.home_of_gone.ask("directory", "import_begin", source="liste", name="m", policy="publish")
    three.home_of_gone.ask("directory", "import_rows", **{"import": made["import"], "rows": [service]})
    three.home_of_gone.ask("directory", "import_finish", **{"import": made["import"]})
    three.decide(three.radar, "same")
    three.decide(three.orpan, "same")
    soon(lambda: three.all_say("same", True, three.kept, 3))
    assert contrary(three.animation) == []
    for node in three.all:
        soon(lambda node=node: said_at(node, three.gone).get("replaced_by") == three.kept)
        soon(lambda node=node: len(_read(node, three.kept).get("sources", ())) == 1)
        [source] = _read(node, three.kept)["sources"]
        assert (source["id"], source["source"], source["source_id"]) == (three.gone, "liste", "g1")
        shown = soon(lambda node=node: _with(page(node, f"/structures/{three.gone}"), "Permanence du mardi"))
        assert "n’est plus dans l’annuaire" not in shown
        found = json.loads(page(node, "/api/v1/search/services"))["items"]
        assert [each["service"]["structure"]["nom"] for each in found] == ["La Grange"]


def test_a_decision_taken_back_is_a_decision_and_both_are_shown_again(three: Three) -> None:
    assert "Ce qui vaut partout : same" in command(three.orpan, "undo", *three.pair.values())
    soon(lambda: three.all_say("same", False, None, 2))
    for node in three.all:
        soon(lambda node=node: "replaced_by" not in said_at(node, three.gone))
        soon(lambda node=node: not _read(node, three.kept).get("sources"))
        soon(lambda node=node: not _with(page(node, f"/structures/{three.kept}"), "Permanence du mardi"))
        soon(lambda node=node: _with(page(node, f"/structures/{three.gone}"), "Permanence du mardi"))
    [again] = soon(lambda: as_permanent(three.orpan, "duplicates")["pairs"])
    assert {each["name"] for each in again["said"]} == {"RADAR", "ANIMATION"}
    for node in three.all:
        troubles = [peer["streams"][0]["trouble"] for peer in node.ask("federation", "peers")["peers"]]
        assert troubles == ["", ""]
    assert identity.load(three.orpan.folder).name not in {each["node"] for each in again["said"]}


def _read(node: RunningNode, record: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page(node, f"/api/v1/records/{record}"))
    return found


def _with(text: str, word: str) -> str:
    return text if f">{word}<" in text else ""
