"""What a node writes of its troubles: enough to mend them, and nothing of the people in them."""

import pytest
import structlog

from deploy.logs import configure
from services.kernel.settings import Log

PERSON = "marie.dupont@example.org"


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_failure_is_told_without_the_values_it_met(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    configure(Log(format=format))
    try:
        _fail(PERSON)
    except ZeroDivisionError:
        structlog.get_logger("essai").exception("unforeseen error")
    finally:
        structlog.configure(**before)
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "marie" not in said


def _fail(address: str) -> float:
    return len(address) / 0
