"""A directory of an earlier release opens in this one: nothing is lost, and what was public stays so."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from services.directory import store
from services.kernel import migrate
from services.kernel.database import Database
from tests.conftest import Backend

RECORD = (
    "INSERT INTO record (id, kind, home, source, source_id, version, public_version, status, content, changed,"
    " changed_at, reason) VALUES (:id, 'structure', 'h', :source, 'x', 1, :public, :status, :content, '', 't', '')"
)
BEFORE = [  # id, source, status, public version; then the status after
    ("a", "held", "held", None, "submitted"),
    ("b", "held", "published", 1, "qualified"),
    ("c", "open", "published", 1, "submitted"),
    ("d", "open", "draft", None, "draft"),
    ("e", "held", "withdrawn", None, "withdrawn"),
]


def test_statuses_of_the_first_release_become_those_of_qualification(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = Database(backend.database_url("directory"), "directory")
    with monkeypatch.context() as first_release:
        first_release.setattr(migrate, "HEAD", "0001")
        migrate.migrate(database)
    with database.begin() as session:
        session.execute(text("INSERT INTO source VALUES ('held', '', 'hold', '', ''), ('open', '', 'publish', '', '')"))
        for name, source, status, public, _ in BEFORE:
            row = {"id": name, "source": source, "status": status, "public": public, "content": b'{"fields":{}}'}
            session.execute(text(RECORD), row)
    migrate.migrate(database)
    with database.read() as session:
        known = store.records(session, [row[0] for row in BEFORE])
        assert {name: record.status for name, record in known.items()} == {row[0]: row[4] for row in BEFORE}
        assert {name: record.public_version for name, record in known.items()} == {row[0]: row[3] for row in BEFORE}
        assert all(record.trusted == {} for record in known.values())
    database.close()
