"""Where RabbitMQ does not do as it is asked, the remedy is said; what crosses is sealed and holds no surprise."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nacl.public import PrivateKey

from deploy.doctor_lanes import examine_lanes
from deploy.servers import PrivateBroker
from deploy.tenants import call_broker_api
from services.federation import store
from services.federation.cards import Card, written
from services.federation.lane import documents
from services.federation.lane.documents import Offer
from services.federation.lane.management import Management
from services.federation.model import Lane
from services.federation.service import FederationService
from services.kernel.errors import Forbidden, MaillageError, Unavailable, ValidationError
from services.kernel.identity import Identity
from services.kernel.settings import Broker, LaneSettings, Node, Settings
from tests.conftest import Backend
from tests.federation.homes import Home
from tests.rooms import NODE, OPERATOR, PERMANENT, Opened

ORPAN, RADAR = Home.of("orpan").identity, Home.of("radar").identity
KEY = PrivateKey(b"k" * 32)
OFFER = Offer("rabbit.example.org", 5671, True, "p" * 40, "rabbit@orpan", "", 1)


def card(of: Identity, sealing: PrivateKey = KEY) -> Card:
    """A node's card."""
    return Card(of.name, "orpan", "ORPAN", "44", "http://127.0.0.1:1", of.public_key, bytes(sealing.public_key), 1)


def known(name: str) -> Card | None:
    """RADAR's peers: ORPAN."""
    return card(ORPAN) if name == ORPAN.name else None


def test_a_document_is_read_by_whom_it_is_for_and_by_nobody_else() -> None:
    sealed = documents.make(ORPAN, card(RADAR), OFFER)
    assert documents.take(sealed, KEY, RADAR.name, known)[1] == OFFER
    assert base64.urlsafe_b64decode(sealed + "==").find(OFFER.password.encode()) == -1
    for what, (text, key, own) in {
        "another's key": (sealed, PrivateKey(b"o" * 32), RADAR.name),
        "another's name": (sealed, KEY, NODE.name),
        "cut": (sealed[:-9], KEY, RADAR.name),
        "a word": ("salut", KEY, RADAR.name),
        "nothing": ("", KEY, RADAR.name),
    }.items():
        with pytest.raises(ValidationError, match="voie rapide"):
            documents.take(text, key, own, known)
        assert what


def test_a_document_is_signed_by_the_key_in_use_of_a_peer() -> None:
    forged = documents.make(dataclasses.replace(RADAR, name=ORPAN.name), card(RADAR), OFFER)
    with pytest.raises(ValidationError, match="pas signé"):
        documents.take(forged, KEY, RADAR.name, known)
    stranger = documents.make(NODE, card(RADAR), OFFER)
    with pytest.raises(ValidationError, match="peer add"):
        documents.take(stranger, KEY, RADAR.name, known)
    former = documents.make(ORPAN, card(RADAR), OFFER)
    rotated = ORPAN.rotated(b"n" * 32, revoked=True)
    later = dataclasses.replace(card(rotated), rotations=rotated.rotations)
    with pytest.raises(ValidationError, match="nouvelle carte"):
        documents.take(former, KEY, RADAR.name, lambda name: later)


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "x/../y"}, {"host": "a@b"}, {"host": "a b"}, {"host": "a?verify=verify_none"}, {"port": 0},
        {"port": 70_000}, {"password": "p" * 39 + "/"}, {"cluster": "a:b"}, {"cluster": ".*"}, {"cluster": ""},
        {"authority": "-----BEGIN PRIVATE KEY-----"}, {"port": True}, {"tls": 1},
    ],
)  # fmt: skip
def test_no_part_of_an_address_is_more_than_it_says(wrong: dict[str, Any]) -> None:
    sealed = documents.make(ORPAN, card(RADAR), dataclasses.replace(OFFER, **wrong))
    with pytest.raises(ValidationError):
        documents.take(sealed, KEY, RADAR.name, known)


@pytest.fixture
def bare() -> Iterator[PrivateBroker]:
    """A broker without the federation plugin."""
    with PrivateBroker() as started:
        yield started


def test_what_is_wrong_with_the_management_api_is_told_with_its_remedy(bare: PrivateBroker) -> None:
    at = f"http://127.0.0.1:{bare.api_port}"
    call_broker_api(bare.api_url, "PUT", "/users/plain", {"password": "plain", "tags": "management"})
    call_broker_api(bare.api_url, "PUT", "/users/none", {"password": "none", "tags": ""})
    for user, password, remedy in (
        ("guest", "wrong", "[lane] user et password"),
        ("plain", "plain", "set_user_tags plain administrator"),
        ("none", "none", "set_user_tags none administrator"),
        ("guest", "guest", "rabbitmq-plugins enable"),
    ):
        with pytest.raises(Unavailable) as found:
            Management(at, user, password).check()
        assert remedy in found.value.message
        assert "wrong" not in found.value.message
        [told] = examine_lanes(settings(at), {"lanes": [], "trouble": found.value.message, "certificate_ends": None})
        assert not told.ok and remedy in f"{told.detail} {told.remedy}"
    with pytest.raises(Unavailable, match="rabbitmq_management rabbitmq_federation") as away:
        Management("http://127.0.0.1:1", "guest", "guest").check()
    assert "[lane] management" in away.value.message


def settings(management: str, **lane: Any) -> Settings:
    """Those of a node on one machine, for a trial."""
    asked = {"tls": False, "host": "127.0.0.1", "port": 5672} | lane
    return Settings(
        Node("essai", "Essai"), broker=Broker("amqp://guest:guest@127.0.0.1:1//"),
        lane=LaneSettings(management=management, **asked),
    )  # fmt: skip


@pytest.fixture
def federation(backend: Backend, tmp_path: Path) -> Iterator[Opened]:
    """The federation of `NODE`, with one peer."""
    opened = Opened(FederationService, backend, tmp_path).as_(OPERATOR)
    (tmp_path / "secrets").mkdir()
    opened.room.engine.runtime = SimpleNamespace(
        identity=NODE, settings=settings(""), folder=tmp_path, ask=lambda *_: {}
    )
    opened.peer_add(card=written(card(ORPAN), ORPAN).decode())
    yield opened
    opened.close()


def test_without_a_broker_or_where_it_is_away_nothing_is_made_and_the_remedy_said(federation: Opened) -> None:
    with pytest.raises(ValidationError, match=r"\[lane\] management"):
        federation.lane_open(peer="orpan")
    federation.room.engine.runtime.settings = settings("http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="rabbitmq-plugins"):
        federation.lane_open(peer="orpan")
    said = federation.lanes()
    assert said["lanes"] == [] and "rabbitmq-plugins" in said["trouble"]
    with federation.database.begin() as session:
        assert session.query(Lane).count() == 0
    with pytest.raises(MaillageError):
        federation.lane_close(peer="orpan")
    with pytest.raises(Forbidden):
        federation.as_(PERMANENT).lane_open(peer="orpan")


def test_forgetting_a_peer_needs_no_broker(federation: Opened) -> None:
    with federation.database.begin() as session:
        session.add(store.new_lane(ORPAN.name))
    federation.room.engine.runtime.settings = settings("http://127.0.0.1:1")
    assert federation.peer_remove(peer="orpan")["id"] == "orpan"
    assert federation.lanes()["lanes"] == []
