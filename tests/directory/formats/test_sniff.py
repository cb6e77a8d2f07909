"""What a file is, found out from its bytes: nature, encoding, separator."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.formats import sniff
from services.kernel.errors import ValidationError

FRENCH = "nom;ville\nÉpicerie « Le Grain » – l’été;Rezé\nCafé associatif à côté;Saint-Nazaire\n"


def written(folder: Path, content: bytes, name: str = "places.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "mac_roman"])
def test_accents_come_out_right_whatever_the_encoding(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, FRENCH.encode(encoding))
    found = sniff.encoding(path)
    assert path.read_text(encoding=found.name).lstrip("\ufeff") == FRENCH
    assert not found.damaged


def test_latin_1_and_its_windows_kin_read_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, "nom\nÂge d'or à Orvault\n".encode("latin-1"))
    assert path.read_text(encoding=sniff.encoding(path).name) == "nom\nÂge d'or à Orvault\n"


def test_accents_far_from_the_start_of_a_file_count(tmp_path: Path) -> None:
    far = b"id,nom\n" + b"1,Saint-Nazaire\n" * 100_000
    assert sniff.encoding(written(tmp_path, far + "2,Rezé\n".encode())).name == "utf-8"
    assert sniff.encoding(written(tmp_path, far + "2,Rezé\n".encode("cp1252"))).name == "cp1252"


def test_one_broken_byte_does_not_turn_a_utf_8_file_into_another(tmp_path: Path) -> None:
    path = written(tmp_path, "é à è ô\n".encode() * 50 + b"R\xe9z\n")
    assert sniff.encoding(path) == sniff.Encoding("utf-8", damaged=True)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1).filter(str.strip))
def test_any_utf_8_text_is_taken_for_utf_8(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode())
    assert sniff.encoding(path).name in ("utf-8", "utf-8-sig")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_makes_rows_equally_wide(mark: str) -> None:
    lines = [["id", "nom", "adresse"], ["1", "Le Grain", '"3, rue du Port; au fond | à gauche"'], ["2", "L'Été", ""]]
    assert sniff.separator("\n".join(mark.join(line) for line in lines) + "\n") == mark


def test_decimal_commas_are_no_separators() -> None:
    assert sniff.separator("nom;lat;lon\nLe Grain;47,21;-1,55\nL'Été;47,20;-1,54\n") == ";"


def test_excel_s_own_word_on_the_separator_decides() -> None:
    assert sniff.separator("sep=|\nnom,ville|x\n") == "|"


@pytest.mark.parametrize(
    ("name", "content", "nature"),
    [
        ("a.txt", b"id;nom\n1;x\n", "csv"),
        ("a.json", b'\xef\xbb\xbf {"structures": []}', "json"),
        ("a.json", b'[{"id": "1"}]', "json"),
        ("a.jsonl", b'{"id": "1"}\n', "jsonl"),
        ("a.txt", b'{"id": "1"}\n{"id": "2"}\n', "jsonl"),
    ],
)
def test_the_nature_of_a_file_is_in_its_content(tmp_path: Path, name: str, content: bytes, nature: str) -> None:
    assert sniff.nature(written(tmp_path, content, name)) == nature


def test_what_cannot_be_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    refusals = {
        tmp_path / "absent.csv": "file.unreadable",
        tmp_path: "file.unreadable",
        written(tmp_path, b" \n", "empty.csv"): "file.empty",
        written(tmp_path, b"%PDF-1.7", "a.pdf"): "file.pdf",
        written(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1", "a.xls"): "file.xls",
        written(tmp_path, b"PK\x03\x04 cut short", "a.xlsx"): "file.broken",
        tmp_path / "a.ods": "file.zip",
    }
    for path, code in refusals.items():
        with pytest.raises(ValidationError) as refused:
            sniff.nature(path)
        assert refused.value.details[0]["code"] == code
        assert refused.value.details[0]["remedy"]
