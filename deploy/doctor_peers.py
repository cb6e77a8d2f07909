"""What may be wrong between this node and its peers, each with its remedy: a part of `maillage doctor`.

Each peer is asked now, on the same terms as its link asks it, and what goes wrong on the way is told by its name: name,
address, network, certificate, clock, another node, another release.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson

from deploy.findings import Finding
from services.federation import reaching
from services.federation.events import STATES
from services.federation.reaching import Reach, is_loopback
from services.kernel import clock
from services.kernel.errors import MaillageError, Unavailable, ValidationError

CLOCK_MAY_DIFFER = timedelta(seconds=60)
SILENT_FOR = timedelta(hours=1)
STREAMS = "/federation/v1/streams"
CALL = "[federation] calls = true fait appeler ses pairs par le nœud que personne ne joint."
REMEDIES = (
    ("révoqué sa clé",
     "Demandez-lui sa carte d’après la révocation (chez lui : maillage peer card DIR --out FICHIER), comparez de vive "
     "voix l’empreinte et la clé en usage, puis maillage peer add DIR CARTE (et --via PAIR s’il est lu par un autre)."),
    ("clé inconnue",
     "Il a changé de clé et sa nouvelle carte n’est pas venue : demandez-la-lui (chez lui : maillage peer card), puis "
     "maillage peer add DIR CARTE (et --via PAIR s’il est lu par un autre, qui est peut-être à mettre à jour)."),
    ("ne suit pas celle que l’on a",
     "Deux cartes de ce membre se contredisent : appelez-le, et si sa clé est bien celle de la nouvelle, maillage peer "
     "remove DIR PAIR puis peer add DIR CARTE."),
    ("deux histoires",
     "Appelez ce membre : sa base est revenue en arrière ou un autre a sa clé. Puis maillage peer resume DIR PAIR."),
    ("disparaîtraient", "Demandez à ce membre s’il les a retirées ; si oui, maillage peer accept DIR PAIR."),
    ("dernière carte de ce nœud",
     "Envoyez-lui votre carte (maillage peer card DIR --out FICHIER) : il l’ajoute par maillage peer add."),
    ("ne le suit pas (ou plus)",
     "Nommez-en un autre qui le suit : maillage peer add DIR CARTE --via PAIR ; ou demandez à celui-là de le suivre."),
)  # fmt: skip
"""What a node writes down of a link or a stream, by a sign in it, and what to do then."""
STREAM_REMEDY = "Appelez ce membre ; puis maillage peer resume, peer accept ou peer remove DIR PAIR."
LINK_REMEDY = "Voyez ce message, puis maillage peer list DIR."
FORMS = {"node", "card", "streams", "claims"}
"""What a node of this release and the one before it says of its streams."""


def examine_peers(
    own_url: str, own_node: str, peers: list[dict[str, Any]], *, calls: bool = False
) -> Iterator[Finding]:  # fmt: skip
    """Look at this node's own address, then at each peer that is followed. `calls`: this node calls its peers."""
    if not peers:
        return
    yield from _own_address(own_url, own_node, peers, calls)
    drifts = []
    for peer in peers:
        if peer["state"] not in ("active", "quarantined"):
            yield Finding(_named(peer), True, STATES[peer["state"]])
            continue
        if peer.get("via"):
            yield from _carried(peer, peers)
            continue
        found, drift = _reached(own_url, peer)
        yield found
        drifts += [drift] if drift is not None else []
        if found.ok:
            yield from _held(peer)
            yield from _called(peer) if calls else ()
    yield from _clock(drifts)


def _carried(peer: dict[str, Any], peers: list[dict[str, Any]]) -> Iterator[Finding]:
    """A peer that is read from another: whether that one is followed, and what it brings is all that there is."""
    by = next((each["id"] for each in peers if each["node"] == peer["via"] and each["state"] == "active"), "")
    remedy = "Ajoutez de nouveau ce pair : maillage peer add DIR CARTE, avec --via d’un pair suivi."
    yield Finding(_named(peer), bool(by), f"lu par {by}" if by else "lu par un pair qui n’est plus suivi", remedy)
    if by:
        yield from _held(peer)


