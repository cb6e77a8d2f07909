"""Who asks, and what each role may do.

The gateway (or the command line) authenticates; services believe only an **actor**: a short-lived text signed by the
node's key and carried in the header of each call. The role matrix is data, enforced by the services, printed in
`docs/access.md` by `make docs`.
"""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import orjson

from services.kernel import clock
from services.kernel.envelope import Forged
from services.kernel.errors import Forbidden, Unauthorized
from services.kernel.identity import ACTOR, Identity, Keyring

ACTOR_LIFETIME = timedelta(minutes=5)
ROLES = ("permanent", "facilitator", "curator", "volunteer", "structure_editor", "administrator")

MATRIX: dict[str, frozenset[str]] = {
    "directory:write": frozenset({"permanent", "facilitator", "administrator"}),
    "directory:import": frozenset({"permanent", "administrator"}),
    "directory:qualify": frozenset({"permanent"}),
    "directory:confirm": frozenset({"permanent"}),
    "directory:own": frozenset({"structure_editor"}),
    "directory:erase": frozenset({"permanent", "administrator"}),
    "directory:sources": frozenset({"permanent", "administrator"}),
    "accounts:links": frozenset({"permanent", "administrator"}),
    "node:operate": frozenset({"administrator"}),
}
"""What may be done, and the roles of people who may do it. Source: the mission's functions F1 to F3."""

MACHINE_SCOPES = frozenset({"directory:write", "directory:import"})
"""What a machine's key may be given at most: a key edits and imports, it never qualifies, publishes or receives."""


@dataclass(frozen=True)
class Actor:
    """Who is behind a call: a person by e-mail and roles, or a machine's key by name and scopes.

    `structures` are the records whose entry a structure editor may confirm and correct (`directory:own`), with their
    services.
    """

    name: str
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    structures: tuple[str, ...] = ()

    def may(self, act: str) -> bool:
        """Whether a role of this person, or a scope of this key, allows `act`. Raises `KeyError` on an unknown act."""
        allowed = MATRIX[act]
        if any(role in allowed for role in self.roles):
            return True
        return not self.roles and act in self.scopes and act in MACHINE_SCOPES

    def role(self, act: str) -> str:
        """The role by which this person may do `act`: what is told of who did it. Empty for a machine's key."""
        return next((role for role in self.roles if role in MATRIX[act]), "")

    def require(self, act: str) -> None:
        """Raises `Forbidden`, naming the act and who may do it, unless this actor may."""
        if not self.may(act):
            who = ", ".join(sorted(MATRIX[act]))
            raise Forbidden(f"{self.name} n’a pas le droit « {act} » (rôles admis : {who}).", {"act": act})


def seal(actor: Actor, identity: Identity, lifetime: timedelta = ACTOR_LIFETIME) -> str:
    """The actor as a signed text that services of this node believe for `lifetime`."""
    claims = asdict(actor) | {"expires_at": clock.to_text(clock.now() + lifetime)}
    raw = orjson.dumps(claims)
    return f"{_b64(raw)}.{_b64(identity.sign(ACTOR, raw))}"


def unseal(token: str | None, keyid: str, keyring: Keyring, now: datetime | None = None) -> Actor:
    """The actor in a signed text. Raises `Unauthorized` where there is none, it is forged or it has expired."""
    if not token:
        raise Unauthorized("Cette action demande de s’identifier.")
    try:
        body, _, signature = token.partition(".")
        raw = _unb64(body)
        keyring.check(ACTOR, keyid, raw, _unb64(signature))
        claims = orjson.loads(raw)
        expires_at = clock.from_text(claims["expires_at"])
    except (Forged, ValueError, KeyError, TypeError):
        raise Unauthorized("La preuve d’identité n’est pas valable.") from None
    if expires_at < (now or clock.now()):
        raise Unauthorized("La preuve d’identité a expiré ; recommencez.")
    structures = tuple(claims.get("structures", ()))
    return Actor(claims["name"], tuple(claims["roles"]), tuple(claims["scopes"]), structures)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
