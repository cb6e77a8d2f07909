"""The first page of who looks after a node: what it still needs before it is of use, each with the next step."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from gateway.staff.frame import Frame
from services.kernel.settings import Settings


def add(staff: Blueprint, frame: Frame, settings: Settings) -> None:
    """`/demarrer`."""

    @staff.get("/demarrer")
    def start() -> Response:
        people = frame.call("accounts", "people", {})["people"]
        peers = frame.call("federation", "peers", {})["peers"]
        done: dict[str, Any] = {
            "imports": has_imports(frame), "permanents": any("permanent" in each["roles"] for each in people),
            "peers": bool(peers), "address": settings.node.url.startswith("https://"),
        }  # fmt: skip
        return frame.page("start.html", done=done, calls=settings.federation.calls)


def has_imports(frame: Frame) -> bool:
    """Whether anything was brought in from a file yet."""
    return bool(frame.call("directory", "imports", {})["imports"])
