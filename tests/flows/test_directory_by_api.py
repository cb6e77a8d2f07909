"""The guide of the directory by the API alone: each of its steps as a program takes it in somebody's name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from services.directory.formats.argumentaire import PARTS
from tests.flows.conftest import Program
from tests.running import BIN, RunningNode

COLUMNS = "nom;description;siret;adresse;code_postal;commune;telephone;courriel;date_maj;id\n"
OUTILS = "L’Écluse des Outils;Un atelier où l’on répare ensemble;;3 rue Haute;44130;Blain;0240000000;;2026-01-31;e1\n"
AINES = "Le Relais des Aînés;Visites à domicile;;5 rue Basse;44130;Blain;0240000001;;2026-01-31;e2\n"
LOST = "Sans commune connue;Une ligne à refuser;;1 rue;99999;Nulle-Part;;;2026-01-31;e3\n"
PUBLIC_AINES = "/api/v1/structures/pays-de-blain--e2"


def bring_in(
    by: Program, rows: str = OUTILS + AINES + LOST, source: str = "pays-de-blain", **given: str
) -> dict[str, Any]:
    sent = {"file": ("structures.csv", (COLUMNS + rows).encode())}
    report: dict[str, Any] = by.call("POST", "/api/v1/imports", files=sent, data={"source": source, **given})
    return report


def qualify_all(by: Program, report: dict[str, Any], **given: Any) -> Any:
    asked = {"import": report["import"], "how": "visit", **given}
    return by.call("POST", "/api/v1/qualifications", json=asked)


def state(by: Program, name: str) -> Any:
    [found] = by.call("GET", "/api/v1/records", params={"q": name})["records"]
    return by.call("GET", f"/api/v1/records/{found['id']}/state")


def test_a_spreadsheet_is_tried_imported_held_for_review_and_qualified_in_bulk(
    marie: Program, visitor: Program
) -> None:
    tried = bring_in(marie, trial="true")
    assert (tried["created"], tried["refused"], tried["problems"][0]["line"]) == (2, 1, 4)
    for unclear in ("oui", "1", "True", ""):
        sent = {"file": ("structures.csv", (COLUMNS + AINES).encode())}
        given = {"source": "pays-de-blain", "trial": unclear}
        marie.call("POST", "/api/v1/imports", files=sent, data=given, status=422)
    assert marie.call("GET", "/api/v1/imports")["imports"] == []
    report = bring_in(marie)
    visitor.call("GET", PUBLIC_AINES, status=404)
    assert marie.call("GET", "/api/v1/worklist")["counts"]["submitted"] == 2
    assert qualify_all(marie, report, dry_run=True)["public"] == 2
    visitor.call("GET", PUBLIC_AINES, status=404)
    assert qualify_all(marie, report)["qualified"] == 2
    assert visitor.until(PUBLIC_AINES, lambda found: True)["nom"] == "Le Relais des Aînés"


def test_a_file_of_a_very_long_name_comes_in_and_a_source_with_an_end_of_line_does_not(
    node: RunningNode, marie: Program
) -> None:
    sent = {"file": ("a" * 300 + ".csv", (COLUMNS + AINES).encode())}
    assert marie.call("POST", "/api/v1/imports", files=sent, data={"source": "pays-de-blain"})["created"] == 1
    assert marie.call("GET", "/api/v1/imports")["imports"][0]["name"].endswith("a.csv")
    key = Program(node.url, node.ask("accounts", "key_add", name="site", scopes=["directory:write"])["key"])
    draft = {"kind": "structure", "source": "a\n", "source_id": "1", "fields": {"nom": "Le Grain"}}
    assert [each["field"] for each in key.call("POST", "/api/v1/records", json=draft, status=422)["errors"]] == [
        "source"
    ]


def test_what_changed_since_a_dry_run_is_left_out_told_and_done_once_it_is_seen(marie: Program) -> None:
    qualify_all(marie, bring_in(marie))
    record = state(marie, "Aînés")
    path = f"/api/v1/records/{record['id']}"
    assert marie.call("POST", "/api/v1/reviews", json={"ids": [record["id"]], "why": "À relire"})["reviewed"] == 1
    seen = marie.call("POST", "/api/v1/qualifications", json={"reason": "review", "dry_run": True})["versions"]
    changed = marie.call("PATCH", path, version=seen[record["id"]], json={"fields": {"nom": "Le Relais"}})
    asked = {"reason": "review", "versions": seen}
    [refused] = marie.call("POST", "/api/v1/qualifications", json=asked)["refused"]
    assert (refused["version"], refused["changed"]["nom"]) == (changed["version"], ["Le Relais des Aînés", "Le Relais"])
    since = marie.call("GET", f"{path}/state", params={"seen": seen[record["id"]]})["changed_since"]
    assert since == refused["changed"]
    one = {"ids": [record["id"]], "versions": seen}
    marie.call("POST", "/api/v1/qualifications", json=one, status=409)
    marie.call("POST", f"{path}/confirmation", version=seen[record["id"]], json={}, status=412)
    one["versions"] = {record["id"]: refused["version"]}
    assert marie.call("POST", "/api/v1/qualifications", json=one)["public"] == 1


def test_an_import_is_taken_back_once_what_that_would_do_is_seen(marie: Program) -> None:
    path = f"/api/v1/imports/{bring_in(marie)['import']}"
    marie.call("POST", "/api/v1/qualifications", json={"ids": [state(marie, "Écluse")["id"]]})
    foreseen = marie.call("GET", f"{path}/undo")
    assert (foreseen["withdrawn"], foreseen["kept"], foreseen["by_people"]) == (1, 1, 1)
    assert [each["name"] for each in foreseen["records"] if each["why"] == "people"] == ["L’Écluse des Outils"]
    assert marie.call("GET", f"{path}/undo", params={"all": "true"})["withdrawn"] == 2
    assert marie.call("GET", "/api/v1/worklist")["counts"]["submitted"] == 1
    assert marie.call("DELETE", path) == foreseen
    assert marie.call("GET", "/api/v1/worklist")["counts"]["submitted"] == 0
    assert state(marie, "Écluse")["status"] == "qualified"
    marie.call("GET", f"{path}/undo", status=409)


def test_what_a_person_qualified_goes_with_an_import_too_where_that_is_asked_for(marie: Program) -> None:
    report = bring_in(marie)
    qualify_all(marie, report)
    path = f"/api/v1/imports/{report['import']}"
    assert marie.call("DELETE", path, json={"all": True})["withdrawn"] == 2
    assert state(marie, "Écluse")["status"] == "withdrawn"


def test_a_structure_of_the_social_economy_is_refused_until_its_argumentaire_is_written(
    marie: Program, visitor: Program
) -> None:
    bring_in(marie)
    record = state(marie, "Écluse")
    path = f"/api/v1/records/{record['id']}"
    marie.call("PATCH", path, version=record["version"], json={"ess": "yes"})
    refused = marie.call("POST", "/api/v1/publications", json={"ids": [record["id"]]}, status=422)
    assert {each["field"] for each in refused["errors"]} == {f"argumentaire.{part.name}" for part in PARTS}
    marie.call("POST", "/api/v1/qualifications", json={"ids": [record["id"]], "how": "call"})
    written = {part.name: f"{part.example} À Blain." for part in PARTS}
    marie.call("PATCH", path, json={"argumentaire": written}, status=428)
    marie.call("PATCH", path, version=record["version"], json={"argumentaire": written}, status=412)
    version = state(marie, "Écluse")["version"]
    marie.call("PATCH", path, version=version, json={"argumentaire": written})
    assert visitor.until(path, lambda found: True)["argumentaire"] == written


def test_two_entries_of_one_structure_become_one_whose_old_id_leads_on_and_are_separated(
    marie: Program, visitor: Program
) -> None:
    qualify_all(marie, bring_in(marie))
    bring_in(marie, OUTILS.replace(";e1", ";x1"), source="autre-liste")
    [pair] = marie.until("/api/v1/duplicates", lambda found: found["pairs"])["pairs"]
    asked = {"a": pair["a"]["id"], "b": pair["b"]["id"], "decision": "same"}
    foreseen = marie.call("POST", "/api/v1/duplicates/decision", json=asked | {"dry_run": True})
    done = marie.call("POST", "/api/v1/duplicates/decision", json=asked)
    assert done["kept"] == foreseen["kept"]
    assert marie.call("GET", "/api/v1/duplicates")["pairs"] == []
    [gone] = {asked["a"], asked["b"]} - {done["kept"]}
    assert marie.call("GET", f"/api/v1/records/{gone}/state")["id"] == done["kept"]
    separated = marie.call("POST", f"/api/v1/records/{done['kept']}/separation", json={})
    assert separated == {"kept": done["kept"], "separated": gone}
    refused = marie.call("POST", "/api/v1/duplicates/decision", status=422, json=asked | {"decision": "branch"})
    assert [problem["field"] for problem in refused["errors"]] == ["head"]
    marie.call("POST", "/api/v1/duplicates/decision", json=asked | {"decision": "branch", "head": gone})
    assert [head["id"] for head in marie.call("GET", f"/api/v1/records/{done['kept']}/state")["branch_of"]] == [gone]


def test_a_suggestion_without_an_account_is_accepted_and_changes_the_record(marie: Program, visitor: Program) -> None:
    qualify_all(marie, bring_in(marie))
    uuid = state(marie, "Aînés")["id"]
    said = {"field": "telephone", "value": "+33240999999"}
    visitor.until(PUBLIC_AINES, lambda found: True)
    made = visitor.call("POST", f"/api/v1/records/{uuid}/suggestions", json=said, status=202)["suggestion"]
    [waiting] = marie.call("GET", "/api/v1/suggestions")["suggestions"]
    assert (waiting["suggestion"], waiting["value"]) == (made, "+33240999999")
    marie.call("POST", f"/api/v1/suggestions/{made}/decision", json={"accept": True})
    visitor.until(PUBLIC_AINES, lambda found: found["telephone"] == "+33240999999")
    marie.call("POST", f"/api/v1/suggestions/{made}/decision", json={"accept": True}, status=409)


def test_a_structure_corrects_and_confirms_its_own_entry_by_its_link_and_no_other(
    marie: Program, visitor: Program
) -> None:
    qualify_all(marie, bring_in(marie))
    record, other = state(marie, "Aînés"), state(marie, "Écluse")
    draft = {"kind": "service", "source": "pays-de-blain", "source_id": "v1", "structure_source_id": "e2",
             "fields": {"nom": "Visites", "date_maj": "2026-01-31"}}  # fmt: skip
    service = marie.call("POST", "/api/v1/records", json=draft)["id"]
    for nothing, status in ((str(uuid4()), 404), (service, 422)):
        marie.call("POST", "/api/v1/links", json={"structures": [nothing]}, status=status)
    link = marie.call("POST", "/api/v1/links", json={"structures": [record["id"]]}, status=201)["url"]
    structure = visitor.enter(link)
    visitor.call("POST", "/api/v1/sessions", json={"secret": link}, status=401)
    path = f"/api/v1/records/{record['id']}"
    structure.call("PATCH", path, version=record["version"], json={"accessibility": "De plain-pied"})
    structure.call("POST", f"{path}/confirmation", json={})
    refused = f"/api/v1/records/{other['id']}"
    structure.call("PATCH", refused, version=other["version"], json={"ess": "no"}, status=403)
    structure.call("POST", "/api/v1/qualifications", json={"ids": [record["id"]]}, status=403)
    confirmed = visitor.until(path, lambda found: found["confirmed_at"])
    assert confirmed["verified_at"] < confirmed["confirmed_at"]


def test_a_change_is_read_in_the_history_and_taken_back(marie: Program) -> None:
    bring_in(marie)
    record = state(marie, "Aînés")
    path = f"/api/v1/records/{record['id']}"
    marie.call("PATCH", path, version=record["version"], json={"fields": {"nom": "Le Relais"}})
    newest = marie.call("GET", f"{path}/history")["entries"][0]
    assert newest["changed"]["nom"] == ["Le Relais des Aînés", "Le Relais"]
    marie.call("POST", f"{path}/revert", json={"of": newest["version"]})
    assert state(marie, "Aînés")["fields"]["nom"] == "Le Relais des Aînés"


def test_a_contact_is_withdrawn_for_good_and_no_import_brings_it_back(
    node: RunningNode, marie: Program, visitor: Program
) -> None:
    qualify_all(marie, bring_in(marie))
    visitor.until(PUBLIC_AINES, lambda found: True)
    said = {"telephone": "02 40 00 00 01"}
    uuid = state(marie, "Aînés")["id"]
    tried = marie.call("POST", "/api/v1/objections", json=said | {"dry_run": True})
    assert (tried["records"], tried["found"][0]["fields"]) == ([uuid], ["telephone"])
    assert marie.call("POST", "/api/v1/objections", json=said) == {"records": [uuid], "told": 0, "unreached": []}
    bring_in(marie)
    visitor.until(PUBLIC_AINES, lambda found: not found.get("telephone"))
    assert "40000001" not in json.dumps(marie.call("GET", f"/api/v1/records/{uuid}/history"))
    assert not node.ask("directory", "verify")["streams"][0]["faults"]


def test_everything_is_exported_in_both_standards(
    node: RunningNode, marie: Program, visitor: Program, tmp_path: Path
) -> None:
    qualify_all(marie, bring_in(marie))
    visitor.until("/hsds/organizations", lambda found: found["total_items"] == 2)
    visitor.until("/api/v1/structures", lambda found: found["total"] == 2)
    for name in ("data-inclusion", "hsds"):
        out = tmp_path / f"{name}.json"
        subprocess.run([BIN, "export", node.folder, "--format", name, "--out", out], check=True, capture_output=True)
        assert "Le Relais des Aînés" in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/qualifications"), ("POST", "/api/v1/reviews"), ("POST", "/api/v1/duplicates/decision"),
     ("POST", "/api/v1/objections"), ("POST", "/api/v1/links"), ("GET", "/api/v1/suggestions"),
     ("GET", "/api/v1/worklist")],
)  # fmt: skip
def test_a_machines_key_decides_nothing_and_nobody_without_one_comes_in(
    node: RunningNode, visitor: Program, method: str, path: str
) -> None:
    scopes = ["directory:write", "directory:import"]
    key = node.ask("accounts", "key_add", name="site", scopes=scopes)["key"]
    visitor.call(method, path, status=401)
    answer = requests.request(
        method, node.url + path, headers={"Authorization": f"Bearer {key}"}, timeout=20, json={}
    )  # fmt: skip
    assert answer.status_code == 403, answer.text


def test_who_goes_out_is_out_at_once(node: RunningNode, marie: Program) -> None:
    assert marie.call("GET", "/api/v1/sessions/current")["roles"] == ["permanent"]
    marie.call("DELETE", "/api/v1/sessions/current")
    marie.call("GET", "/api/v1/worklist", status=401)
