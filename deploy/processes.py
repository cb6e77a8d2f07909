"""Ports and processes of this machine, for servers that are started here and stopped by their number."""

from __future__ import annotations

import contextlib
import os
import socket

import psutil

PORTS_OF, LANES = "MAILLAGE_TEST_LANE", 2
"""The variable that says in which lane of tests a process is; each has every other pair of ports."""


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of 127.0.0.1 that nobody listens on now, all different; two lanes of tests never find the same one."""
    lane, found = os.environ.get(PORTS_OF), list[int]()
    with contextlib.ExitStack() as held:
        while len(found) < count:
            one = held.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if lane is None or port // 2 % LANES == int(lane) % LANES:
                found.append(port)
        return tuple(found)


def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def family(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it, the parent first; nothing when it is gone."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie does not, it only waits for its parent to ask."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
