"""Keeping the memory of a process that writes the index flat."""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8  # malloc.h of glibc


def few_arenas() -> bool:
    """Ask the C library to share two heaps among all threads; true when it could be asked (glibc only).

    glibc gives each new thread a heap of its own, which stays when the thread ends; every merge of tantivy is a new
    thread. Measured over 500 small commits: 96 MB and growing by steps of 16 without, 63 MB and flat with.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(_M_ARENA_MAX, 2))