def _own_address(own_url: str, own_node: str, peers: list[dict[str, Any]], calls: bool) -> Iterator[Finding]:
    if is_loopback(own_url):
        if all(is_loopback(peer["url"]) for peer in peers):
            return
        remedy = (
            "Écrivez [node] url, l’adresse https:// par laquelle les autres joignent ce nœud, et redémarrez-le. S’il "
            f"n’en a pas : https://un-nom.invalid et {CALL}"
        )
        yield Finding("adresse de ce nœud", False, f"{own_url} : personne d’autre ne peut le joindre", remedy)
        return
    if calls:
        yield Finding("adresse de ce nœud", True, "il appelle ses pairs : nul besoin qu’elle réponde")
        return
    found, _ = _reached(own_url, {"id": "ce nœud", "node": own_node, "url": own_url, "private": True})
    remedy = (
        "Son adresse publique ne mène pas à lui : ouvrez son port et renvoyez-le vers cette machine (box, pare-feu), "
        f"puis essayez {own_url}{STREAMS} depuis un téléphone. Si cela ne se peut pas : {CALL}"
    )
    yield Finding("adresse de ce nœud", found.ok, found.detail, remedy)


def _reached(own_url: str, peer: dict[str, Any]) -> tuple[Finding, timedelta | None]:
    """Ask a peer for its streams now; also by how much its clock is before ours."""
    name = _named(peer)
    if peer.get("calls"):
        return Finding(name, True, "il appelle ce nœud, qui le lit ainsi"), None
    try:
        reach = Reach(peer["url"], own_url, private=bool(peer.get("private")))
        try:
            answer = reach.get(STREAMS, {})
        finally:
            reach.close()
    except (ValidationError, Unavailable) as error:
        return Finding(name, False, error.message, _why(peer["url"], error)), None
    drift = answer.ahead_by()
    if 300 <= answer.status < 400:
        return Finding(name, False, f"{peer['url']} renvoie ailleurs ({answer.status})", _ask(peer)), drift
    try:
        said = orjson.loads(answer.body) if answer.status == 200 else None
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or "node" not in said:
        detail = f"à {peer['url']} quelque chose répond ({answer.status}) qui n’est pas un nœud"
        return Finding(name, False, detail, _ask(peer)), drift
    if said["node"] != peer["node"]:
        return Finding(name, False, f"à {peer['url']} répond un autre nœud ({said['node']})", _ask(peer)), drift
    if not set(said) >= FORMS:
        remedy = "Sa version est trop ancienne ou trop récente : mettez les deux nœuds à jour."
        return Finding(name, False, f"{peer['url']} répond sous une forme inconnue", remedy), drift
    return Finding(name, True, f"{peer['url']} répond"), drift


