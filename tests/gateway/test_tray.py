"""A file that was sent is found again for an hour, by who has its key, and by nobody else of the machine."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
from werkzeug.datastructures import FileStorage

from gateway.tray import KEPT_S, Tray


def sent(name: str = "../liste d’été.csv") -> FileStorage:
    return FileStorage(io.BytesIO(b"Nom\nUne"), filename=name)


def test_a_file_is_found_by_its_key_until_it_is_dropped(tmp_path: Path) -> None:
    tray = Tray(tmp_path / "sent")
    key = tray.keep(sent())
    found = Tray(tmp_path / "sent").find(key)
    assert found is not None and found.read_bytes() == b"Nom\nUne"
    assert found.parent.parent == tmp_path / "sent"
    assert (tmp_path / "sent").stat().st_mode & 0o077 == 0
    tray.drop(key)
    assert tray.find(key) is None
    assert list((tmp_path / "sent").iterdir()) == []


@pytest.mark.parametrize("name", ["a" * 300 + ".csv", "a." + "b" * 300, "é" * 300, "a" * 300])
def test_a_name_longer_than_a_folder_takes_is_cut_and_keeps_its_ending(tmp_path: Path, name: str) -> None:
    tray = Tray(tmp_path / "sent")
    found = tray.find(tray.keep(sent(name)))
    assert found is not None and len(found.name) <= 120
    assert not name.endswith(".csv") or found.suffix == ".csv"


@pytest.mark.parametrize("key", ["", "..", "a" * 43, "../" + "a" * 40])
def test_no_other_word_finds_a_file(tmp_path: Path, key: str) -> None:
    (tmp_path / "secret").write_text("x")
    tray = Tray(tmp_path / "sent")
    tray.keep(sent())
    assert tray.find(key) is None
    tray.drop(key)
    assert (tmp_path / "secret").exists()


def test_what_lay_there_for_an_hour_goes_when_the_next_comes(tmp_path: Path) -> None:
    tray = Tray(tmp_path / "sent")
    old, late = tray.keep(sent()), time.time() - KEPT_S - 1
    os.utime(tmp_path / "sent" / old, (late, late))
    new = tray.keep(sent())
    assert (tray.find(old), tray.find(new) is not None) == (None, True)


def test_all_of_it_goes_when_somebody_objects_and_what_is_old_when_a_node_starts(tmp_path: Path) -> None:
    tray = Tray(tmp_path / "sent")
    key = tray.keep(sent())
    tray.sweep()
    assert tray.find(key) is not None
    tray.sweep(0)
    assert tray.find(key) is None
    assert Tray.of("radar")._root != Tray.of("orpan")._root


def test_a_folder_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "sent").mkdir(mode=0o755)
    (tmp_path / "sent").chmod(0o755)
    with pytest.raises(PermissionError):
        Tray(tmp_path / "sent").keep(sent())
