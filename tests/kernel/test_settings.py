"""One file of settings: every key known, every mistake named with its remedy, the environment on top."""

import stat
from pathlib import Path

import pytest

from services.kernel.errors import ValidationError
from services.kernel.settings import FILE, Node, load, write

LEAST = '[node]\nid = "radar"\nname = "RADAR"\n'


def written(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text, encoding="utf-8")
    return folder


def test_two_keys_are_enough_and_all_others_have_a_default(tmp_path: Path) -> None:
    settings = load(written(tmp_path, LEAST), {})
    assert (settings.node.id, settings.node.name) == ("radar", "RADAR")
    assert settings.http.port == 8080
    assert settings.broker.url == settings.database.url == ""


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    folder = written(tmp_path, LEAST + "[http]\nport = 81\nmetrics = false\n")
    settings = load(
        folder, {"MAILLAGE_HTTP_PORT": "82", "MAILLAGE_HTTP_METRICS": "true", "MAILLAGE_NODE_NAME": "Autre"}
    )
    assert (settings.http.port, settings.http.metrics, settings.node.name) == (82, True, "Autre")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LEAST + "[htpp]\nport = 1\n", "Vouliez-vous dire « http »"),
        (LEAST + "[http]\nprot = 1\n", "Vouliez-vous dire « port »"),
        (LEAST + '[http]\nport = "abc"\n', "http.port « .* » : int attendu"),
        (LEAST + "[http]\nport = true\n", "http.port « .* » : int attendu"),
        (LEAST + "[http]\nmetrics = 1\n", "http.metrics « 1 » : bool attendu"),
        ('[node]\nid = "radar"\n', "node.name : manque"),
        ('[node]\nid = ""\nname = "RADAR"\n', "node.id : cette valeur ne convient pas"),
        (f'[node]\nid = "{"a" * 101}"\nname = "RADAR"\n', "node.id « a+ » : .* 1 to 100"),
        (f'[node]\nid = "radar"\nname = "{"é" * 201}"\n', "node.name « é+ » : .* 1 to 200"),
        ('[node]\nid = "radar"\nname = "RADAR\\nNantes"\n', "node.name « RADAR\nNantes » : .*one line"),
        ('[node]\nid = "radar"\nname = "RADAR \\u202eNAPRO"\n', "node.name .*invisible"),
        ('[node]\nid = "radar"\nname = "\\u00a0"\n', "node.name"),
        (LEAST + f'url = "https://{"a" * 500}"\n', "node.url .* 500"),
        (LEAST + "[http]\nport = 99999\n", "1 to 65535"),
        (LEAST + "[http]\nworkers = 0\n", "http.workers « 0 » : cette valeur ne convient pas"),
        (LEAST + '[log]\nlevel = "LOUD"\n', "`WARNING`"),
        (LEAST + '[broker]\nurl = "http://x"\n', "broker.url « http://x » : cette valeur ne convient pas"),
        (LEAST + '[database]\nurl = "mysql://x"\n', "postgresql"),
        (LEAST + "[http]\ntrusted_proxies = -3\n", "http.trusted_proxies"),
        ("node = 3\n", r"Écrivez \[node\]"),
        ("[node\n", "TOML illisible"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        load(written(tmp_path, text), {})


def test_what_is_written_reads_back_is_private_and_is_never_overwritten(tmp_path: Path) -> None:
    node = Node("orpan", 'L\'"ORPAN" \\ Nantes')
    path = write(tmp_path, node, "amqp://u:p@h//", "postgresql+psycopg://u:p@h/n")
    settings = load(tmp_path, {})
    assert settings.node == node
    assert (settings.broker.url, settings.database.url) == ("amqp://u:p@h//", "postgresql+psycopg://u:p@h/n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write(tmp_path, node)


def test_a_name_typed_as_french_is_printed_has_plain_spaces(tmp_path: Path) -> None:
    for space in "\u00a0\u202f":
        settings = load(written(tmp_path, f'[node]\nid = "radar"\nname = "Solidarité{space}: 12{space}000"\n'), {})
        assert settings.node.name == "Solidarité : 12 000"


def test_a_variable_that_names_no_key_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="MAILLAGE_HTTP_PORT"):
        load(written(tmp_path, LEAST), {"MAILLAGE_HTTP_PRT": "1"})
    load(written(tmp_path, LEAST), {"MAILLAGE_TEST_BROKER": "amqp://x"})


def test_a_slip_in_the_name_of_a_password_does_not_print_it(tmp_path: Path) -> None:
    write(tmp_path, Node("essai", "Essai"))
    with pytest.raises(ValidationError) as refused:
        load(tmp_path, {"MAILLAGE_MAIL_PASSWRD": "tres-secret"})
    assert "tres-secret" not in f"{refused.value} {refused.value.details}"
    with (tmp_path / FILE).open("a") as file:
        file.write('\n[mail]\npasswrod = "tres-secret"\n')
    with pytest.raises(ValidationError) as refused:
        load(tmp_path, {})
    assert "tres-secret" not in f"{refused.value} {refused.value.details}"