def _why(url: str, error: MaillageError) -> str:
    """The remedy for a peer that is not reached, by trying again each step of the way."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if isinstance(error, ValidationError):
        return str(error.details[0]["remedy"])
    try:
        socket.getaddrinfo(host, port)
    except OSError:
        return (
            f"Le nom {host} n’existe pas, ou le DNS de cette machine ne répond pas : essayez « getent hosts {host} »."
        )
    try:
        with socket.create_connection((host, port), timeout=reaching.CONNECT_S) as plain:
            return _why_not_tls(plain, host) if parts.scheme == "https" else "Ce nœud est là et répond mal : réessayez."
    except ConnectionRefusedError:
        return f"La machine est là et rien n’écoute sur son port {port} : ce nœud est arrêté, ou son mandataire l’est."
    except TimeoutError:
        return (
            f"Rien ne revient du port {port} : un pare-feu, ici ou là-bas, ou une box qui ne le renvoie pas (NAT). "
            f"Sans remède chez lui : {CALL}"
        )
    except OSError as again:
        return f"Cette machine n’atteint pas {host} ({again.strerror or again}) : vérifiez son réseau."


def _why_not_tls(plain: socket.socket, host: str) -> str:
    try:
        with ssl.create_default_context().wrap_socket(plain, server_hostname=host):
            return "Ce nœud est là et ne répond pas à temps : réessayez."
    except ssl.SSLCertVerificationError as error:
        reasons = {
            10: "Son certificat est périmé : ce membre doit le renouveler (certbot renew) ; ou l’horloge d’ici ment.",
            18: "Son certificat est signé par lui-même : il en faut un d’une autorité reconnue (Let’s Encrypt).",
            19: "Son certificat vient d’une autorité inconnue : il en faut une reconnue (Let’s Encrypt).",
            20: "Il manque à son certificat celui de l’autorité : ce membre doit servir la chaîne entière (fullchain).",
            62: f"Son certificat n’est pas celui de {host} : l’adresse de sa carte, ou son mandataire, est à corriger.",
        }
        return reasons.get(error.verify_code, f"Son certificat n’est pas accepté : {error.verify_message}.")
    except (ssl.SSLError, OSError):
        return "À ce port rien ne parle TLS : l’adresse est fausse, ou le mandataire de ce membre est mal réglé."


def _held(peer: dict[str, Any]) -> Iterator[Finding]:
    """What the link itself says of a peer that answers."""
    for stream in peer["streams"]:
        if stream["trouble"]:
            yield Finding(f"{_named(peer)}, flux", False, stream["trouble"], _remedy(stream["trouble"], STREAM_REMEDY))
        elif stream["equal"] is False:
            remedy = "Le flux est relu en entier dans les dix minutes ; si cela reste, appelez ce membre."
            yield Finding(f"{_named(peer)}, flux", False, "ce qui est tenu n’est pas ce que son nœud a signé", remedy)
    if peer["trouble"]:
        yield Finding(f"{_named(peer)}, lien", False, peer["trouble"], _remedy(peer["trouble"], LINK_REMEDY))
    heard = peer["heard_at"] and clock.now() - clock.from_text(peer["heard_at"])
    if heard and heard > SILENT_FOR:
        remedy = "Il répond à présent : redémarrez ce nœud si cela dure."
        yield Finding(f"{_named(peer)}, lien", False, f"pas entendu depuis {heard.seconds // 60} min", remedy)


def _remedy(trouble: str, otherwise: str) -> str:
    return next((remedy for sign, remedy in REMEDIES if sign in trouble), otherwise)


def _called(peer: dict[str, Any]) -> Iterator[Finding]:
    """Whether a peer that this node reaches takes its calls."""
    if peer["called"] is None:
        remedy = "Redémarrez ce nœud : il appelle ses pairs dès son départ, si [federation] calls le veut."
        yield Finding(f"{_named(peer)}, appels", False, "pas encore appelé", remedy)
    elif peer["called"]:
        remedy = (
            "Ce membre doit avoir la carte d’ici (maillage peer card ; peer add chez lui) et une version qui écoute."
        )
        yield Finding(f"{_named(peer)}, appels", False, peer["called"], remedy)
    else:
        yield Finding(f"{_named(peer)}, appels", True, "ses réponses viennent")


def _clock(drifts: list[timedelta]) -> Iterator[Finding]:
    """One clock that differs is theirs; all of them, and it is ours."""
    wrong = [drift for drift in drifts if abs(drift) > CLOCK_MAY_DIFFER]
    if not wrong:
        return
    seconds = round(wrong[0].total_seconds())
    detail = f"{abs(seconds)} s {'de retard' if seconds > 0 else 'd’avance'} sur {len(wrong)} pair(s) de {len(drifts)}"
    ours = "L’horloge de cette machine est fausse : timedatectl set-ntp true."
    theirs = "L’une des deux horloges est fausse : timedatectl set-ntp true, ici et là-bas."
    yield Finding("horloge", False, detail, ours if len(wrong) == len(drifts) > 1 else theirs)


def _named(peer: dict[str, Any]) -> str:
    return f"pair {peer['id']}"


def _ask(peer: dict[str, Any]) -> str:
    return f"Demandez à {peer['id']} son adresse d’aujourd’hui : maillage peer card chez lui, peer add ici."
