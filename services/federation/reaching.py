"""Ask another node something over HTTP, on the terms of somebody who trusts neither its name nor its answers.

The name is resolved once and the connection goes to that address: a name that turns into another machine between the
check and the call leads nowhere. No redirect is followed, no answer is unpacked, none is read beyond what was asked.
Source of the rules: `docs/federation.md`, "Addresses of nodes".
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol
from urllib.parse import urlencode, urlsplit

import urllib3

from services.kernel import clock
from services.kernel.errors import Unavailable, ValidationError

CONNECT_S: Final = 5.0
READ_S: Final = 30.0
AT_MOST_BYTES: Final = 16_000_000
PIECE: Final = 65_536
NO_HEADERS: Final[Mapping[str, str]] = {}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Answer:
    """What a node answered: status, body, and the time by its clock (`Date`)."""

    status: int
    body: bytes
    date: str

    def ahead_by(self) -> timedelta | None:
        """How far that clock is before ours; `None` where the answer tells no time that can be read."""
        try:
            told = parsedate_to_datetime(self.date)
            return told.replace(tzinfo=told.tzinfo or UTC) - clock.now()  # without a zone it is UTC (RFC 9110, 5.6.7)
        except (TypeError, ValueError, OverflowError):
            return None


class Way(Protocol):
    """How a node is asked: at its address (`Reach`), or when it calls (`turned.Turned`)."""

    def get(
        self, path: str, asked: Mapping[str, object], at_most: int = AT_MOST_BYTES, *, lines: bool = False,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Answer:  # fmt: skip
        """As `Reach.get`."""

    def close(self) -> None:
        """Close what is open."""


class Reach:
    """The way to one node at its address. `own_url`: where this node itself answers; `private`: on a private network.

    Raises:
        ValidationError: an address that no node may have.
        Unavailable: the name leads nowhere now.
    """

    def __init__(self, url: str, own_url: str, *, private: bool = False) -> None:
        parts = checked(url, own_url)
        self._host, self._path = str(parts.hostname).strip("[]"), (parts.path or "").rstrip("/")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = str(_resolved(self._host, port, loopback=is_loopback(own_url), private=private))
        timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
        if parts.scheme == "https":
            self._pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(
                address, port, timeout=timeout, retries=False, cert_reqs="CERT_REQUIRED", maxsize=2,
                server_hostname=self._host, assert_hostname=self._host,
            )  # fmt: skip
        else:
            self._pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout, retries=False, maxsize=2)
        self._host_header = str(parts.netloc)

    def get(
        self, path: str, asked: Mapping[str, object], at_most: int = AT_MOST_BYTES, *, lines: bool = False,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Answer:  # fmt: skip
        """`GET path?asked`. Raises `Unavailable` where no answer came, or more of it than was to be read.

        `lines`: of an answer that the link broke off, the lines that came whole are given; else it is none.
        """
        return self._sent("GET", path, asked, None, headers, at_most, lines)

    def post(
        self, path: str, asked: Mapping[str, object], body: bytes, headers: Mapping[str, str],
        at_most: int = AT_MOST_BYTES,
    ) -> Answer:  # fmt: skip
        """`POST path?asked` with a body. Raises `Unavailable` as `get` does."""
        typed = {"Content-Type": "application/octet-stream", **headers}
        return self._sent("POST", path, asked, body, typed, at_most, lines=False)

    def _sent(
        self, method: str, path: str, asked: Mapping[str, object], sent: bytes | None, headers: Mapping[str, str],
        at_most: int, lines: bool,
    ) -> Answer:  # fmt: skip
        own = {"Host": self._host_header, "Accept-Encoding": "identity", "User-Agent": "maillage"}
        try:
            answer = self._pool.urlopen(
                method, f"{self._path}{path}?{urlencode(asked)}", body=sent, headers={**headers, **own},
                redirect=False, preload_content=False, decode_content=False, retries=False,
            )  # fmt: skip
            try:
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    raise Unavailable("La réponse est comprimée alors que rien ne l’a demandé.")
                body = _body(answer, at_most, lines=lines)
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"{self._host_header} ne répond pas ({_reason(error)}).") from None
        if len(body) > at_most:
            answer.close()
            raise Unavailable(f"{self._host_header} répond plus de {at_most} octets.")
        return Answer(answer.status, body, answer.headers.get("Date", ""))

    def close(self) -> None:
        """Close what is open."""
        self._pool.close()


def _body(answer: urllib3.BaseHTTPResponse, at_most: int, *, lines: bool) -> bytes:
    """At most so much of an answer, and a little; where it is broken off, its whole `lines`, where they are asked for.

    A half answer is nobody's lie: whoever reads it as one would blame the peer for its link.
    """
    body = bytearray()
    try:
        while len(body) <= at_most and (piece := answer.read1(PIECE, decode_content=False)):
            body += piece
    except (urllib3.exceptions.HTTPError, OSError):
        whole = body.rpartition(b"\n")[0] if lines else b""
        if not whole:
            raise
        return bytes(whole)
    return bytes(body)


def checked(url: str, own_url: str) -> urllib3.util.Url:
    """The parts of a node's address. Raises `ValidationError` where no node may have it."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host or port == -1:
        raise _refused(url, "ce n’est pas une adresse https://…")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _refused(url, "une adresse de nœud n’a ni mot de passe, ni « ? », ni « # »")
    if parts.scheme == "http" and not (is_loopback(url) and is_loopback(own_url)):
        raise _refused(url, "http:// ne va que d’une machine à elle-même, pour un essai")
    return urllib3.util.parse_url(url)


