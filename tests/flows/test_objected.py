"""What somebody objected to, by program and by command: told with its field, and never with what it was."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.flows.conftest import Program
from tests.running import BIN, RunningNode

NUMBER = "02 40 12 34 56"
TABLE = f"id,nom,commune,telephone\n1,Le Grain,Nantes,{NUMBER}\n2,Le Sel,Nantes,02 40 00 00 00\n"


def draft(**fields: Any) -> dict[str, Any]:
    said = {"nom": "Le Grain", "date_maj": "2026-01-31"} | fields
    return {"kind": "structure", "source": "site", "source_id": "1", "fields": said}


def test_a_key_s_record_is_refused_with_its_field_and_an_import_says_the_line_and_the_field(
    node: RunningNode, marie: Program, tmp_path: Path
) -> None:
    marie.call("POST", "/api/v1/objections", json={"telephone": NUMBER})
    key = node.ask("accounts", "key_add", name="site", scopes=["directory:write"])["key"]
    refused = Program(node.url, key).call("POST", "/api/v1/records", json=draft(telephone=NUMBER), status=422)
    assert [(each["field"], each["code"], each["value"]) for each in refused["errors"]] == [
        ("telephone", "objection.named", "")
    ]
    Program(node.url, key).call("POST", "/api/v1/records", json=draft())
    for trial in ("true", "false"):
        sent = {"file": ("liste.csv", TABLE.encode())}
        report = marie.call("POST", "/api/v1/imports", files=sent, data={"source": "liste", "trial": trial})
        assert (report["created"], report["refused"]) == (2, 0)
        [told] = report["warnings"]
        assert (told["line"], told["field"], told["code"]) == (2, "telephone", "objection.named")
    file = tmp_path / "liste.csv"
    file.write_text(TABLE, "utf-8")
    said = subprocess.run([BIN, "import", node.folder, file, "--source", "liste"], capture_output=True, text=True)
    assert "ligne 2, telephone : une personne s’est opposée" in said.stdout
    assert "12 34 56" not in said.stdout + said.stderr
