"""The gateway under granian: `python -m deploy.web DIR [PORT]`. Several worker processes, none with eventlet."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from services.kernel.settings import load

FOLDER = "MAILLAGE_GATEWAY_FOLDER"
"""How the workers, which granian starts by itself, learn whose node they serve."""


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    from granian.constants import Interfaces
    from granian.server import Server

    folder = Path(sys.argv[1])
    settings = load(folder)
    os.environ[FOLDER] = str(folder)
    port = int(sys.argv[2]) if len(sys.argv) > 2 else settings.http.port
    Server(
        "gateway.wsgi:app",
        address=settings.http.host,
        port=port,
        interface=Interfaces.WSGI,
        workers=settings.http.workers,
        blocking_threads=4,
        log_enabled=False,
    ).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
