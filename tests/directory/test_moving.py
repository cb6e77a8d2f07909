"""What a record that moved home must prove, and what forgers cannot: held, shown nowhere, charged to nobody."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from services.directory import events, moving, store
from services.kernel.envelope import GENESIS, Header, Signed, canonical, datahash, read_claim
from services.kernel.errors import NotHome, ValidationError, WrongState
from services.kernel.identity import EVENT, Identity
from tests.directory.moves import FIRST, World, move

THIEF = Identity.from_seed(b"thief" * 6 + b"xx")


def tells(node: Identity, kind: str, data: dict[str, Any], causation: str = "", stream_of: str = "") -> Signed:
    """An event that a node signs, whatever it says."""
    raw, salt = canonical(data), os.urandom(32)
    header = Header(
        stream=f"{stream_of or node.name}/directory/shared", epoch=1, seq=1_000, id="x", type=kind, subject=data["id"],
        recordversion=data["version"], time="2026-11-24T10:00:00.000000Z", keyid=node.keyid, causation=causation,
        prev=GENESIS, datahash=datahash(salt, raw),
    )  # fmt: skip
    return Signed(header, node.sign(EVENT, header.raw), raw, salt)


def link(event: Signed, by: Identity) -> dict[str, Any]:
    return moving.link(event, moving.keys_of(by.public_key, by.rotations))


def claims(world: World, proof: Any, term: int = 1, to: str = "orpan") -> Signed:
    """A node says that the structure is its own, with this as proof."""
    node = world.ids[to]
    [adopted] = [each for each in world.said("orpan") if each.header.type == events.STRUCTURE_ADOPTED]
    said = adopted.payload() | {"home": node.name, "proof": proof, "term": term, "version": 50}
    return tells(node, events.STRUCTURE_PUBLISHED, said)


def believed(world: World, event: Signed) -> bool:
    """Whether ANIMATION shows it, though all it had heard before was RADAR's; nobody is charged for it."""
    assert events.is_told_by(event.header.stream.partition("/")[0], event.header, event.payload())
    before = world.seen_at("animation")
    world.tell("animation", event)
    return world.seen_at("animation") != before


def true_link(world: World) -> dict[str, Any]:
    [adopted] = [each for each in world.said("orpan") if each.header.type == events.STRUCTURE_ADOPTED]
    found: dict[str, Any] = adopted.payload()["proof"][0]
    return found


def test_what_the_home_signed_is_believed_in_whatever_order_it_is_heard(world: World) -> None:
    move(world)
    world.hear("animation", "orpan")
    assert world.seen_at("animation")["home"] == world.fingerprint("orpan")
    world.hear("animation", "radar")
    assert world.seen_at("animation") == {
        "op": "put", "home": world.fingerprint("orpan"), "term": 1, "telephone": "+33240000000", "moving": False,
    }  # fmt: skip


def test_until_the_new_home_speaks_it_is_shown_as_it_was_and_said_to_move(world: World) -> None:
    move(world)
    world.hear("animation", "radar")
    seen = world.seen_at("animation")
    assert (seen["home"], seen["telephone"], seen["moving"]) == (world.fingerprint("radar"), "+33240000000", True)


def test_a_proof_by_another_key_of_another_record_to_another_or_of_another_term_proves_nothing(world: World) -> None:
    move(world)
    orpan, radar = world.ids["orpan"], world.ids["radar"]
    [moved] = [each for each in world.said("radar") if each.header.type == events.STRUCTURE_MOVED]
    [of_service] = [each for each in world.said("radar") if each.header.type == events.SERVICE_MOVED]
    head = moved.header

    def signed(by: Identity, **changes: Any) -> dict[str, Any]:
        header = replace(head, **changes)
        return link(Signed(header, by.sign(EVENT, header.raw), None, None), by)

    wrong = {
        "nothing": None, "no link": [], "two links": [true_link(world)] * 2, "no object": ["x"],
        "by a thief": [signed(THIEF)], "by a thief in its name": [signed(THIEF, keyid=radar.keyid)],
        "by who takes it": [signed(orpan)],
        "of the service": [link(of_service, radar)],
        "of another record": [signed(radar, subject=world.service)],
        "of another stream": [signed(radar, stream=f"{orpan.name}/directory/shared")],
        "no move": [signed(radar, type=events.STRUCTURE_PUBLISHED)],
        "to another": [signed(radar, causation=moving.cause(world.fingerprint("animation"), 1))],
        "to nobody": [signed(radar, causation="")],
        "of a later term": [signed(radar, causation=moving.cause(orpan.name, 2))],
        "another signature": [true_link(world) | {"signature": signed(orpan)["signature"]}],
    }  # fmt: skip
    assert {name for name, proof in wrong.items() if believed(world, claims(world, proof))} == set()
    assert not believed(world, claims(world, [true_link(world)], term=2))
    assert believed(world, claims(world, [true_link(world)]))