def is_loopback(url: str) -> bool:
    """Whether an address is that of this very machine; an empty one is a trial's."""
    host = urlsplit(url).hostname or ""
    if not url or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _resolved(host: str, port: int, *, loopback: bool, private: bool) -> Address:
    """The one address that is spoken to: every one that the name has must be allowed, or none is."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise Unavailable(f"{host} n’a pas d’adresse : vérifiez le nom, ou le DNS de cette machine.") from None
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    for address in addresses:
        why = _why_not(_plain(address), loopback=loopback, private=private)
        if why:
            raise _refused(f"{host} ({address})", why)
    return addresses[0]


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only wraps."""
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _why_not(address: Address, *, loopback: bool, private: bool) -> str:
    if address.is_loopback:
        return "" if loopback else "c’est l’adresse de cette machine"
    if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
        return "aucun nœud n’a cette adresse"
    if address.is_private and not private:
        return "c’est l’adresse d’un réseau privé : ajoutez --private si ce nœud y est bien"
    return ""


def _refused(value: str, why: str) -> ValidationError:
    return ValidationError(
        f"L’adresse {value} n’est pas acceptée : {why}.",
        [{"line": None, "field": "url", "value": value, "why": why, "code": "peer.url",
          "remedy": "Demandez à ce membre une carte avec son adresse publique en https://."}],
    )  # fmt: skip


def _reason(error: Exception) -> str:
    """In words of who looks after a node: nothing there, no way there, or an answer that was cut off or is none."""
    why = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], Exception) else error.__cause__ or error
    if isinstance(error, urllib3.exceptions.SSLError):
        said = error.args[0] if error.args else ""
        if isinstance(said, ssl.SSLCertVerificationError):
            return f"certificat refusé : {said.verify_message}"
        return f"à ce port rien ne parle TLS : {said}"
    if isinstance(why, ConnectionRefusedError):
        return "connexion refusée : il est arrêté, ou le port est faux"
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "son nom ne mène nulle part"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return f"le réseau n’y mène pas : {getattr(why, 'strerror', None) or why}"
    if isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError)):
        return "pas de réponse à temps"
    if isinstance(why, http.client.BadStatusLine) and not isinstance(why, http.client.RemoteDisconnected):
        return "ce qui répond là ne parle pas HTTP"
    return "la liaison a été rompue avant la fin de la réponse"
