"""Taking an import back by the command: it says what it would do, and asks."""

from __future__ import annotations

from tests.deploy.test_cli import SAMPLE, Node, node

__all__ = ["node"]


def test_undo_shows_what_it_would_do_asks_and_leaves_what_a_person_qualified(node: Node) -> None:
    done = node.json("import", str(SAMPLE))["import_id"]
    node.run("user", "add", str(node.folder), "marie@example.org", "--role", "permanent")
    node.run("source", "set", str(node.folder), "exemples-radar", "--policy", "hold")
    published = node.json("publish", "--source", "exemples-radar", "--as", "marie@example.org")["published"]
    foreseen = node.json("undo", done, "--dry-run")
    assert (foreseen["by_people"], foreseen["withdrawn"] + foreseen["kept"]) == (published, 98)
    assert node.json("undo", done, "--dry-run", "--all")["withdrawn"] == 98
    said = node.run("undo", str(node.folder), done, code=1)
    assert f"À retirer : {foreseen['withdrawn']}" in said
    assert f"Qualifiées ou modifiées depuis par une personne : {published}, qui restent" in said
    assert f"{foreseen['records'][0]['name']} : qualifiée ou modifiée par une personne" in said
    assert [each["state"] for each in node.json("imports")] == ["finished"]
    assert "directory:qualify" in node.run("undo", str(node.folder), done, "--all", "--yes", code=1)
    assert node.json("undo", done) == foreseen
    assert "déjà annulé" in node.run("undo", str(node.folder), done, "--dry-run", code=1)
