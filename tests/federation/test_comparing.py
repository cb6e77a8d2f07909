"""Two holders of a stream find which records they hold differently, at a checkpoint that both have applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from services.federation import store
from services.federation.comparing import DIGESTS, compared
from services.kernel import equality
from services.kernel.checkpoint import EMPTY, bucket_of
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from tests.federation.homes import WITHDRAWN, Home
from tests.federation.test_reading import Peer

Get = Callable[[str, dict[str, Any]], bytes]


@pytest.fixture
def home(database: Database) -> Home:
    """A home of three hundred records, held here up to its checkpoint."""
    made = Home.of("orpan")
    for number in range(300):
        made.says(number)
    made.says(7, 2, WITHDRAWN)
    made.checkpoint()
    peer = Peer(made)
    peer.catch_up(peer.reader(database))
    return made


def teller(home: Home, heads: dict[str, str], asked: list[dict[str, Any]]) -> Get:
    """Who answers for these heads, by the words of `docs/federation.md` and none of our code."""
    import base64
    import hashlib

    def digest(bucket: int) -> bytes:
        found = sorted(bytes.fromhex(each) for subject, each in heads.items() if bucket_of(subject) == bucket)
        return hashlib.sha256(b"".join(found)).digest() if found else EMPTY

    def get(path: str, question: dict[str, Any]) -> bytes:
        assert (path, question["stream"]) == (DIGESTS, home.stream)
        asked.append(question)
        last = home.events[-1].header
        at = {"epoch": last.epoch, "seq": last.seq}
        if "bucket" in question:
            bucket = question["group"] * 256 + question["bucket"]
            return orjson.dumps(at | {"records": {s: h for s, h in heads.items() if bucket_of(s) == bucket}})
        filled = {bucket_of(subject): b"" for subject in heads}
        of_all = [digest(bucket) if bucket in filled else EMPTY for bucket in range(65_536)]
        groups = [of_all[start : start + 256] for start in range(0, 65_536, 256)]
        level = groups[question["group"]] if "group" in question else [
            hashlib.sha256(b"".join(group)).digest() for group in groups
        ]  # fmt: skip
        return orjson.dumps(at | {"digests": base64.b64encode(b"".join(level)).decode()})

    return get


def test_equal_records_are_one_question_of_eleven_kilobytes(database: Database, home: Home) -> None:
    asked: list[dict[str, Any]] = []
    get = teller(home, home.heads, asked)
    found = compared(database, home.stream, get)
    assert (found["judged"], found["differing"], len(asked)) == (True, [], 1)
    assert len(get(DIGESTS, {"stream": home.stream})) < 12_000


def test_what_differs_is_named_with_what_each_holds(database: Database, home: Home) -> None:
    names = [home.record(number)["id"] for number in (1, 2, 3)]
    theirs = dict(home.heads)
    theirs[names[0]] = "0" * 64
    del theirs[names[1]]
    theirs["new"] = "1" * 64
    found = compared(database, home.stream, teller(home, theirs, []))
    assert {each["id"]: (each["here"], each["there"]) for each in found["differing"]} == {
        names[0]: (home.heads[names[0]], "0" * 64),
        names[1]: (home.heads[names[1]], ""),
        "new": ("", "1" * 64),
    }
    assert (found["judged"], found["more"]) == (True, False)


def test_nothing_is_judged_between_two_checkpoints(database: Database, home: Home) -> None:
    home.says(400)
    home.checkpoint()
    found = compared(database, home.stream, teller(home, home.heads, []))
    assert (found["judged"], found["differing"]) == (False, [])
    assert found["here"] != found["there"]


def test_a_checkpoint_that_comes_while_one_compares_ends_it_without_a_judgement(database: Database, home: Home) -> None:
    theirs = home.heads | {"new": "1" * 64}
    get = teller(home, theirs, [])

    def moving(path: str, question: dict[str, Any]) -> bytes:
        if "group" in question:
            home.checkpoint()
        return get(path, question)

    assert not compared(database, home.stream, moving)["judged"]


def test_while_records_are_read_nothing_is_judged(database: Database, home: Home) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE taken SET reading = :yes"), {"yes": True})
    assert not compared(database, home.stream, teller(home, home.heads, []))["judged"]


def test_no_more_is_named_than_anybody_reads(
    database: Database, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(equality, "AT_MOST", 5)
    found = compared(database, home.stream, teller(home, {}, []))
    assert (len(found["differing"]), found["more"]) == (5, True)


NO_ANSWERS = [b"", b"[]", b"{}", *(b'{"epoch":1,"seq":302,"digests":%s}' % each for each in (b"5", b'"QQ=="'))]


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_what_is_no_answer_is_said(database: Database, home: Home, answer: bytes) -> None:
    with pytest.raises(Unavailable):
        compared(database, home.stream, lambda path, asked: answer)


def test_who_holds_a_stream_tells_what_its_home_tells(database: Database, home: Home) -> None:
    get = teller(home, home.heads, [])
    for group, bucket in ((None, None), (3, None), (3, 5), (bucket_of(home.record(1)["id"]) // 256, None)):
        asked = {"stream": home.stream} | ({} if group is None else {"group": group})
        with database.read() as session:
            taken = store.taken(session, home.stream)
            assert taken is not None
            said = equality.told(session, home.stream, store.judged_at(taken), group, bucket)
        assert said == orjson.loads(get(DIGESTS, asked | ({} if bucket is None else {"bucket": bucket})))
