"""The load generator: `python -m benchmarks.load PORT CLIENTS SECONDS` asks the paths given as a JSON list on stdin.

One thread, raw sockets, connections kept: it costs the server's cores as little as Python can. Each client has one
question under way. Prints `{"p50_ms", "p99_ms", "per_s", "count"}`; 1 with the answer where one is no 200.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from itertools import count

CLIENTS_BEHIND = 1_000
WARM_S = 1.0


class Client:
    """One kept connection with at most one question under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.path = ""
        self._received = bytearray()
        self._whole = 0

    def ask(self, path: str, number: int) -> None:
        """Send a question, as one of a thousand readers behind a proxy."""
        who = f"10.0.{number % CLIENTS_BEHIND // 250}.{number % 250 + 1}"
        self.path, self._whole = path, 0
        self._received.clear()
        self.sent_at = time.perf_counter()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {who}\r\n\r\n".encode())

    def receive(self) -> bool:
        """Take what came; whether the answer is whole. Raises `RuntimeError` on any other status than 200."""
        self._received += self.socket.recv(262_144)
        if not self._whole:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return False
            self._whole = end + 4 + self._length(bytes(self._received[:end]))
        return len(self._received) >= self._whole

    def _length(self, head: bytes) -> int:
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"{self.path}: {bytes(self._received[:600])!r}")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        return int(lines[b"content-length"])


def main() -> None:
    """Ask, measure, print."""
    port, clients, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    paths = json.load(sys.stdin)
    _run(port, paths, clients, WARM_S)
    taken_ms, elapsed_s = _run(port, paths, clients, seconds)
    taken_ms.sort()
    found = {
        "p50_ms": taken_ms[len(taken_ms) // 2],
        "p99_ms": taken_ms[int(len(taken_ms) * 0.99)],
        "per_s": len(taken_ms) / elapsed_s,
        "count": len(taken_ms),
    }
    print(json.dumps(found))


def _run(port: int, paths: list[str], clients: int, seconds: float) -> tuple[list[float], float]:
    """Milliseconds of each answer, and how long all took."""
    selector, numbers = selectors.DefaultSelector(), count()
    taken_ms: list[float] = []
    began = time.perf_counter()
    for _ in range(clients):
        client = Client(port)
        selector.register(client.socket, selectors.EVENT_READ, client)
        _ask_next(client, paths, next(numbers))
    while time.perf_counter() - began < seconds or not taken_ms:
        for key, _ in selector.select(1):
            client = key.data
            if client.receive():
                taken_ms.append((time.perf_counter() - client.sent_at) * 1000)
                _ask_next(client, paths, next(numbers))
    elapsed_s = time.perf_counter() - began
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    return taken_ms, elapsed_s


def _ask_next(client: Client, paths: list[str], number: int) -> None:
    client.ask(paths[number % len(paths)], number)


if __name__ == "__main__":
    main()
