"""The processes of a node on servers: what one of them started ends with it, however it has to be ended."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from deploy.cluster import Child

STUBBORN = '''
"""Ignores being told to stop, and has a worker that does too."""
import signal, subprocess, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 2:
    worker = subprocess.Popen([sys.executable, __file__, sys.argv[1], "worker"])
    Path(sys.argv[1]).write_text(str(worker.pid))
time.sleep(60)
'''


def test_a_web_server_that_does_not_end_in_time_takes_its_workers_along(tmp_path: Path) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    said = tmp_path / "worker.pid"
    child = Child("gateway", "runpy")
    child._command = [*child._command[:1], str(tmp_path / "stubborn.py"), str(said)]
    child.keep()
    ends_at = time.monotonic() + 20
    while not (said.exists() and said.read_text()):
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    worker = psutil.Process(int(said.read_text()))
    child.tell()
    child.wait(0.2)
    gone, alive = psutil.wait_procs([worker], timeout=2)
    assert gone or alive[0].status() == psutil.STATUS_ZOMBIE
