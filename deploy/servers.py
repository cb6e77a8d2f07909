"""Private servers: a RabbitMQ and a PostgreSQL in folders of their own, on free ports of 127.0.0.1.

For tests, benchmarks and `make federation`; a node's operator installs those of the distribution.

Nothing here touches a server that runs on the machine already: each has its own folder, ports, Erlang name daemon and
process group, and is stopped by its process id. A small guardian (a shell that waits on a pipe) kills them and clears
their folders when whoever started them is killed. A folder that was given is kept, and found again.

    with PrivateBroker() as broker, PrivatePostgres() as postgres:
        broker.kill()        # SIGKILL: what it had not written is lost
        broker.wipe()        # its disk is gone too
        broker.start()
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
from pathlib import Path
from typing import ClassVar, Self

import psutil
import psycopg

from deploy.debian import POSTGRES, RABBITMQ, Tool
from deploy.processes import accepts, alive, family, free_ports
from deploy.tenants import call_broker_api, make_database, make_vhost, plain_url

FEDERATED = ("rabbitmq_management", "rabbitmq_federation", "rabbitmq_federation_management")
START_WITHIN_S = 90
STOP_WITHIN_S = 20


class ServerFailed(RuntimeError):
    """A private server did not start or stop in time; the end of its log is in the message."""


class PrivateServer:
    """What both servers share: a folder, free ports, processes that we started, and their guardian."""

    tool: ClassVar[Tool]

    def __init__(self, folder: Path | None = None) -> None:
        program = self.tool.find()
        if program is None:
            raise ServerFailed(f"{self.tool.name} is not on this machine: apt install {self.tool.package}")
        self.program = program
        self._is_kept = folder is not None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"maillage-{self.tool.name}-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "output.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._guardian: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the server's main process lives."""
        return bool(self._processes) and self._processes[-1].poll() is None

    @property
    def pid(self) -> int:
        """Process id of the server itself. Raises `ServerFailed` when it is not running."""
        if not self.running:
            raise ServerFailed(f"{self.tool.name} is not running")
        return self._processes[-1].pid

    def start(self) -> None:
        """Start and wait until it answers; on failure everything is stopped and `ServerFailed` carries its log."""
        if self.running:
            return
        self.kill()  # what is left of a server that a test has killed by its process id
        self._launch()
        self._guard()
        ends_at = time.monotonic() + START_WITHIN_S
        while not self._answers():
            if not self.running or time.monotonic() > ends_at:
                story = self.log.read_text(errors="replace")[-2000:]
                self.kill()
                raise ServerFailed(f"{self.tool.name} did not start:\n{story}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask the server to end, wait for it; kill it after `STOP_WITHIN_S`."""
        if self.running:
            self._processes[-1].send_signal(self._polite_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._processes[-1].wait(STOP_WITHIN_S)
        self.kill()

    def kill(self) -> None:
        """SIGKILL the server and all its children, as a power cut would, and wait until they are gone."""
        self._release_guardian()
        doomed = [member for process in self._processes for member in family(process.pid)]
        for member in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        for process in self._processes:
            process.wait(STOP_WITHIN_S)
        ends_at = time.monotonic() + STOP_WITHIN_S
        while any(alive(member) for member in doomed):
            if time.monotonic() > ends_at:
                raise ServerFailed(f"{self.tool.name} does not die: {doomed}")
            time.sleep(0.01)
        self._processes = []

    def restart(self) -> None:
        """Stop politely and start again, on the same ports and the same data."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop the clock of every process of the server (SIGSTOP): it holds its connections and answers nothing."""
        for process in family(self.pid):
            process.suspend()

    def thaw(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        for process in family(self.pid):
            process.resume()

    def close(self) -> None:
        """End the server; remove its folder unless it was given."""
        if self._is_kept:
            self.stop()
            return
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    _polite_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def _launch(self) -> None:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _spawn(self, *command: str | Path, env: dict[str, str] | None = None, user: str | None = None) -> None:
        """Start one process of the server, in a group of its own, its output in the folder's log."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.folder,
                env=env,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        self._processes.append(process)

    def _guard(self) -> None:
        """A shell that outlives us by an instant: the pipe closes when we die, however we die."""
        script = 'read -r _; folder=$1; shift; kill -KILL "$@"; sleep 0.2; [ -z "$folder" ] || rm -rf -- "$folder"'
        pids = [str(process.pid) for process in self._processes]
        self._guardian = subprocess.Popen(
            ["sh", "-c", script, "sh", "" if self._is_kept else str(self.folder), *pids],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _release_guardian(self) -> None:
        if self._guardian is not None:
            self._guardian.kill()
            self._guardian.communicate()
            self._guardian = None


class PrivateBroker(PrivateServer):
    """A RabbitMQ of our own with its management API, and lanes if `FEDERATED`; `url` is its `/`, user guest.

    The Erlang name daemon (epmd) is private too: without it two brokers of one machine would meet.
    """

    tool = RABBITMQ

    def __init__(self, plugins: tuple[str, ...] = ("rabbitmq_management",), folder: Path | None = None) -> None:
        super().__init__(folder)
        self.port, self.api_port, self._distribution_port, self._epmd_port = free_ports(4)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.api_url = f"http://guest:guest@127.0.0.1:{self.api_port}/api"
        (self.folder / "plugins").write_text(f"[{','.join(plugins)}].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.api_port}\n"
            "disk_free_limit.absolute = 50MB\nlog.file.level = warning\n"
        )

    def configure(self, lines: str) -> None:
        """Add lines to its configuration, which it reads when it starts."""
        path = self.folder / "rabbitmq.conf"
        path.write_text(path.read_text() + lines)

    def wipe(self) -> None:
        """Kill the broker and delete all it had on disk: queues, messages, virtual hosts. It stays down."""
        self.kill()
        shutil.rmtree(self.folder / "mnesia", ignore_errors=True)

    def cut_connections(self) -> None:
        """Close every client's connection, as a broken network would."""
        call_broker_api(self.api_url, "DELETE", "/connections/username/guest")

    def fresh_vhost(self) -> str:
        """Make an empty virtual host that guest may use; returns its URL."""
        return make_vhost(self.url, self.api_url)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        return inherited | {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "maillage@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # Without it the start script stays between us and the server, and our signals stop at the script.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _launch(self) -> None:
        epmd = shutil.which("epmd")
        if epmd is None:
            raise ServerFailed("epmd, which comes with RabbitMQ's Erlang, is not on the PATH")
        environment = self._environment()
        self._spawn(epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1", env=environment)
        self._spawn(self.program, env=environment)

    def _answers(self) -> bool:
        try:
            call_broker_api(self.api_url, "GET", "/vhosts")
        except (OSError, urllib.error.HTTPError):
            return False
        return accepts(self.port)


class PrivatePostgres(PrivateServer):
    """A PostgreSQL cluster of our own; `url` is its database `postgres`, user `maillage`, no password on loopback.

    Args:
        durable: `fsync`. Without it tests are quicker, and only a power cut of the machine would lose data.
    """

    tool = POSTGRES
    _polite_signal = signal.SIGINT

    def __init__(self, *, durable: bool = True, folder: Path | None = None) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.url = f"postgresql+psycopg://maillage@127.0.0.1:{self.port}/postgres"
        self._durable = durable
        self.user = _unprivileged_user()
        if self.user is not None:
            shutil.chown(self.folder, self.user)

    def fresh_database(self) -> str:
        """Make an empty database; returns its URL."""
        return make_database(self.url)

    def _launch(self) -> None:
        data = self.folder / "data"
        if not data.exists():
            self._create(data)
        switch = "on" if self._durable else "off"
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            "shared_buffers": "64MB",
            "fsync": switch,
            "full_page_writes": switch,
        }
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._spawn(self.program, "-D", data, *flags, user=self.user)

    def _create(self, data: Path) -> None:
        initdb = self.program.with_name("initdb")
        command = [initdb, "-D", data, "-A", "trust", "-U", "maillage", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._spawn(*map(str, command), user=self.user)
        if self._processes.pop().wait(START_WITHIN_S) != 0:
            raise ServerFailed(f"initdb failed:\n{self.log.read_text(errors='replace')[-2000:]}")

    def _answers(self) -> bool:
        try:
            with psycopg.connect(plain_url(self.url), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def _unprivileged_user() -> str | None:
    """Who runs PostgreSQL, which refuses root: the user that its Debian package made, or nobody; None: ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
