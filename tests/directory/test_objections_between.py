"""Who objects at one node: the homes of others' records that name them are told, by digests; it moves with a record."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import text

from gateway import forgetting
from services.directory import hearing, salted, store_told
from services.directory.objection_rows import Kept
from services.kernel import identity
from services.kernel.errors import Forbidden, ValidationError, WrongState
from services.kernel.sealing import opened
from tests.directory.moves import FIRST, World, move
from tests.directory.test_qualification import imported
from tests.rooms import PERMANENT, VOLUNTEER

ZOE = {"contact_nom_prenom": "Zoé Quelconque", "courriel": "zoe@example.org", "telephone": "02 40 12 34 56"}
NAMES_ZOE = {"telephone": "+33240123456", "description": "Demandez Mme QUELCONQUE, Zoe, à l’accueil."}
SAYS = (b"quelconque", b"zoe@", b"40123456", b"40 12 34 56")
AT_HOME = {"nom": "Secours d’Orvault", "commune": "Orvault", "code_insee": "44114", "date_maj": "2026-01-31"}


def publish(world: World, name: str, source_id: str, **fields: Any) -> str:
    """A public structure of a node, which the others have heard of."""
    draft = {"kind": "structure", "source": "liste", "source_id": source_id, "fields": fields}
    [made] = world.nodes[name].put(records=[draft])["records"]
    world.nodes[name].qualify(ids=[made["id"]], how="visit")
    world.settle()
    record: str = made["id"]
    return record


def objects(world: World, name: str, said: dict[str, str] | None = None) -> forgetting.Forgotten:
    """Somebody objects at a node."""
    return forgetting.forget(lambda door, asked: call(world, name, door, asked), said or ZOE)


def call(world: World, name: str, door: str, asked: dict[str, Any]) -> Any:
    """A door of a node; what it committed before is numbered first."""
    world.nodes[name].number_all()
    return getattr(world.nodes[name], door)(asked)


def accepts(world: World, name: str) -> dict[str, Any]:
    """A node accepts the first objection that waits there."""
    [waits, *_] = heard(world, name)
    return forgetting.accept(lambda door, asked: call(world, name, door, asked), waits["id"])


def heard(world: World, name: str, state: str = "open") -> list[dict[str, Any]]:
    """What a node was told and is to decide, once it looked."""
    world.settle()
    world.nodes[name].room.look_through()
    world.settle()
    return [each for each in world.nodes[name].objections_heard()["heard"] if each["state"] == state]


def told(world: World, name: str) -> list[dict[str, Any]]:
    """What a node told others."""
    world.settle()
    found: list[dict[str, Any]] = world.nodes[name].objections_told()["told"]
    return found


def everything(world: World, name: str) -> list[bytes]:
    """All cells that the database of a node's directory holds, in lower case."""
    cells: list[bytes] = []
    with world.nodes[name].database.read() as session:
        bind = session.get_bind()
        names = [each.name for each in Kept.metadata.sorted_tables] + ["event_log", "inbox", "parked"]
        assert bind is not None
        for table in dict.fromkeys(names):
            for row in session.execute(text(f"SELECT * FROM {table}")):
                cells += [bytes(each) if isinstance(each, bytes | memoryview) else str(each).encode() for each in row]
    return [each.lower() for each in cells]


def boxes(world: World, of: str, to: str) -> list[bytes]:
    """What a node wrote to another, opened by that one's key."""
    key = identity.sealing_key(world.nodes[to].room.engine.runtime.folder)
    with world.nodes[of].database.read() as session:
        data = session.scalars(text("SELECT data FROM event_log WHERE data IS NOT NULL")).all()
    found = [opened(orjson.loads(bytes(each)), key) for each in data if bytes(each).startswith(b'{"sealed"')]
    return [orjson.dumps(each).lower() for each in found if each]


