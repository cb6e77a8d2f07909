"""`maillage doctor` names what stands between two nodes, and the remedy: every cause is a real one, on this machine."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy import doctor
from deploy.doctor_peers import examine_peers
from deploy.findings import Finding
from deploy.folder import OWNERS, prepare_folder
from deploy.processes import free_ports
from services.federation import reaching
from services.kernel import identity, settings
from services.kernel.settings import Node

HERE = "http://127.0.0.1:1"
NODE = "a" * 32
STREAMS = {"node": NODE, "card": 1, "streams": [], "claims": []}
Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that answers everything in one way, and says where: over TLS where a certificate is given."""
    with contextlib.ExitStack() as opened:

        def make(
            said: Any = STREAMS, status: int = 200, ahead_s: float = 0, certificate: Path | None = None, date: str = ""
        ) -> str:  # fmt: skip
            class Answer(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    body = said if isinstance(said, bytes) else json.dumps(said).encode()
                    self.send_response_only(status)
                    now = datetime.now(UTC) + timedelta(seconds=ahead_s)
                    self.send_header("Date", date or format_datetime(now, usegmt=True))
                    self.send_header("Location", "https://example.org/")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *_: object) -> None:
                    """Nobody reads it."""

            server = HTTPServer(("127.0.0.1", 0), Answer)
            if certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
                server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            opened.callback(server.server_close)
            opened.callback(server.shutdown)
            return f"{'https://localhost' if certificate else 'http://127.0.0.1'}:{server.server_port}"

        yield make


def peer(url: str, **said: Any) -> dict[str, Any]:
    """A peer as the node tells of it."""
    stream = {"stream": f"{NODE}/directory/shared", "trouble": "", "equal": True}
    return {"id": "orpan", "node": NODE, "url": url, "state": "active", "private": False, "trouble": "",
            "heard_at": None, "streams": [stream], "calls": False, "called": None} | said  # fmt: skip


def wrong(*peers: dict[str, Any], own: str = HERE, calls: bool = False) -> list[Finding]:
    """What is not as it should be."""
    return [each for each in examine_peers(own, "b" * 32, list(peers), calls=calls) if not each.ok]


CA = """[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = named
[any]
commonName = supplied
[named]
subjectAltName = DNS:{name}
basicConstraints = CA:TRUE
"""


def certificate(folder: Path, name: str, years: tuple[int, int] = (2020, 2090)) -> Path:
    """A certificate of this name, signed by itself, with its key; it holds from one year to another."""
    place = folder / f"{name}-{years[1]}"
    place.mkdir()
    (place / "ca.cnf").write_text(CA.format(name=name))
    (place / "index.txt").touch()
    (place / "serial").write_text("01")
    request = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out request"
    begin, end = (f"{year}0101000000Z" for year in years)
    sign = "openssl ca -batch -selfsign -config ca.cnf -keyfile key -in request -out signed -notext"
    for words in (f"{request} -subj /CN={name}", f"{sign} -startdate {begin} -enddate {end}"):
        subprocess.run(words.split(), cwd=place, check=True, capture_output=True)
    both = place / "both.pem"
    both.write_bytes((place / "key").read_bytes() + (place / "signed").read_bytes())
    return both


def wrong_from_afar(*peers: dict[str, Any], own: str) -> list[Finding]:
    """As `wrong`, in a process that may look up names of the world."""
    script = (
        "import json, sys; from deploy.doctor_peers import examine_peers; from services.federation import reaching;"
        "reaching.CONNECT_S = 0.5; own, peers = json.loads(sys.argv[1]);"
        "print(json.dumps([each.to_dict() for each in examine_peers(own, 'b' * 32, peers)]))"
    )
    command = [sys.executable, "-c", script, json.dumps([own, peers])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [found for each in json.loads(done.stdout) if not (found := Finding(**each)).ok]


def test_a_node_without_peers_or_with_one_that_answers_has_nothing_to_mend(serve: Serve) -> None:
    assert wrong() == []
    assert wrong(peer(serve())) == []
    assert wrong(peer("http://127.0.0.1:1", state="paused")) == []


def test_a_peer_that_is_read_from_another_is_not_asked_itself_and_needs_that_other(serve: Serve) -> None:
    carrier = peer(serve())
    carried = peer("http://127.0.0.1:1") | {"node": "c" * 32, "id": "loin", "via": carrier["node"]}
    assert wrong(carrier, carried) == []
    [found] = wrong(carried)
    assert "n’est plus suivi" in found.detail
    assert "--via" in found.remedy


def test_a_name_that_leads_nowhere() -> None:
    found = {each.check: each for each in wrong_from_afar(peer("https://nobody.invalid"), own=HERE)}["pair orpan"]
    assert "n’a pas d’adresse" in found.detail
    assert "getent hosts nobody.invalid" in found.remedy


def test_a_machine_on_which_nothing_listens() -> None:
    [port] = free_ports(1)
    [found] = wrong(peer(f"http://127.0.0.1:{port}"))
    assert "rien n’écoute" in found.remedy


def test_a_firewall_that_drops_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "CONNECT_S", 0.5)
    with contextlib.ExitStack() as held:
        server = held.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):  # its queue is full: what comes now is dropped
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        [found] = wrong(peer(f"http://127.0.0.1:{server.getsockname()[1]}"))
    assert "pare-feu" in found.remedy and "NAT" in found.remedy


