"""Links to sign in, from the command line: of a person, and of a structure."""

from __future__ import annotations

from deploy.client import connected
from tests.deploy.test_cli import SAMPLE, Node, node

__all__ = ["node"]


def test_a_structures_link_is_made_by_command_and_a_services_is_that_of_its_structure(node: Node) -> None:
    node.json("import", str(SAMPLE))
    with connected(node.folder) as opened:
        [service, *_] = opened.call("directory", "export", {"kind": "service", "public": False})["records"]
    for record in (service["structure"], service["id"]):
        made = node.json("user link", "--structure", record)
        assert made["url"].startswith("http://127.0.0.1:8080/entrer/")
        assert made["days"] > 1
        with connected(node.folder) as opened:
            held = opened.call("accounts", "session_open", {"secret": made["url"].rpartition("/")[2]})
            who = opened.call("accounts", "session_get", {"session": held["session"]})
        assert who["structures"] == [service["structure"]]


def test_a_link_for_nobody_or_for_two_is_refused_with_what_to_say(node: Node) -> None:
    assert "--structure" in node.run("user", "link", str(node.folder), code=1)
    both = ("marie@example.org", "--structure", "x")
    assert "une adresse électronique, ou" in node.run("user", "link", str(node.folder), *both, code=1)
