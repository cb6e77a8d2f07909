"""What several benchmarks share: percentiles, a backend's addresses, nodes run as processes of their own."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.processes import free_ports
from tests.conftest import Backend

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 60.0


def p(share: float, values: Sequence[float]) -> float:
    """The percentile `share` (0 to 1) of some values."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


median = statistics.median


def sqlite_in(folder: Path) -> Any:
    """A backend, as `tests/rooms.py` takes it, whose rooms have a SQLite file each in a folder."""
    return Backend("embedded", "local://", folder, "")


@contextmanager
def node(folder: Path, broker: str = "", database: str = "") -> Iterator[str]:
    """A node made in `folder` by `maillage init` and run by `maillage up`; its address. Stopped by its process id."""
    said = ["--broker", broker, "--database", database] if broker else []
    maillage = [sys.executable, "-c", "from deploy.cli import main; main()"]
    init = [*maillage, "init", str(folder), "--id", "bench", "--name", "Mesures", *said]
    subprocess.run(init, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    allow_any_rate(folder)
    (port,) = free_ports(1)
    process = subprocess.Popen([*maillage, "up", str(folder), "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/healthz", process)
        yield address
    finally:
        stop(process)


def allow_any_rate(folder: Path) -> None:
    """Lift the limit of requests per minute: a benchmark is one very eager client."""
    path = folder / "maillage.toml"
    settings = path.read_text(encoding="utf-8")
    lines = [line for line in settings.splitlines() if not line.strip().startswith("rate_limit_per_minute")]
    if "[http]" in lines:
        lines.insert(lines.index("[http]") + 1, "rate_limit_per_minute = 100000000")
    else:
        lines += ["[http]", "rate_limit_per_minute = 100000000"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def wait_for(url: str, process: subprocess.Popen[bytes], within_s: float = READY_WITHIN_S) -> None:
    """Wait until `url` answers 200. Raises `RuntimeError` where the process ends or time is over."""
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        if process.poll() is not None:
            raise RuntimeError(f"the process of {url} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError(f"{url} did not answer within {within_s} s")


def stop(process: subprocess.Popen[bytes], within_s: float = 20) -> None:
    """SIGTERM, then SIGKILL after `within_s`."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