def test_the_home_of_another_record_that_names_them_decides_and_the_answer_comes_back(world: World) -> None:
    theirs = publish(world, "orpan", "o1", **AT_HOME, **NAMES_ZOE)
    seen = world.nodes["radar"].object_to(ZOE | {"dry_run": True})["elsewhere"]
    assert [(each["id"], each["fields"], each["why"], each["home_name"], each["hidden"]) for each in seen] == [
        (theirs, ["description", "telephone"], "contact", "ORPAN", False)
    ]
    assert seen[0]["page"] == f"https://orpan.example.org/structures/{theirs}"
    assert told(world, "radar") == []
    done = objects(world, "radar")
    assert (done.told, done.unreached) == (1, [])
    [waits] = heard(world, "orpan")
    assert (waits["node_name"], waits["record"]) == ("RADAR", theirs)
    assert waits["found"] == [
        {"id": theirs, "kind": "structure", "name": "Secours d’Orvault", "fields": ["description", "telephone"]}
    ]
    assert world.nodes["orpan"].work(limit=1)["objections"] == 1
    with pytest.raises(WrongState):
        world.nodes["orpan"].objection_decide(id=waits["id"], decision="accept")
    accepts(world, "orpan")
    assert world.nodes["orpan"].get(id=theirs)["fields"]["description"] == "Demandez Mme …, à l’accueil."
    assert world.nodes["orpan"].work(limit=1)["objections"] == 0
    [back] = told(world, "radar")
    assert (back["state"], back["home_name"], back["record"]) == ("accepted", "ORPAN", theirs)
    imported(world.nodes["orpan"], [{"kind": "structure", "source": "radar", "source_id": "o2",
                                     "fields": AT_HOME | NAMES_ZOE | {"nom": "Autre"}}])  # fmt: skip
    assert not named_in(everything(world, "orpan"))
    assert not named_in(everything(world, "radar"))


def test_what_travels_and_what_is_kept_of_it_says_no_value(world: World) -> None:
    publish(world, "orpan", "o1", **AT_HOME, **NAMES_ZOE)
    objects(world, "radar")
    [cell] = named_in(everything(world, "radar"))
    assert cell.startswith(b"{"), "what the other home publishes, which it alone can change"
    [box] = boxes(world, "radar", "orpan")
    assert b'"kind":"objection"' in box
    assert not named_in([box])
    heard(world, "orpan")
    told_there = rows(world, "orpan", "objection_heard")
    assert len(told_there) == 1
    assert not named_in(told_there)


def named_in(said: list[bytes]) -> list[bytes]:
    """Those that have a value of Zoé."""
    return [each for each in said if any(value in each for value in SAYS)]


def rows(world: World, name: str, table: str) -> list[bytes]:
    """The rows of a table as text."""
    with world.nodes[name].database.read() as session:
        found = session.execute(text(f"SELECT * FROM {table}"))
        return [b"|".join(bytes(each) if isinstance(each, bytes | memoryview) else str(each).encode() for each in row)
                for row in found]  # fmt: skip


def test_a_home_dismisses_with_a_reason_and_is_not_asked_again_by_another(world: World) -> None:
    publish(world, "orpan", "o1", **AT_HOME, **NAMES_ZOE)
    objects(world, "radar")
    [waits] = heard(world, "orpan")
    with pytest.raises(ValidationError):
        world.nodes["orpan"].objection_decide(id=waits["id"], decision="dismiss", answer=" ")
    with pytest.raises(Forbidden):
        world.nodes["orpan"].as_(VOLUNTEER).objection_decide(id=waits["id"], decision="accept")
    world.nodes["orpan"].as_(PERMANENT).objection_decide(id=waits["id"], decision="dismiss", answer="Une homonyme.")
    [back] = told(world, "radar")
    assert (back["state"], back["answer"]) == ("dismissed", "Une homonyme.")
    with pytest.raises(WrongState):
        world.nodes["orpan"].objection_decide(id=waits["id"], decision="dismiss", answer="Encore.")
    objects(world, "animation")
    assert [(each["state"], each["answer"]) for each in told(world, "animation")] == [("dismissed", "Une homonyme.")]
    assert heard(world, "orpan") == []
    again = objects(world, "radar")
    assert (again.told, len(told(world, "radar"))) == (0, 1), "said twice, told once"


def test_a_structure_that_may_be_the_same_is_told_of_and_says_that_it_names_nobody(world: World) -> None:
    place = {"adresse": "2 rue des Halles"}
    radar = world.nodes["radar"]
    version = radar.get(id=world.structure)["version"]
    radar.edit(id=world.structure, version=version, fields=place | {"telephone": "02 40 12 34 56"})
    same = publish(world, "orpan", "o1", **(FIRST | place))
    another = publish(world, "animation", "a1", **AT_HOME)
    objects(world, "radar")
    assert [(each["record"], each["why"]) for each in told(world, "radar")] == [(same, "duplicate")]
    assert heard(world, "orpan") == []
    assert [each["state"] for each in told(world, "radar")] == ["absent"]
    assert another not in [each["record"] for each in told(world, "radar")]


