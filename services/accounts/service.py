"""The doors of accounts: who works here, how they come in, which machines may write, and the proof of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from uuid_utils import uuid7

from services.accounts import events, letters, mail, model, schemas, signing, store
from services.accounts.model import Key, Person
from services.kernel import access, clock
from services.kernel.access import ACTOR_LIFETIME, Actor
from services.kernel.doors import Room, rpc
from services.kernel.errors import Conflict, NotFound, Unauthorized
from services.kernel.settings import Settings


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

    @rpc
    def link_ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask for a link by mail: `LinkAsk` → `{mail}`, whether this node sends mail at all.

        The answer is the same whether the address is known here or not.
        """
        asked = schemas.LinkAsk.read(request)
        if not self._settings.mail.host:
            return {"mail": False}
        with self.db.begin() as session:
            person = store.person(session, asked["email"])
            known = person if person is not None and person.active else None
            if known is not None and store.links_of(session, known.id) < signing.LINKS_AT_MOST:
                secret = signing.link_for(session, known, clock.now())
                mail.queue(session, letters.sign_in(known.email, self._settings.node.name, self._url(secret)))
        self.postman.wake()
        return {"mail": True}

    @rpc
    def link_make(self, request: dict[str, Any]) -> dict[str, Any]:
        """A link for somebody, asked by the node's operator: `ByEmail` → `{url, minutes}`; shown this once."""
        self.actor().require("node:operate")
        asked = schemas.ByEmail.read(request)
        with self.db.begin() as session:
            person = _must(store.person(session, asked["email"]), asked["email"])
            url = self._url(signing.link_for(session, person, clock.now()))
        return {"url": url, "minutes": int(model.LINK_LASTS.total_seconds() // 60)}

    @rpc
    def structure_link(self, request: dict[str, Any]) -> dict[str, Any]:
        """A link that opens the entries of structures once: `StructureLink` → `{url, days}`; shown this once."""
        self.actor().require("accounts:links")
        asked = schemas.StructureLink.read(request)
        with self.db.begin() as session:
            ids = [str(each) for each in asked["structures"]]
            url = self._url(signing.link_to(session, ids, timedelta(days=asked["days"]), clock.now()))
        return {"url": url, "days": asked["days"]}

    @rpc
    def link_spent(self, request: dict[str, Any]) -> dict[str, Any]:
        """Whose link this was, asked by a room of this node: `Secret` → `{structures}`.

        Empty unless it is a structure's link that was used or has expired.
        """
        self.actor().require("node:operate")
        asked = schemas.Secret.read(request)
        with self.db.read() as session:
            return {"structures": list(signing.spent(session, asked["secret"], clock.now()))}

    @rpc
    def session_open(self, request: dict[str, Any]) -> dict[str, Any]:
        """Use a link: `Secret` → `{session}`, what the browser will hold. Raises `Unauthorized`."""
        asked = schemas.Secret.read(request)
        with self.db.begin() as session:
            return {"session": signing.open_session(session, asked["secret"], clock.now())}

    @rpc
    def session_get(self, request: dict[str, Any]) -> dict[str, Any]:
        """Who holds a session: `Token` → `{actor, name, roles, structures, acts, expires_at}`. Raises `Unauthorized`.

        `acts` is all that this person may do, for pages that show no more than that.
        """
        asked = schemas.Token.read(request)
        with self.db.begin() as session:
            actor, expires_at = signing.who(session, asked["session"], clock.now())
        return {
            "actor": access.seal(actor, self.engine.runtime.identity), "name": actor.name, "roles": list(actor.roles),
            "structures": list(actor.structures), "expires_at": expires_at,
            "acts": [act for act in access.MATRIX if actor.may(act)],
        }  # fmt: skip

    @rpc
    def session_close(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sign out: `Token` → `{}`."""
        asked = schemas.Token.read(request)
        with self.db.begin() as session:
            signing.close_session(session, asked["session"])
        return {}

    @rpc
    def mail_queue(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a message, asked by a room of this node: `MailQueue` → `{queued}`, false where no mail is sent."""
        self.actor().require("node:operate")
        asked = schemas.MailQueue.read(request)
        if not self._settings.mail.host:
            return {"queued": False}
        with self.db.begin() as session:
            mail.queue(session, mail.Message(**asked))
        self.postman.wake()
        return {"queued": True}

    def loops(self) -> Iterable[Callable[[threading.Event], None]]:
        """Sends the messages."""
        return (self.postman.run,)

    def stopping(self) -> None:
        """Ends the wait for messages."""
        self.postman.wake()

    @property
    def postman(self) -> mail.Postman:
        """The one who sends messages from this process."""
        engine = self.engine
        if not hasattr(engine, "postman"):
            engine.postman = mail.Postman(engine.database, self._settings.mail)
        postman: mail.Postman = engine.postman
        return postman

    @property
    def _settings(self) -> Settings:
        settings: Settings = self.engine.runtime.settings
        return settings

    def _url(self, secret: str) -> str:
        return f"{self._settings.base_url}/entrer/{secret}"

    def _changed(self, session: Any, person: Person) -> None:
        person.version += 1
        store.close_sessions(session, person.id)
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