def test_a_link_that_served_once_gives_the_record_back_to_nobody(world: World) -> None:
    move(world)
    move(world, "orpan", "radar")
    world.hear("animation", "radar")
    assert world.seen_at("animation")["term"] == 2
    assert not believed(world, claims(world, [true_link(world)]))


def test_who_never_heard_of_the_first_home_follows_its_keys_from_the_first(world: World) -> None:
    old = Identity.from_seed(b"old home" * 4)
    new = old.rotated(b"new home" * 4, revoked=False)
    said = {"id": "r", "kind": "structure", "home": world.fingerprint("orpan"), "origin": old.name, "term": 1,
            "version": 3}  # fmt: skip
    moved = tells(new, events.STRUCTURE_MOVED, said, moving.cause(world.fingerprint("orpan"), 1), old.name)
    event = tells(world.ids["orpan"], events.STRUCTURE_ADOPTED, said)

    def why_not(proof: dict[str, Any], known: moving.Known | None = None) -> str:
        return moving.why_not(event.header, said | {"proof": [proof]}, lambda node: known)

    proof = link(moved, new)
    assert why_not(proof) == ""
    assert why_not(proof | {"rotations": []}) != ""
    other = old.rotated(b"stranger" * 4, revoked=False)
    assert why_not(link(moved, other)) != ""
    by_first = tells(old, events.STRUCTURE_MOVED, said, moving.cause(world.fingerprint("orpan"), 1))
    assert why_not(link(by_first, old)) == ""


def test_a_key_that_the_card_of_the_first_home_ended_signs_no_move_after_its_last_event(world: World) -> None:
    radar = world.ids["radar"]
    new = radar.rotated(b"radar, later" * 2 + b"12345678", revoked=True)
    stream = f"{radar.name}/directory/shared"
    move(world)
    head = read_claim(true_link(world)).header
    keys = {"now": new.keyid, "keys": {radar.keyid: radar.public_key.hex(), new.keyid: new.public_key.hex()}}
    said = {"node": radar.name, "label": "radar", "name": "RADAR", "url": "https://radar.example.org",
            "state": "active"}  # fmt: skip
    world.know("animation", said | {"keys": keys | {"lasts": {radar.keyid: {stream: [1, head.seq - 1, "0" * 64]}}}})
    assert not believed(world, claims(world, [true_link(world)]))
    stolen = radar.rotated(b"stolen" * 5 + b"xx", revoked=False)
    header = replace(head, keyid=stolen.keyid)
    by_another_line = link(Signed(header, stolen.sign(EVENT, header.raw), None, None), stolen)
    assert not believed(world, claims(world, [by_another_line]))
    world.know("animation", said | {"keys": keys | {"lasts": {radar.keyid: {stream: [1, head.seq + 5, "0" * 64]}}}})
    assert believed(world, claims(world, [true_link(world)]))


def test_a_home_of_its_own_record_cannot_raise_the_term_alone(world: World) -> None:
    radar = world.ids["radar"]
    said = world.said("radar")[0].payload() | {"version": 90, "term": 3, "origin": radar.name, "proof": []}
    assert not believed(world, tells(radar, events.STRUCTURE_PUBLISHED, said))
    assert not events.is_told_by(radar.name, tells(THIEF, events.STRUCTURE_PUBLISHED, said).header, said | {
        "term": 0, "origin": world.fingerprint("orpan")
    })  # fmt: skip


def test_what_is_let_go_to_who_did_not_accept_it_is_not_taken(world: World) -> None:
    world.offer("radar", "orpan")
    world.write_to("orpan", "radar")
    data = world.said("radar")[0].payload()
    radar, to = world.ids["radar"], world.fingerprint("orpan")
    moved = data | {"version": 9, "to": to} | moving.keys_of(radar.public_key, ())
    world.tell("orpan", tells(radar, events.STRUCTURE_MOVED, moved, moving.cause(to, 1)))
    assert world.homes() == ["radar"]


def test_a_database_put_back_gives_up_what_it_had_let_go(world: World) -> None:
    move(world)
    radar = world.nodes["radar"]
    with radar.database.begin() as session:
        record = store.record(session, world.structure)
        assert record is not None
        record.home, record.term, record.status, record.public_version = world.fingerprint("radar"), 0, "qualified", 1
    world.hear("radar", "orpan")
    assert world.homes() == ["orpan"]
    with pytest.raises(NotHome):
        world.edit("radar", "+33240000001")


def test_services_go_with_their_structure_and_one_with_a_waiting_change_keeps_it_home(world: World) -> None:
    radar, to = world.nodes["radar"], world.fingerprint("orpan")
    with pytest.raises(ValidationError):
        radar.hand_over(to=to, ids=[world.service])
    with pytest.raises(ValidationError):
        radar.hand_over(to=to, ids=[world.structure], all=True)
    seen = radar.hand_over(to=to, all=True, dry_run=True)
    assert (seen["structures"], seen["services"], seen["staying"]) == (1, 1, [])
    assert radar.offers()["offers"] == []
    made = world.offer("radar", "orpan")
    world.write_to("orpan", "radar")
    with pytest.raises(WrongState):
        radar.offer_decide(id=made, decision="accept")
    world.accept("orpan")
    world.write_to("radar", "orpan")
    world.hear("orpan", "radar")
    assert world.seen_at("orpan", world.service)["home"] == to
    counted = radar.offers()["offers"][0]
    assert (counted["state"], counted["done"]) == ("accepted", 2)


