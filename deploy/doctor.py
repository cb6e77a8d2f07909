"""What may be wrong with a node, each with its remedy: `maillage doctor`, on a running node or a stopped one."""

from __future__ import annotations

import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.client import Client, try_socket
from deploy.doctor_lanes import examine_lanes
from deploy.doctor_peers import examine_peers
from deploy.doctor_servers import examine_broker, examine_database
from deploy.findings import Finding
from deploy.folder import OWNERS
from services.kernel import clock, identity, settings
from services.kernel.errors import MaillageError
from services.kernel.settings import Settings, erased_mark

LOW_DISK_BYTES = 500_000_000
BULK_OLD = timedelta(days=2)


def examine(folder: Path) -> Iterator[Finding]:
    """Look at everything, from what the rest stands on; stops where nothing further can be known."""
    if not (folder / settings.FILE).exists():
        yield Finding(
            "réglages", False, f"{folder} n’est pas le dossier d’un nœud", f"maillage init {folder} --id … --name …"
        )
        return
    try:
        loaded = settings.load(folder)
    except (OSError, MaillageError) as error:
        yield Finding("réglages", False, str(error), f"Corrigez {folder / settings.FILE}, puis recommencez.")
        return
    mode = stat.S_IMODE((folder / settings.FILE).stat().st_mode)
    remedy = f"chmod 600 {folder / settings.FILE}"
    yield Finding("réglages", not mode & 0o077, f"{folder / settings.FILE}, droits {mode:o}", remedy)
    checks: dict[str, Callable[[Path, Settings], Iterator[Finding]]] = {
        "clé du nœud": _secrets, "disque": _disk, "base de données": examine_database, "courtier": examine_broker,
        "courrier": _mail, "fichiers de données": _bulk, "nœud": _running,
    }  # fmt: skip
    for name, check in checks.items():
        try:
            yield from check(folder, loaded)
        except (OSError, MaillageError) as error:
            yield Finding(name, False, str(error), "Corrigez ce que dit ce message, puis recommencez.")


def _secrets(folder: Path, loaded: Settings) -> Iterator[Finding]:
    path = folder / "secrets"
    who = identity.load(folder)
    mode = stat.S_IMODE(path.stat().st_mode)
    yield Finding("clé du nœud", not mode & 0o077, f"empreinte {who.name}, droits {mode:o}", f"chmod 700 {path}")
    rest = [folder / name for name in OWNERS if name != "secrets" and (folder / name).exists()]
    wide = [str(each) for each in rest if stat.S_IMODE(each.stat().st_mode) & 0o077]
    detail = f"{', '.join(wide)} : lisibles par d’autres de cette machine" if wide else "au seul propriétaire"
    yield Finding("dossiers", not wide, detail, f"chmod 700 {' '.join(wide)}")


def _disk(folder: Path, loaded: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    yield Finding("disque", free > LOW_DISK_BYTES, f"{free // 1_000_000} Mo libres", "Libérez au moins 500 Mo.")


def _mail(folder: Path, loaded: Settings) -> Iterator[Finding]:
    import smtplib

    given = loaded.mail
    if not given.host:
        yield Finding("courrier", True, "aucun : maillage user link imprime les liens pour entrer")
        return
    if not given.sender:
        yield Finding("courrier", False, "l’adresse d’envoi manque", "Ajoutez sender à la section [mail].")
        return
    try:
        opened = smtplib.SMTP_SSL if given.security == "tls" else smtplib.SMTP
        with opened(given.host, given.port, timeout=5) as server:
            server.noop()
        yield Finding("courrier", True, f"{given.host}:{given.port}")
    except (OSError, smtplib.SMTPException) as error:
        remedy = "Vérifiez [mail] host, port et security, et que ce serveur accepte cette machine."
        yield Finding("courrier", False, f"{given.host}:{given.port} : {type(error).__name__}", remedy)


def _bulk(folder: Path, loaded: Settings) -> Iterator[Finding]:
    from gateway.bulk.making import seen_of
    from gateway.bulk.shelf import Shelf

    if not loaded.bulk.enabled or not seen_of(folder / "index"):
        return
    state = Shelf.of(folder).state()
    begun = max(path.stat().st_mtime for path in (folder / settings.FILE, erased_mark(folder)) if path.exists())
    since = state[0] if state else datetime.fromtimestamp(begun, UTC)
    detail = f"{'vérifiés' if state else 'jamais faits, attendus depuis'} le {since:%d/%m/%Y}"
    remedy = f"maillage bulk {folder} les fait, ou dit pourquoi il ne le peut."
    yield Finding("fichiers de données", clock.now() - since < BULK_OLD, detail, remedy)


def _running(folder: Path, loaded: Settings) -> Iterator[Finding]:
    connection = try_socket(folder)
    if connection is None:
        yield Finding("nœud", True, "arrêté")
        yield from _port(loaded)
        remedy = f"maillage up {folder}, puis recommencez."
        for check in ("événements en attente", "pairs", "voies rapides"):
            yield Finding(check, True, "pas regardé : le nœud est arrêté et n’a rien pu demander", remedy, known=False)
        return
    client = Client(connection)
    try:
        report = client.call("node", "status")
        peers = client.call("federation", "peers")["peers"]
        lanes = client.call("federation", "lanes")
    finally:
        client.close()
    yield Finding("nœud", True, "en marche")
    parked = sum(sum(room["parked"].values()) for room in report["rooms"].values())
    yield Finding("événements en attente", parked == 0, str(parked), f"maillage parked list {folder}")
    yield from examine_peers(loaded.base_url, report["node"], peers, calls=loaded.federation.calls)
    yield from examine_lanes(loaded, lanes)


def _port(loaded: Settings) -> Iterator[Finding]:
    with socket.socket() as probe:
        taken = probe.connect_ex((loaded.http.host, loaded.http.port)) == 0
    remedy = "Changez [http] port, ou arrêtez ce qui l’occupe."
    yield Finding("port", not taken, f"{loaded.http.port} {'pris' if taken else 'libre'}", remedy)
