"""Over TLS, by the node's own authority: its certificate travels in the sealed document and proves the broker."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.doctor_lanes import why
from deploy.processes import free_ports
from deploy.servers import FEDERATED, PrivateBroker
from services.federation.lane import certificates, making, names
from services.federation.lane.management import Management
from services.federation.service.lanes import _hashed
from services.kernel import clock
from tests.federation.lane.conftest import until

HOME, READER = "h" * 32, "r" * 32
SECRET = "s" * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node's folder."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    return tmp_path


def test_certificates_are_made_once_and_anew_before_they_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, secrets = folder / "lane", folder / "secrets"
    authority = certificates.prepare(files, secrets, HOME, "localhost", 5671)
    first = (files / certificates.SERVER).read_bytes()
    assert certificates.prepare(files, secrets, HOME, "localhost", 5671) == authority
    assert (files / certificates.SERVER).read_bytes() == first
    assert (secrets / certificates.AUTHORITY_KEY).stat().st_mode & 0o777 == 0o600
    assert not (files / certificates.KEY).stat().st_mode & 0o007
    now = clock.now() + timedelta(days=800)
    monkeypatch.setattr(certificates.clock, "now", lambda: now)
    assert certificates.prepare(files, secrets, HOME, "localhost", 5671) == authority, "nobody else has to be told"
    assert (files / certificates.SERVER).read_bytes() != first
    ends = certificates.ends(files)
    assert ends is not None and ends > now + timedelta(days=800)
    context = ssl.create_default_context(cadata=authority)
    context.load_cert_chain(files / certificates.SERVER, files / certificates.KEY)
    assert certificates.prepare(files, secrets, HOME, "autre.example.org", 5671) == authority
    assert "listeners.ssl.default = 5671" in (files / certificates.CONF).read_text()


@pytest.fixture
def over_tls(folder: Path) -> Iterator[tuple[PrivateBroker, int, str]]:
    """A broker that serves the certificate of a node's own authority; its TLS port and that authority."""
    (port,) = free_ports(1)
    authority = certificates.prepare(folder / "lane", folder / "secrets", HOME, "localhost", port)
    with PrivateBroker(FEDERATED) as broker:
        broker.stop()
        broker.configure((folder / "lane" / certificates.CONF).read_text())
        broker.start()
        yield broker, port, authority


def test_a_link_over_tls_runs_with_the_right_authority_and_not_with_another(
    over_tls: tuple[PrivateBroker, int, str], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broker, port, authority = over_tls
    own = Management(f"http://127.0.0.1:{broker.api_port}", "guest", "guest")
    for node in (HOME, READER):
        making.prepare(own, node, "guest")
    making.admit(own, HOME, READER, _hashed(SECRET), own.check())
    other = tmp_path_factory.mktemp("other")
    (other / "secrets").mkdir()
    stranger = certificates.prepare(other / "lane", other / "secrets", READER, "localhost", port)

    def now() -> dict[str, str]:
        return making.state(own.links(names.vhost_of(READER)), HOME)

    def state(authority: str, host: str = "localhost") -> dict[str, str]:
        file = certificates.believe(folder / "believed", HOME, authority)
        said = f"cacertfile={file}&verify=verify_peer&depth=3&server_name_indication={host}"
        user = names.user_of(HOME, READER)
        uri = f"amqps://{user}:{SECRET}@localhost:{port}/{names.vhost_of(HOME)}?{said}"
        making.listen(own, READER, HOME, uri)
        seen: list[dict[str, str]] = []

        def settled() -> bool:
            """It tries again and again: between two tries it says nothing of the last."""
            seen.append(now())
            return seen[-1]["state"] not in ("absent", "starting") or bool(seen[-1]["why"])

        until(settled, "no link")
        own.delete("parameters", "federation-upstream", names.vhost_of(READER), HOME)
        until(lambda: now()["state"] == "absent", "the link stays")
        return seen[-1]

    assert state(authority)["state"] == "running"
    for wrong in (state(stranger), state(authority, "autre.example.org")):
        assert wrong["state"] != "running"
        assert "certificat" in why(wrong["why"]), wrong
