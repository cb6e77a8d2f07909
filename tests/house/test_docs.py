"""What the docs name exists: links, commands, settings, paths."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house import docs
from tests.house.tree import ROOT, name_of, named

PAGES = named(".md")
CODE = [path for path in named(".py") if "house" not in path.parts]
MAKEFILE = (ROOT / "Makefile").read_text()

# Printed by a process of its own: importing the CLI patches the standard library for eventlet.
TREE_OF_COMMANDS = """
import json, typer.main, deploy.cli
group = typer.main.get_command(deploy.cli.app)
print(json.dumps({name: sorted(getattr(command, "commands", ())) for name, command in group.commands.items()}))
"""


@pytest.fixture(scope="module")
def commands() -> docs.Commands:
    if importlib.util.find_spec("deploy.cli") is None:
        pytest.skip("deploy/cli.py is not there yet")
    done = subprocess.run(
        [sys.executable, "-c", TREE_OF_COMMANDS], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    tree: docs.Commands = json.loads(done.stdout.splitlines()[-1])
    return tree


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    assert docs.broken_links(page, page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_named_exists(page: Path) -> None:
    assert docs.unknown_targets(page.read_text(), docs.targets_of(MAKEFILE)) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_named_exists(page: Path, commands: docs.Commands) -> None:
    assert docs.unknown_commands(page.read_text(), commands) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_named_exists(page: Path) -> None:
    assert docs.missing_paths(page.read_text(), ROOT) == []


def test_every_path_named_in_comments_exists() -> None:
    wrong = {name_of(path): docs.missing_paths(path.read_text(), ROOT) for path in CODE}
    assert {name: paths for name, paths in wrong.items() if paths} == {}


def test_every_setting_is_documented() -> None:
    if importlib.util.find_spec("services.kernel.settings") is None or not (ROOT / "docs" / "settings.md").exists():
        pytest.skip("services/kernel/settings.py and docs/settings.md are not there yet")
    from services.kernel.settings import Settings

    names = docs.setting_names(Settings)
    assert names
    assert docs.undocumented_settings((ROOT / "docs" / "settings.md").read_text(), names) == []


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    said = {line.split(":")[0] for line in MAKEFILE.splitlines() if "##" in line and ":" in line}
    assert docs.targets_of(MAKEFILE) - {"python"} <= said


BAD_PAGE = """# A page

See [there](nowhere.md), [below](#no-such-heading), [fine](#a-page) and [outside](https://example.org/x).
Type `make coffee`, then `maillage fly DIR` or `maillage user sing DIR`; make sure that it works.

```sh
make check && make tea
.venv/bin/maillage user add DIR someone@example.org
less services/kernel/nothing.py docs/*.md services/kernel/<name>.py
```
"""


def test_a_bad_page_is_told_everything(tmp_path: Path) -> None:
    page = tmp_path / "bad.md"
    page.write_text(BAD_PAGE)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").touch()
    assert docs.broken_links(page, BAD_PAGE) == ["nowhere.md", "#no-such-heading"]
    assert sorted(docs.unknown_targets(BAD_PAGE, {"check"})) == ["make coffee", "make tea"]
    assert sorted(docs.unknown_commands(BAD_PAGE, {"user": ["add"]})) == ["maillage fly", "maillage user sing"]
    assert docs.missing_paths(BAD_PAGE, tmp_path) == ["services/kernel/nothing.py"]


def test_an_undocumented_setting_is_told() -> None:
    @dataclass(frozen=True)
    class Http:
        host: str
        port: int

    @dataclass(frozen=True)
    class Everything:
        http: Http
        folder: str

    names = docs.setting_names(Everything)
    assert names == ["http.host", "http.port", "folder"]
    page = "## `[http]`\n\n| `port` | where |\n\n## `[log]`\n\n| `host` | not this one |\n"
    assert docs.undocumented_settings(page, names) == ["http.host", "folder"]