def test_an_address_at_which_something_else_answers(serve: Serve) -> None:
    cases: tuple[tuple[str, str], ...] = (
        (serve(b"<html>Bienvenue</html>"), "n’est pas un nœud"), (serve(b"", 404), "n’est pas un nœud"),
        (serve(b"", 302), "renvoie ailleurs (302)"), (serve(STREAMS | {"node": "c" * 32}), "un autre nœud"),
    )  # fmt: skip
    for url, detail in cases:
        [found] = wrong(peer(url))
        assert detail in found.detail
        assert "maillage peer card" in found.remedy


def test_a_release_whose_answers_this_one_does_not_know(serve: Serve) -> None:
    [found] = wrong(peer(serve({"node": NODE, "fluxes": []})))
    assert "mettez les deux nœuds à jour" in found.remedy


def test_certificates_expired_unknown_and_of_another_name_are_told_apart(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, old = certificate(tmp_path, "localhost"), certificate(tmp_path, "localhost", (2020, 2021))
    other = certificate(tmp_path, "ailleurs.example")
    [found] = wrong(peer(serve(certificate=good)))
    assert "signé par lui-même" in found.remedy
    remedies = []
    for each in (good, old, other):
        monkeypatch.setenv("SSL_CERT_FILE", str(each.parent / "signed"))
        remedies += [found.remedy for found in wrong(peer(serve(certificate=each)))]
    assert ["périmé" in remedies[0], "n’est pas celui de localhost" in remedies[1], len(remedies)] == [True, True, 2]
    [found] = wrong(peer(serve().replace("http://127.0.0.1", "https://localhost")))
    assert "rien ne parle TLS" in found.remedy


def test_a_wrong_clock_is_theirs_or_ours(serve: Serve) -> None:
    late, right = serve(ahead_s=600), serve()
    [found] = wrong(peer(late), peer(right))
    assert "600 s de retard sur 1 pair(s) de 2" in found.detail or "59" in found.detail
    assert "L’une des deux horloges" in found.remedy
    [found] = wrong(peer(late), peer(serve(ahead_s=610)))
    assert "L’horloge de cette machine est fausse" in found.remedy
    assert wrong(peer(serve(ahead_s=-30))) == []


@pytest.mark.parametrize("date", ["garbage", "Sat, 28 Nov 2026 08:00:00", "Sat, 28 Nov 2026 08:00:00 -0000"])
def test_a_peer_whose_answer_tells_its_time_oddly_hides_no_other(serve: Serve, date: str) -> None:
    found = list(examine_peers(HERE, "b" * 32, [peer(serve(date=date)), peer(serve(), id="rural")]))
    assert [each.check for each in found if each.ok] == ["pair orpan", "pair rural"]


def test_a_node_that_nobody_can_reach() -> None:
    far = peer("https://nobody.invalid", state="paused")
    [found] = wrong(far)
    assert (found.check, "[node] url" in found.remedy) == ("adresse de ce nœud", True)
    [found] = wrong_from_afar(far, own="https://192.0.2.1")  # of a net that nobody has: nothing comes back
    assert "ouvrez son port" in found.remedy
    assert "[federation] calls = true" in found.remedy


def test_a_node_that_calls_its_peers_need_not_be_reached_if_they_take_its_calls(serve: Serve) -> None:
    nowhere = "https://192.0.2.1"
    far = peer("https://nobody.invalid", state="paused")
    assert wrong(far, own=nowhere, calls=True) == []
    near = peer(serve())
    assert wrong(near | {"called": ""}, calls=True) == []
    [found] = wrong(near | {"called": "Ce pair ne connaît pas ce nœud."}, calls=True)
    assert (found.check, "peer add chez lui" in found.remedy) == ("pair orpan, appels", True)
    [found] = wrong(near, calls=True)
    assert "Redémarrez" in found.remedy
    [found] = wrong(far, calls=True)
    assert "url" in found.remedy, "an address of this machine is no card for others, whoever calls"


def test_of_a_peer_that_calls_the_address_need_not_answer_but_what_is_held_is_looked_at() -> None:
    calling = peer(HERE, calls=True)
    assert wrong(calling) == []
    [found] = wrong(calling | {"trouble": "dit deux histoires"})
    assert found.detail == "dit deux histoires"


def test_what_the_link_itself_has_to_say(serve: Serve) -> None:
    url = serve()
    stream = peer(url)["streams"][0]
    for said, told in (
        ({"streams": [stream | {"trouble": "10 fiches disparaîtraient"}]}, "peer accept"),
        ({"streams": [stream | {"equal": False}]}, "relu en entier"),
        ({"trouble": "a révoqué sa clé"}, "la clé en usage"),
        ({"trouble": "?"}, "peer list"),
        ({"heard_at": "2026-01-01T00:00:00.000000Z"}, "redémarrez"),
    ):  # fmt: skip
        [found] = wrong(peer(url, **said))
        assert told in found.remedy


def test_a_disk_that_is_full_and_secrets_that_others_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "node"
    settings.write(folder, Node("x", "X"))
    identity.create(folder)
    monkeypatch.setattr(doctor, "LOW_DISK_BYTES", shutil.disk_usage(folder).free + 10**9)
    (folder / "secrets").chmod(0o755)
    (folder / "data").mkdir(mode=0o755)
    found = {each.check: each for each in doctor.examine(folder) if not each.ok}
    assert "Libérez" in found["disque"].remedy
    assert "chmod 700" in found["clé du nœud"].remedy
    assert found["dossiers"].remedy == f"chmod 700 {folder / 'data'}"
    prepare_folder(folder)
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in OWNERS} == {0o700}
