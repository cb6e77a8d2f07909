"""A mail server as small as one can be: it takes what it is given, or refuses for a while."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage


class Postbox:
    """Speaks SMTP on a free port of this machine; `letters` are what it took. `refuses` so many at first."""

    def __init__(self, refuses: int = 0) -> None:
        self.letters: list[EmailMessage] = []
        self.refuses = refuses
        box = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                box.converse(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def converse(self, session: socketserver.StreamRequestHandler) -> None:
        """One client, to its `QUIT`."""

        def say(line: str) -> None:
            session.wfile.write(line.encode() + b"\r\n")

        say("220 postbox")
        while line := session.rfile.readline():
            word = line.split(None, 1)[0].upper().decode()
            if word == "QUIT":
                say("221 bye")
                return
            if word == "DATA":
                say("354 go on")
                self._take(session)
                say("250 taken")
            elif word == "MAIL" and self.refuses:
                self.refuses -= 1
                say("451 later")
            else:
                say("250 ok")

    def _take(self, session: socketserver.StreamRequestHandler) -> None:
        lines = iter(session.rfile.readline, b".\r\n")
        raw = b"".join(line[1:] if line.startswith(b"..") else line for line in lines)
        letter = message_from_bytes(raw, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
