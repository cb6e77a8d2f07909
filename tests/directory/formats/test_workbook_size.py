"""A workbook that is small on the disk and huge once unpacked is refused before it is opened."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from services.directory.formats.workbook import require_small
from services.kernel.errors import ValidationError


def test_a_workbook_that_would_unpack_to_more_than_is_taken_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "bombe.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * 2_000_000)
    assert path.stat().st_size < 10_000
    with pytest.raises(ValidationError, match="trop grand : 2 Mo") as refused:
        require_small(path, 1_000_000)
    assert [each["code"] for each in refused.value.details or ()] == ["file.large"]
    assert require_small(path, 3_000_000) is None


def test_what_is_no_archive_is_of_no_concern(tmp_path: Path) -> None:
    path = tmp_path / "liste.csv"
    path.write_text("nom;commune\n", "utf-8")
    assert require_small(path, 1) is None
