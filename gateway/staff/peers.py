"""The other nodes, for who looks after this one: what is held of each, how far behind, whether it is equal."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response

from gateway.staff.frame import Frame
from services.federation.events import EQUAL, STATES
from services.kernel import clock

AGAIN_S: Final = 5


def add(staff: Blueprint, frame: Frame) -> None:
    """`/pairs`."""

    @staff.get("/pairs")
    def peers() -> Response:
        found = [_row(each) for each in frame.call("federation", "peers", {})["peers"]]
        answer = frame.page("peers.html", peers=found, again_s=AGAIN_S)
        answer.headers["Refresh"] = str(AGAIN_S)
        return answer


def _row(peer: dict[str, Any]) -> dict[str, Any]:
    """A peer with its streams counted together."""
    streams = peer["streams"]
    equal = [each["equal"] for each in streams]
    troubles = [peer["trouble"], peer["called"], *(each["trouble"] for each in streams)]
    return peer | {
        "fingerprint": _spoken(peer["node"]),
        "key": _spoken(peer["key"]) if peer["key"] != peer["node"] else "",
        "state": STATES[peer["state"]] + (", par ses appels" if peer["calls"] else ""),
        "records": sum(each["records"] for each in streams),
        "lag": sum(each["lag"] for each in streams),
        "equal": EQUAL[False if False in equal else (True if True in equal else None)],
        "heard": clock.ago(peer["heard_at"]),
        "trouble": " ".join(dict.fromkeys(filter(None, troubles))),
    }


def _spoken(fingerprint: str) -> str:
    """Eight groups of four letters, to be read aloud."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, 32, 4))
