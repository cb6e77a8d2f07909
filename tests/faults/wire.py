"""The network between two nodes, as bad as a test wants it: a TCP proxy that cuts, hangs, delays and drops."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from typing import Self

CHUNK = 16_384
AT_ONCE_S = 0.05


class Wire:
    """Listens on a port of its own and passes everything on to another port of this machine, `to`.

    `cut`: nothing passes, and what is open is broken. `hang`: what is sent stays on the way until `mend`, the answers
    alone or both ways. `delay_s`: before what is sent at once. `loss`: the share of pieces in whose place the
    connection breaks, as it does for a program when TCP gives up.
    """

    def __init__(self, to: int) -> None:
        self.to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._is_cut = False
        self.delay_s = self.loss = 0.0
        self.broken = 0
        self._open: set[socket.socket] = set()
        self._dice = random.Random(45)
        self._asks, self._answers = threading.Event(), threading.Event()
        self.mend()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listening.close()

    def cut(self) -> None:
        """Nothing passes any more."""
        self._is_cut = True
        self.hang_up()

    def hang(self, *, answers_only: bool = False) -> None:
        """From now on nothing arrives, and nobody is told so; with `answers_only`, what is asked arrives."""
        self._answers.clear()
        if not answers_only:
            self._asks.clear()

    def mend(self) -> None:
        """It passes again, what was on its way first."""
        self._is_cut = False
        self._asks.set()
        self._answers.set()

    def lead_to(self, port: int) -> None:
        """Lead somewhere else: what is open breaks, as where a name has a new address."""
        self.to = port
        self.hang_up()

    def hang_up(self) -> None:
        """Break what is open."""
        for each in list(self._open):
            self._break(each)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._listening.accept()
                if self._is_cut:
                    one.close()
                    continue
                try:
                    other = socket.create_connection(("127.0.0.1", self.to), timeout=5)
                except OSError:  # nobody listens there now
                    one.close()
                    continue
                self._open |= {one, other}
                for way in ((one, other, self._asks), (other, one, self._answers)):
                    threading.Thread(target=self._pass, args=way, daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, flows: threading.Event) -> None:
        with contextlib.suppress(OSError):
            one.settimeout(None)
            passed_at = 0.0
            while piece := one.recv(CHUNK):
                flows.wait()
                if self.delay_s and time.monotonic() - passed_at > AT_ONCE_S:
                    time.sleep(self.delay_s)
                passed_at = time.monotonic()
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