def test_withdrawn_at_its_new_home_it_is_gone_everywhere_and_what_the_old_one_said_wakes_nothing(world: World) -> None:
    move(world)
    world.nodes["orpan"].withdraw(id=world.structure, reason="fermée")
    world.hear("animation", "orpan")
    world.hear("animation", "radar")
    world.hear("radar", "orpan")
    assert [world.seen_at(name)["op"] for name in ("radar", "orpan", "animation")] == ["delete"] * 3
    assert world.seen_at("animation")["term"] == 1


def test_who_is_erased_at_the_old_home_leaves_a_proof_that_holds_and_a_tombstone_that_changes_nothing(
    world: World,
) -> None:
    move(world)
    world.nodes["radar"].number_all()
    said = {"telephone": FIRST["telephone"]}
    assert world.nodes["radar"].object_to(**said)["records"] == [world.structure]
    world.nodes["radar"].number_all()
    world.nodes["radar"].object_finish(**said)
    world.nodes["radar"].number_all()
    told = [each for each in world.said("radar") if each.header.subject == world.structure]
    assert [each.data is None for each in told] == [True] * (len(told) - 1) + [False]
    world.hear("animation", "orpan")
    world.settle()
    assert world.seen_at("animation")["home"] == world.fingerprint("orpan")
    assert world.seen_at("radar") == world.seen_at("animation")


def test_what_was_let_go_before_it_was_accepted_comes_with_the_acceptance(world: World) -> None:
    world.offer("radar", "orpan")
    world.write_to("orpan", "radar")
    [made] = world.nodes["radar"].offers()["offers"]
    radar = world.nodes["radar"]
    with radar.database.begin() as session:  # as if the other had accepted, and its database been put back since
        radar.room.heard_of_offer(session, world.fingerprint("orpan"), {"kind": "accept", "id": made["id"]})
    world.hear("orpan", "radar")
    assert world.homes() == []
    world.accept("orpan")
    world.settle()
    assert world.homes() == ["orpan"]
    assert world.seen_at("animation", world.service)["home"] == world.fingerprint("orpan")


def test_a_service_is_taken_under_the_structure_that_came_with_it_and_under_no_other(world: World) -> None:
    orpan, radar, to = world.nodes["orpan"], world.ids["radar"], world.fingerprint("orpan")
    draft = {"kind": "structure", "source": "ici", "source_id": "1", "fields": FIRST}
    [own] = orpan.put(records=[draft])["records"]
    orpan.qualify(ids=[own["id"]], how="visit")
    world.offer("radar", "orpan")
    world.write_to("orpan", "radar")
    world.accept("orpan")
    [service] = [each for each in world.said("radar") if each.header.subject == world.service]
    data = service.payload() | {"version": 9, "to": to} | moving.keys_of(radar.public_key, ())
    under_ours = data | {"structure": own["id"]}
    world.tell("orpan", tells(radar, events.SERVICE_MOVED, under_ours, moving.cause(to, 1)))
    assert [each["id"] for each in orpan.export(kind="service", public=False)["records"]] == []
    world.tell("orpan", tells(radar, events.SERVICE_MOVED, data, moving.cause(to, 1)))
    assert [each["id"] for each in orpan.export(kind="service", public=False)["records"]] == [world.service]


def test_a_service_that_is_public_since_the_offer_goes_along(world: World) -> None:
    radar = world.nodes["radar"]
    world.offer("radar", "orpan")
    fields = {"nom": "Atelier", "description": "Un atelier.", "date_maj": "2026-01-31"}
    draft = {"kind": "service", "source": "liste", "source_id": "s2", "structure_source_id": "g1", "fields": fields}
    [later] = radar.put(records=[draft])["records"]
    radar.qualify(ids=[later["id"]], how="visit")
    world.write_to("orpan", "radar")
    world.accept("orpan")
    world.settle()
    assert world.seen_at("animation", later["id"])["home"] == world.fingerprint("orpan")


def test_a_service_that_comes_after_its_structure_went_on_follows_it(world: World) -> None:
    world.offer("radar", "orpan")
    world.write_to("orpan", "radar")
    world.accept("orpan")
    world.write_to("radar", "orpan")
    [last] = [each for each in world.said("radar") if each.header.type == events.STRUCTURE_MOVED]
    world.hear("orpan", "radar", world.said("radar").index(last) + 1)
    move(world, "orpan", "radar")
    world.settle()
    seen = [world.seen_at(name, world.service) for name in ("radar", "orpan", "animation")]
    assert [(each["home"], each["term"], each["op"]) for each in seen] == [(world.fingerprint("radar"), 2, "put")] * 3
