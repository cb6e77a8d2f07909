"""The network between two nodes, as bad as a test wants it: a TCP proxy that cuts, delays and drops."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from typing import Self

CHUNK = 16_384


class Wire:
    """Listens on a port of its own and passes everything on to another port of this machine.

    `cut`: nothing passes, and what is open is broken. `delay_s`: before each piece. `loss`: the share of pieces in
    whose place the connection breaks, as it does for a program when TCP gives up.
    """

    def __init__(self, to_port: int) -> None:
        self._to = to_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._is_cut = False
        self.delay_s = self.loss = 0.0
        self.broken = 0
        self._open: set[socket.socket] = set()
        self._dice = random.Random(45)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listening.close()

    def cut(self) -> None:
        """Nothing passes any more."""
        self._is_cut = True
        for each in list(self._open):
            self._break(each)

    def mend(self) -> None:
        """It passes again."""
        self._is_cut = False

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._listening.accept()
                if self._is_cut:
                    one.close()
                    continue
                try:
                    other = socket.create_connection(("127.0.0.1", self._to), timeout=5)
                except OSError:  # nobody listens there now
                    one.close()
                    continue
                self._open |= {one, other}
                for pair in ((one, other), (other, one)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.settimeout(None)
            while piece := one.recv(CHUNK):
                if self.delay_s:
                    time.sleep(self.delay_s)
                if self.loss and self._dice.random() < self.loss:
                    self.broken += 1
                    break
                other.sendall(piece)
        self._break(one)
        self._break(other)

    def _break(self, one: socket.socket) -> None:
        self._open.discard(one)
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
