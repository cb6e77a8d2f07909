"""Who did what to a record: told to those who work here, and by the role alone to a structure."""

from __future__ import annotations

from services.kernel.access import Actor
from tests.directory.conftest import structure
from tests.directory.test_qualification import get, imported
from tests.rooms import MACHINE, PERMANENT, Opened


def test_who_holds_a_structures_link_reads_roles_and_no_address_of_anybody(directory: Opened) -> None:
    imported(directory, [structure()])
    [known] = directory.export(kind="structure", public=False)["records"]
    directory.qualify(ids=[known["id"]])
    both = Actor("zoe@example.org", ("facilitator", "volunteer"))
    directory.as_(both).edit(id=known["id"], version=get(directory, known["id"])["version"], ess="unknown")
    own = Actor(f"structure:{known['id']}", ("structure_editor",), structures=(known["id"],))
    version = get(directory.as_(PERMANENT), known["id"])["version"]
    directory.as_(own).edit(id=known["id"], version=version, fields={"courriel": "nous@example.org"})
    directory.as_(PERMANENT).confirm(id=known["id"], how="Odile au téléphone")
    theirs = directory.as_(own).history(id=known["id"])["entries"]
    ours = directory.as_(PERMANENT).history(id=known["id"])["entries"]
    assert [each["by"] for each in theirs] == [
        "permanent",
        "structure_editor",
        "facilitator volunteer",
        "permanent",
        "import",
    ]
    assert PERMANENT.name in str(ours) and both.name in str(ours)
    keys = directory.as_(MACHINE).history(id=known["id"])["entries"]
    for name in (PERMANENT.name, both.name, "Odile"):
        assert name not in str(theirs) + str(keys)
    left_out = [{**each, "by": "", "how": ""} for each in ours]
    assert [{**each, "by": "", "how": ""} for each in theirs] == left_out
