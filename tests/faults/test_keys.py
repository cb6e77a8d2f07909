"""A home changes its key in a burst that comes in disorder; a thief signs on with the old one; one joins later."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from services.kernel import identity
from services.kernel.envelope import Signed, canonical, datahash, read
from services.kernel.identity import EVENT, Identity
from tests.faults.conftest import Three
from tests.faults.liar import Shuffled, lies
from tests.faults.sites import Site, Watch, until
from tests.running import BIN

TEST = "tests/faults/test_keys.py"


class Thief:
    """Tells the next event of a home, signed by the key that it had."""

    def __init__(self, home: Site, stolen: Identity) -> None:
        self._home, self._stolen = home, stolen

    def __call__(self, stream: str, told: list[bytes]) -> list[bytes]:
        """What was to be told, and what never was."""
        if not stream.startswith(self._home.name) or not told:
            return told
        last = read(told[-1])
        salt, data = b"s" * 32, canonical(last.payload() or {})
        head = replace(
            last.header, seq=last.header.seq + 1, id="stolen", prev=last.header.hash, keyid=self._stolen.keyid,
            datahash=datahash(salt, data),
        )  # fmt: skip
        return [*told, Signed(head, self._stolen.sign(EVENT, head.raw), data, salt).body()]


def test_a_key_changed_in_a_shuffled_burst_then_stolen_then_one_who_joins(three: Three, events_per_run: int) -> None:
    home, one, other = three.orpan, three.radar, three.rural
    count, former, shuffled = events_per_run // 4, identity.load(home.node.folder), Shuffled(often=0.1)
    with Watch(one, [home]) as watch, lies(home, shuffled):
        home.publish(count, source="keys")
        rotate(home)
        home.publish(count, first=count, source="keys")
        result = watch.settled(17, "a key rotated in a shuffled burst", TEST)
    assert shuffled.moved
    assert (result.lost, result.doubled) == (0, 0)
    assert identity.load(home.node.folder).keyid != former.keyid
    with Watch(one, [home]) as watch:
        with lies(home, Thief(home, former)):
            home.publish(10, name="Vrai", source="keys")
            until(lambda: watch.blamed, say=lambda: str(one.stream(home)))
        result = watch.settled(17, "the next event signed by a stolen former key: not kept", TEST)
    assert (result.lost, result.doubled) == (0, 0)
    assert list(watch.blamed) == [home.name], "the link that brought it, nobody else"
    joins(other, home)


def rotate(home: Site) -> None:
    """As its operator does it: the command, and a new start."""
    subprocess.run([BIN, "identity", "rotate", home.node.folder, "--yes"], check=True, capture_output=True)
    home.node.stop()
    home.node.start()


def joins(other: Site, home: Site) -> None:
    """Who holds nothing reads the last event of each record, whichever key signed it, long after the log is gone."""
    other.ask("federation", "peer_remove", peer=home.label, dry_run=False)
    home.wire.hang_up()
    until(lambda: not other.shown(home))
    home.sign()
    home.forget_the_log()
    other.follow(home)
    with Watch(other, [home]) as watch:
        result = watch.settled(17, "who joins later, the log gone, reads what both keys signed", TEST)
    assert result.lost == 0
    assert not watch.blamed
    assert len(other.shown(home)) > 0
