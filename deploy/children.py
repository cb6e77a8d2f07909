"""Processes that must not outlive the one that started them, even when that one is killed."""

from __future__ import annotations

import ctypes
import signal

PR_SET_PDEATHSIG = 1
"""Linux's prctl(2): the signal that the kernel sends to this process when its parent ends."""


def end_with_parent() -> None:
    """Run between fork and exec (`preexec_fn`): SIGTERM comes when the parent is gone; nothing where not on Linux."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (AttributeError, OSError):
        return
