"""What is wrong with a tabular package of HSDS is told by file, line, column and value, and costs the rest nothing."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from services.directory.formats.reading import read
from tests.conformance.test_hsds_package import ORGANIZATION, SERVICE, refusal, sheet, zipped


def test_what_is_wrong_is_told_by_file_line_column_and_value(tmp_path: Path) -> None:
    path = zipped(tmp_path / "p.zip", {
        "organizations.csv": sheet(ORGANIZATION, ORGANIZATION | {"id": "o2", "name": ""}),
        "services.csv": sheet(SERVICE | {"minimum_age": "dix-huit"}) + "s2,o1,B,active,,de,trop\n",
        "phones.csv": sheet({"id": "p", "organization_id": "inconnu", "number": "02 40 12 34 56"}),
        "notes.txt": "bonjour",
    })  # fmt: skip
    rows = list(read([path], source="ailleurs"))
    problems = [(one["field"], one["line"], one["value"], one["code"]) for row in rows for one in row.problems]
    assert problems == [
        ("organizations.csv : name", 3, "", "hsds.required"),
        ("services.csv", 3, "de | trop", "row.long"),
        ("phones.csv : organization_id", 2, "inconnu", "hsds.orphan"),
    ]
    warnings = [(one["field"], one["line"], one["value"], one["code"]) for row in rows for one in row.warnings]
    assert warnings == [("p.zip : notes.txt", None, "notes.txt", "zip.unread"),
                        ("services.csv : minimum_age", 2, "dix-huit", "hsds.number")]  # fmt: skip
    assert rows[2].drafts[0]["extra"]["hsds"]["minimum_age"] == "dix-huit"
    assert rows[-1].raw.values == {"id": "p", "organization_id": "inconnu", "number": "02 40 12 34 56"}


def test_a_value_that_our_own_rules_do_not_understand_is_told_by_its_column_too(tmp_path: Path) -> None:
    files = {"organizations.csv": sheet(ORGANIZATION | {"email": "pas une adresse"}), "services.csv": sheet(SERVICE)}
    [first, _] = read([zipped(tmp_path / "p.zip", files)], source="ailleurs")
    [warning] = first.warnings
    assert (warning["field"], warning["line"], warning["value"]) == ("organizations.csv : email", 2, "pas une adresse")


@pytest.mark.parametrize(
    ("files", "code", "names"),
    [
        ({"organizations.csv": "id,nom\n1,A\n", "services.csv": ""}, "file.columns", "organizations.csv"),
        ({"organizations.csv": 'id,name\n1,"A\n2,B\n', "services.csv": ""}, "file.csv", "organizations.csv"),
        ({"organizations.csv": "id,name\n1,Écoute\n".encode("latin-1"), "services.csv": ""}, "file.encoding",
         "organizations.csv"),
        ({"organizations.csv": "id,name,name\n", "services.csv": ""}, "file.columns", "organizations.csv"),
        ({"datapackage.json": "{}", "autre.csv": "a\n"}, "zip.tables", "p.zip"),
        ({"organizations.csv": "", "services.csv": "", "../../services.csv": ""}, "zip.path", "p.zip"),
        ({"organizations.csv": "", "services.csv": "", "/etc/passwd": ""}, "zip.path", "p.zip"),
        ({"organizations.csv": "", "services.csv": "", "a/services.csv": ""}, "zip.twice", "p.zip"),
    ],
)  # fmt: skip
def test_a_package_that_cannot_be_read_is_refused_with_its_file_and_what_to_do(
    tmp_path: Path, files: dict[str, str | bytes], code: str, names: str
) -> None:
    problem = refusal(zipped(tmp_path / "p.zip", files))
    assert (problem["code"], problem["value"]) == (code, names)


def test_a_bomb_is_refused_before_it_is_read_and_a_cut_archive_too(tmp_path: Path) -> None:
    bomb = tmp_path / "bombe.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("organizations.csv", "id,name\n")
        with archive.open("services.csv", "w", force_zip64=True) as file:
            for _ in range(33):
                file.write(bytes(1 << 26))
    assert refusal(bomb)["code"] == "zip.size"
    whole = zipped(tmp_path / "w.zip", {"organizations.csv": sheet(ORGANIZATION), "services.csv": sheet(SERVICE)})
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-30])
    assert refusal(tmp_path / "cut.zip")["code"] == "file.broken"


def test_rows_that_name_each_other_without_end_are_refused_and_the_others_read(tmp_path: Path) -> None:
    contacts = [{"id": f"c{n}", "organization_id": ORGANIZATION["id"]} for n in range(200)]
    phones = [{"id": f"p{n}", "contact_id": "c1", "number": "1"} for n in range(25_000)]
    circle = [{"id": own, "link_id": other, "taxonomy_term_id": "t"} for own, other in ("ab", "ba", "cc")]
    path = zipped(tmp_path / "p.zip", {
        "organizations.csv": sheet(ORGANIZATION), "services.csv": sheet(SERVICE), "contacts.csv": sheet(*contacts),
        "phones.csv": sheet(*phones), "attributes.csv": sheet(*circle),
    })  # fmt: skip
    rows = list(read([path], source="ailleurs"))
    assert [row.problems[0]["code"] for row in rows if row.raw.origin.section == "organizations"] == ["hsds.size"]
    assert [draft["fields"]["nom"] for row in rows for draft in row.drafts] == ["Écoute"]
    assert {row.problems[0]["code"] for row in rows if row.raw.origin.section == "attribute"} == {"hsds.orphan"}
