"""The doors of accounts: who works here, which machines may write, and the proof of it for the other rooms."""

from __future__ import annotations

from typing import Any

from uuid_utils import uuid7

from services.accounts import events, model, schemas, store
from services.accounts.model import Key, Person
from services.kernel import access, clock
from services.kernel.access import ACTOR_LIFETIME, Actor
from services.kernel.doors import Room, rpc
from services.kernel.errors import Conflict, NotFound, Unauthorized


class AccountsService(Room):
    """People, roles and keys of this node."""

    name = "accounts"

    @rpc
    def person_add(self, request: dict[str, Any]) -> dict[str, Any]:
        """Give somebody roles: `PersonAdd` → `{email, roles}`. Announces `accounts.person.changed.v1`."""
        self.actor().require("node:operate")
        asked = schemas.PersonAdd.read(request)
        with self.db.begin() as session:
            person = store.person(session, asked["email"])
            if person is None:
                person = Person(id=str(uuid7()), email=asked["email"].lower(), version=0, roles="", active=True)
                session.add(person)
            person.roles, person.active = " ".join(sorted(set(asked["roles"]))), True
            self._changed(session, person)
            return _person(person)

    @rpc
    def person_remove(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take all rights from somebody: `ByEmail` → `{email, roles: []}`. Raises `NotFound`."""
        self.actor().require("node:operate")
        asked = schemas.ByEmail.read(request)
        with self.db.begin() as session:
            person = _must(store.person(session, asked["email"]), asked["email"])
            person.roles, person.active = "", False
            self._changed(session, person)
            return _person(person)

    @rpc
    def people(self, request: dict[str, Any]) -> dict[str, Any]:
        """Everybody with a role: `{people: [{email, roles}]}`."""
        self.actor().require("node:operate")
        with self.db.read() as session:
            return {"people": [_person(person) for person in store.people(session)]}

    @rpc
    def act_as(self, request: dict[str, Any]) -> dict[str, Any]:
        """The proof for somebody, asked by the node's operator: `ByEmail` → `{actor, roles}`. Raises `NotFound`."""
        self.actor().require("node:operate")
        asked = schemas.ByEmail.read(request)
        with self.db.read() as session:
            person = _must(store.person(session, asked["email"]), asked["email"])
        actor = Actor(person.email, tuple(person.roles.split()))
        return {"actor": access.seal(actor, self.engine.runtime.identity), "roles": list(actor.roles)}

    @rpc
    def key_add(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make a key: `KeyAdd` → `{name, scopes, origins, key}`; `key` is shown this once. Raises `Conflict`."""
        self.actor().require("node:operate")
        asked = schemas.KeyAdd.read(request)
        secret = model.new_secret()
        with self.db.begin() as session:
            if store.key(session, asked["name"]) is not None:
                raise Conflict(f"Une clé s’appelle déjà « {asked['name']} ».")
            key = Key(
                id=str(uuid7()), name=asked["name"], digest=model.digest_of(secret),
                scopes=" ".join(sorted(set(asked["scopes"]))), origins=" ".join(asked["origins"]),
                created_at=clock.to_text(clock.now()),
            )  # fmt: skip
            session.add(key)
            self.log.append(session, events.key_changed(key.id, 1, key.scopes.split(), True))
            return _key(key) | {"key": secret}

    @rpc
    def key_remove(self, request: dict[str, Any]) -> dict[str, Any]:
        """Forget a key; it stops working within a minute: `ByName` → `{name}`. Raises `NotFound`."""
        self.actor().require("node:operate")
        asked = schemas.ByName.read(request)
        with self.db.begin() as session:
            key = store.key(session, asked["name"])
            if key is None:
                raise NotFound(f"Aucune clé « {asked['name']} ».")
            store.remove_key(session, key)
            self.log.append(session, events.key_changed(key.id, 2, [], False))
            return {"name": key.name}

    @rpc
    def keys(self, request: dict[str, Any]) -> dict[str, Any]:
        """All keys, without their secrets: `{keys: [{name, scopes, origins, created_at}]}`."""
        self.actor().require("node:operate")
        with self.db.read() as session:
            return {"keys": [_key(key) for key in store.keys(session)]}

    @rpc
    def authenticate(self, request: dict[str, Any]) -> dict[str, Any]:
        """The proof for a machine: `Authenticate` → `{actor, name, scopes, origins, expires_at}`.

        Raises `Unauthorized` on a key that does not exist.
        """
        asked = schemas.Authenticate.read(request)
        with self.db.read() as session:
            key = store.key_by_digest(session, model.digest_of(asked["key"]))
        if key is None:
            raise Unauthorized("Cette clé n’existe pas, ou plus.")
        actor = Actor(f"key:{key.name}", scopes=tuple(key.scopes.split()))
        expires_at = clock.to_text(clock.now() + ACTOR_LIFETIME)
        return _key(key) | {"actor": access.seal(actor, self.engine.runtime.identity), "expires_at": expires_at}

    def _changed(self, session: Any, person: Person) -> None:
        person.version += 1
        self.log.append(session, events.person_changed(person.id, person.version, person.roles.split(), person.active))


def _must(person: Person | None, email: str) -> Person:
    if person is None or not person.active:
        raise NotFound(f"Personne n’a l’adresse {email} sur ce nœud : maillage user add DIR {email} --role permanent")
    return person


def _person(person: Person) -> dict[str, Any]:
    return {"email": person.email, "roles": person.roles.split()}


def _key(key: Key) -> dict[str, Any]:
    return {
        "name": key.name, "scopes": key.scopes.split(), "origins": key.origins.split(), "created_at": key.created_at
    }  # fmt: skip
