"""What may be wrong with the fast lane, each with its remedy: a part of `maillage doctor`.

RabbitMQ says why a link does not run in Erlang; what it means is said here. HTTPS goes on whatever is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from deploy.findings import Finding
from services.kernel import clock
from services.kernel.settings import Settings

SOON_OVER = timedelta(days=60)
ABSENT, STARTING, RUNNING, UNKNOWN = "absent", "starting", "running", "unknown"
LINKS = {ABSENT: "absent", STARTING: "démarre", RUNNING: "en marche", UNKNOWN: "inconnu"}
"""The states of a link as people read them; RabbitMQ has others, for links that failed."""
WHY = (
    (("403", "ACCESS_REFUSED", "access_refused"),
     "Ce membre n’a pas pris votre document, ou a refait le sien : maillage peer lane open DIR PAIR, envoyez-le, "
     "et reprenez le sien (maillage peer lane take)."),
    (("auth_failure", "not_allowed", "530"),
     "Ce membre a fermé la voie ou changé le mot de passe : il fait maillage peer lane open, et vous peer lane take."),
    (("econnrefused",), "Son RabbitMQ n’écoute pas à ce port : il vérifie [lane] port et tls.conf."),
    (("timeout", "ehostunreach", "enetunreach"),
     "Son RabbitMQ ne peut pas être joint : il ouvre ce port (box, pare-feu) ou corrige [lane] host."),
    (("nxdomain",), "Le nom de son RabbitMQ n’existe pas : il corrige [lane] host et refait peer lane open."),
    (("eacces", "cacertfile", "enoent"),
     "RabbitMQ ne peut pas lire les certificats d’ici : écrivez [lane] files, un dossier que son groupe lit, et "
     "reprenez le document de ce membre."),
    (("tls_alert", "unknown_ca", "certificate", "hostname_check_failed"),
     "Son certificat n’est pas celui de son document : il refait maillage peer lane open, et vous peer lane take."),
)  # fmt: skip


def examine_lanes(settings: Settings, said: dict[str, Any]) -> Iterator[Finding]:
    """`said`: what the room tells of its lanes (`federation.lanes`)."""
    if not settings.lane.management:
        if said["lanes"]:
            remedy = "Écrivez [lane] management, puis redémarrez ; ou maillage peer lane close DIR PAIR."
            yield Finding("voies rapides", False, "des voies sont ouvertes, sans [lane] management", remedy)
        return
    if said["trouble"]:
        detail, _, remedy = said["trouble"].partition(" : ")
        yield Finding("voies rapides", False, detail, remedy or "Corrigez ce que dit ce message, puis recommencez.")
        return
    yield Finding("voies rapides", True, f"RabbitMQ les permet ; ouvertes : {len(said['lanes'])}")
    for lane in said["lanes"]:
        yield _of(lane)
    yield from _certificate(said["certificate_ends"])


def _of(lane: dict[str, Any]) -> Finding:
    name, state = f"voie rapide {lane['id']}", lane["state"]
    if not lane["taken_at"]:
        remedy = "Demandez-lui le sien, puis maillage peer lane take DIR FICHIER."
        return Finding(name, False, "son document n’a pas été pris ici", remedy)
    if not lane["way"]:
        return Finding(name, True, "il lit ici ; il est lu par HTTPS")
    if state == UNKNOWN:
        remedy = "rabbitmq-plugins enable rabbitmq_federation_management"
        return Finding(name, False, "RabbitMQ ne dit pas l’état de ses liens", remedy)
    if state in (RUNNING, STARTING):
        return Finding(name, True, f"{LINKS[state]}, {lane['events']} événements reçus de {lane['way']}")
    if state == ABSENT:
        remedy = "Reprenez son document : maillage peer lane take DIR FICHIER."
        return Finding(name, False, "le lien n’est plus dans RabbitMQ", remedy)
    return Finding(name, False, f"{lane['way']} : {lane['why'][:120] or state}", why(lane["why"]))


def why(said: str) -> str:
    """What RabbitMQ's words mean, as a remedy."""
    for signs, remedy in WHY:
        if any(sign in said for sign in signs):
            return remedy
    return "Voyez le journal de RabbitMQ (/var/log/rabbitmq) ; HTTPS continue."


def _certificate(ends: str | None) -> Iterator[Finding]:
    if ends is None:
        return
    left = clock.from_text(ends) - clock.now()
    remedy = "maillage peer lane open DIR PAIR en fait un autre ; redémarrez RabbitMQ. L’autre membre n’a rien à faire."
    yield Finding("certificat de RabbitMQ", left > SOON_OVER, f"valable {left.days} jours", remedy)
