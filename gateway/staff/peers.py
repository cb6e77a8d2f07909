"""The other nodes, for who looks after this one: what is held of each, how far behind, whether it is equal."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response

from gateway.staff.frame import Frame
from services.kernel import clock

STATES: Final = {
    "active": "suivi", "paused": "en pause", "blocked": "bloqué", "quarantined": "arrêté : deux histoires",
}  # fmt: skip
EQUAL: Final = {True: "oui", False: "non", None: "pas encore jugé"}
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
        "fingerprint": " ".join(peer["node"][start : start + 4] for start in range(0, 32, 4)),
        "state": STATES[peer["state"]] + (", par ses appels" if peer["calls"] else ""),
        "records": sum(each["records"] for each in streams),
        "lag": sum(each["lag"] for each in streams),
        "equal": EQUAL[False if False in equal else (True if True in equal else None)],
        "heard": _ago(peer["heard_at"]),
        "trouble": " ".join(dict.fromkeys(filter(None, troubles))),
    }


def _ago(at: str | None) -> str:
    if at is None:
        return "jamais"
    seconds = max(int((clock.now() - clock.from_text(at)).total_seconds()), 0)
    for size, unit in ((86_400, "j"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"il y a {seconds // size} {unit}"
    return f"il y a {seconds} s"