def test_a_service_that_names_them_and_a_draft_that_may_be_the_same_are_found_at_home(world: World) -> None:
    theirs = publish(world, "orpan", "o1", **AT_HOME)
    orpan = world.nodes["orpan"]
    service = {"kind": "service", "source": "liste", "source_id": "s1", "structure_source_id": "o1",
               "fields": {"nom": "Accueil", "description": "Un accueil.", "date_maj": "2026-01-31",
                          "courriel": "Zoe@example.org"}}  # fmt: skip
    [made] = orpan.put(records=[service])["records"]
    orpan.qualify(ids=[made["id"]], how="visit")
    world.settle()
    draft = {"kind": "structure", "source": "autre", "source_id": "d1", "fields": AT_HOME | NAMES_ZOE}
    [twin] = orpan.put(records=[draft])["records"]
    orpan.duplicates_find()
    objects(world, "radar")
    [waits] = heard(world, "orpan")
    assert waits["record"] == theirs
    assert {each["id"]: each["fields"] for each in waits["found"]} == {
        made["id"]: ["courriel"], twin["id"]: ["description", "telephone"]
    }  # fmt: skip


def test_an_objection_moves_with_its_record_and_the_new_home_imports_without_it(world: World) -> None:
    objects(world, "radar", {"telephone": FIRST["telephone"]})
    world.settle()
    move(world)
    world.settle()
    orpan = world.nodes["orpan"]
    with pytest.raises(ValidationError):
        world.edit("orpan", "02.40.00.00.00")
    imported(orpan, [
        {"kind": "structure", "source": "radar", "source_id": "g1", "fields": FIRST},
        {"kind": "structure", "source": "radar", "source_id": "x", "fields": AT_HOME | {"telephone": "0240000000"}},
    ])  # fmt: skip
    said = {f"{each['source']}/{each['source_id']}": each["fields"].get("telephone")
            for each in orpan.export(kind="structure", public=False)["records"]}  # fmt: skip
    assert said == {"liste/g1": None, "radar/g1": None, "radar/x": "0240000000"}, (
        "checked for the record and what may be the same"
    )
    move(world, of="orpan", to="animation")
    world.settle()
    with pytest.raises(ValidationError):
        world.edit("animation", "02.40.00.00.00")


def test_objections_that_come_before_the_record_is_accepted_are_kept_and_heeded_once_it_is(world: World) -> None:
    """As after a database was put back: what was sent is heard again, and the offer waits again."""
    check = salted.check(world.structure, "telephone", "0240123456").written()
    carried = {"kind": "objections", "records": [{"record": world.structure, "checks": [check]}]}
    orpan, radar = world.nodes["orpan"], world.fingerprint("radar")
    own = publish(world, "orpan", "o1", **AT_HOME)
    world.offer("radar", "orpan")
    world.write_to("orpan", "radar")
    with orpan.database.begin() as session:
        orpan.room.heard_of_objection(session, radar, carried)
        digest = salted.digest(own, "telephone", "+33240123456")
        store_told.add(session, Kept(structure_id=own, key=digest, field="telephone", digest=digest, words=0, letters=0,
                                     carried=True))  # fmt: skip
    world.accept("orpan")
    world.write_to("radar", "orpan")
    world.settle()
    with pytest.raises(ValidationError):
        world.edit("orpan", "02 40 12 34 56")
    version = orpan.get(id=own)["version"]
    orpan.edit(id=own, version=version, fields={"telephone": "02 40 12 34 56"})  # a record that never moved is its own


def test_what_nobody_accepted_and_what_makes_no_sense_changes_nothing(world: World) -> None:
    publish(world, "orpan", "o1", **AT_HOME, **NAMES_ZOE)
    radar, own = world.fingerprint("radar"), world.fingerprint("orpan")
    check = salted.check(world.structure, "telephone", "0240123456").written()
    with world.nodes["orpan"].database.begin() as session:
        room = world.nodes["orpan"].room
        carried = {"kind": "objections", "records": [{"record": world.structure, "checks": [check]}]}
        assert room.heard_of_objection(session, radar, carried) == []
        for wrong in ({}, {"id": "x"}, {"checks": [check] * 4}, {"checks": []}, {"reply": "AA=="},
                      {"checks": [check | {"digest": "zz"}]}, {"checks": [check | {"field": "nom"}]},
                      {"checks": [check | {"field": "contact_nom_prenom"}]}):  # fmt: skip
            said = {"id": world.structure, "record": world.structure, "checks": [check], "reply": "A" * 43 + "="}
            assert hearing.receive(session, radar, {} if not wrong else said | wrong, own) is None
    assert rows(world, "orpan", "objection_kept") == rows(world, "orpan", "objection_heard") == []
