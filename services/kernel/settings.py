"""A node's settings: one TOML file, environment overrides, every key known, documented and checked.

`maillage.toml` in the node's folder; `MAILLAGE_<SECTION>_<KEY>` in the environment wins over it. A section or a key
that does not exist is refused with the nearest that does. `docs/settings.md` is generated from the `help` below.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Container, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from services.kernel.errors import ValidationError
from services.kernel.shapes import ADDRESSES, BROKERS, DATABASES, EMAILS, LABELS, NAMES, TERRITORIES, TITLES, spaced

FILE = "maillage.toml"
PREFIX = "MAILLAGE_"


LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def _key(default: Any, doc: str, *, among: Container[Any] | None = None) -> Any:
    return field(default=default, metadata={"help": doc, "among": among})


def _required(doc: str, *, among: Container[Any], made: Callable[[str], str] = str) -> Any:
    return field(metadata={"help": doc, "among": among, "made": made})


@dataclass(frozen=True)
class Node:
    """Section `[node]`: who hosts this node."""

    id: str = _required(
        "Short label of the member, lower case letters, digits, hyphens, 1 to 100: `radar`. Peers know the node by its "
        "key.",
        among=LABELS,
    )
    name: str = _required(
        "Name of the member as people read it: `RADAR`; one line of 1 to 200 characters, without invisible ones.",
        among=TITLES, made=spaced,
    )  # fmt: skip
    territory: str = _key(
        "", "INSEE code of the commune or department, or SIREN of the EPCI, that the member serves.", among=TERRITORIES
    )
    url: str = _key(
        "", "Public address of the gateway, `https://…`, up to 500 characters; empty on a trial.", among=ADDRESSES
    )
    contact: str = _key("", "E-mail address of the member, named to whoever a link does not let in.", among=EMAILS)


@dataclass(frozen=True)
class Http:
    """Section `[http]`: the gateway."""

    host: str = _key("127.0.0.1", "Address the gateway listens on.")
    port: int = _key(8080, "Port the gateway listens on, 1 to 65535.", among=range(1, 65_536))
    workers: int = _key(
        2, "Worker processes of the gateway, 1 to 64 (an embedded node has one process).", among=range(1, 65)
    )
    rate_limit_per_minute: int = _key(
        600, "Public requests per minute and client, 1 or more; each worker enforces its share.", among=range(1, 10**9)
    )
    trusted_proxies: int = _key(
        0, "How many reverse proxies stand in front, 0 to 9, whose `X-Forwarded-For` is believed.", among=range(10)
    )
    metrics: bool = _key(False, "Whether `/metrics` answers clients other than this machine.")


@dataclass(frozen=True)
class Broker:
    """Section `[broker]`: RabbitMQ, or nothing."""

    url: str = _key(
        "", "`amqp://user:password@host:5672/vhost`; empty: the embedded broker, in this process.", among=BROKERS
    )


@dataclass(frozen=True)
class DatabaseSettings:
    """Section `[database]`: PostgreSQL, or files in the node's folder."""

    url: str = _key(
        "", "`postgresql+psycopg://user:password@host/name`; empty: SQLite files in the node's folder.", among=DATABASES
    )


@dataclass(frozen=True)
class Directory:
    """Section `[directory]`."""

    verified_for_months: int = _key(
        12, "How long a permanent's verification holds, 1 to 120 months; then the record is in the work list again.",
        among=range(1, 121),
    )  # fmt: skip
    reminders: bool = _key(
        True, "Whether structures are written to, with a link, before their verification ends (where mail is sent)."
    )


@dataclass(frozen=True)
class MailSettings:
    """Section `[mail]`: how messages leave; without a host none does."""

    host: str = _key("", "Mail server; empty: no message is sent, and `maillage user link` prints links to sign in.")
    port: int = _key(587, "Its port, 1 to 65535.", among=range(1, 65_536))
    security: str = _key(
        "starttls", "`starttls`, `tls` (port 465), or `none` (a server on this machine).",
        among=("starttls", "tls", "none"),
    )  # fmt: skip
    user: str = _key("", "Its user; empty: no password is asked.")
    password: str = _key("", "Its password; better in the environment.")
    sender: str = _key("", "Address that messages come from: `maillage@example.org`.", among=EMAILS)


@dataclass(frozen=True)
class Bulk:
    """Section `[bulk]`: files of everything public, for everybody."""

    enabled: bool = _key(True, "Whether files of everything public are made, and served under `/data/`.")
    hour: int = _key(3, "The hour at which they are made every night, this machine's time, 0 to 23.", among=range(24))
    pause_min: int = _key(
        15, "After a change, how many minutes there are at least since they were made before, 0 to 1440.",
        among=range(1_441),
    )  # fmt: skip
    formats: str = _key(
        "data-inclusion,hsds,hsds-csv,csv,xlsx,geojson",
        "Formats of `maillage export`, separated by commas.",
        among=NAMES,
    )


@dataclass(frozen=True)
class Federation:
    """Section `[federation]`: what other nodes may read here."""

    log_days: int = _key(
        400, "How long every change of what is public is kept, 7 to 10000 days; then a record's last one.",
        among=range(7, 10_001),
    )  # fmt: skip
    ask_every_s: int = _key(
        15, "How often peers are asked how far they are, 1 to 3600 s; what is new comes at once, whatever this is.",
        among=range(1, 3_601),
    )  # fmt: skip
    calls: bool = _key(
        False, "Whether this node calls its peers to be read, because they cannot reach it (box, NAT, no open port)."
    )
    log_mb: int = _key(
        0, "Over how many MB the changes of 7 days are enough, 0 to 1000000; 0: no limit.", among=range(1_000_001)
    )


@dataclass(frozen=True)
class LaneSettings:
    """Section `[lane]`: the fast lane to other nodes, over RabbitMQ on both sides; HTTPS alone without it."""

    management: str = _key(
        "", "Management API of this node's RabbitMQ, `http://127.0.0.1:15672`; empty: no fast lane.", among=ADDRESSES
    )
    user: str = _key("", "An administrator of RabbitMQ; empty: user and password of `[broker] url`.")
    password: str = _key("", "Its password; better in the environment.")
    host: str = _key(
        "", "Name by which other members reach this RabbitMQ; empty: the host of `[node] url`; `none`: they cannot."
    )
    port: int = _key(5671, "Port by which they do, 1 to 65535.", among=range(1, 65_536))
    tls: bool = _key(True, "Whether they do by TLS; `false` only for a trial on one machine.")
    certificate: bool = _key(
        False, "Whether RabbitMQ has a certificate of a known authority (Let's Encrypt); else one is made for it."
    )
    authority: str = _key("", "PEM file of the authority of that certificate, where not every machine knows it.")
    files: str = _key("", "Folder of certificates, readable by RabbitMQ; empty: `lane` in the node's folder.")


@dataclass(frozen=True)
class Log:
    """Section `[log]`."""

    level: str = _key("INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`.", among=LEVELS)
    format: str = _key("text", "`text` for people, `json` for machines.", among=("text", "json"))


@dataclass(frozen=True)
class Settings:
    """All settings of one node."""

    node: Node
    http: Http = Http()
    broker: Broker = Broker()
    database: DatabaseSettings = DatabaseSettings()
    directory: Directory = Directory()
    mail: MailSettings = MailSettings()
    bulk: Bulk = Bulk()
    federation: Federation = Federation()
    lane: LaneSettings = LaneSettings()
    log: Log = Log()

    @property
    def base_url(self) -> str:
        """Where people reach this node: its public address, or where the gateway listens."""
        return self.node.url.rstrip("/") or f"http://{self.http.host}:{self.http.port}"


SECTIONS: dict[str, type[Any]] = {
    "node": Node, "http": Http, "broker": Broker, "database": DatabaseSettings, "directory": Directory,
    "mail": MailSettings, "bulk": Bulk, "federation": Federation, "lane": LaneSettings, "log": Log,
}  # fmt: skip


def load(folder: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the node's settings. Raises `ValidationError` naming section, key, value and remedy; `FileNotFoundError`."""
    path = folder / FILE
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise _invalid(str(path), "", f"TOML illisible : {error}", "Corrigez cette ligne.") from None
    except UnicodeDecodeError:
        raise _invalid(str(path), "", "le fichier n’est pas en UTF-8", "Enregistrez-le en UTF-8.") from None
    _refuse_unknown(raw, SECTIONS, str(path), "section")
    _refuse_unknown_variables(environ)
    return Settings(**{name: _section(name, cls, raw.get(name, {}), environ) for name, cls in SECTIONS.items()})


def _section(name: str, cls: type[Any], raw: Any, environ: Mapping[str, str]) -> Any:
    if not isinstance(raw, dict):
        raise _invalid(name, str(raw), "une section est attendue", f"Écrivez [{name}] puis ses clés.")
    known = {item.name: item for item in fields(cls)}
    _refuse_unknown(raw, known, f"[{name}]", "clé")
    values = dict(raw)
    for key in known:
        override = environ.get(f"MAILLAGE_{name}_{key}".upper())
        if override is not None:
            values[key] = override
    checked = {key: _typed(f"{name}.{key}", value, known[key]) for key, value in values.items()}
    for key, item in known.items():
        if key not in checked and item.default is MISSING:
            raise _invalid(f"{name}.{key}", "", "manque", f"Ajoutez {key} à la section [{name}].")
    return cls(**checked)


def _typed(path: str, value: Any, item: Field[Any]) -> Any:
    wanted = {"str": str, "int": int, "bool": bool}[str(item.type)]
    if wanted is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if wanted is int and isinstance(value, str) and value.removeprefix("-").isdecimal():
        value = int(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise _invalid(path, str(value), f"{wanted.__name__} attendu", str(item.metadata["help"]))
    among = item.metadata.get("among")
    if among is not None and value not in among:
        raise _invalid(path, str(value), "cette valeur ne convient pas", str(item.metadata["help"]))
    return item.metadata.get("made", wanted)(value)


def _refuse_unknown(raw: Mapping[str, Any], known: Mapping[str, Any], where: str, noun: str) -> None:
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(key, list(known), 1)
            remedy = f"Vouliez-vous dire « {near[0]} » ?" if near else f"Connues : {', '.join(known)}."
            raise _invalid(f"{where} {key}", _unless_secret(key, str(raw[key])), f"{noun} inconnue", remedy)


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    """A variable that would override a section and names no key of it is a slip of the pen."""
    known = {f"{PREFIX}{name}_{item.name}".upper() for name, cls in SECTIONS.items() for item in fields(cls)}
    for name in environ:
        if name not in known and name.startswith(tuple(f"{PREFIX}{section}_".upper() for section in SECTIONS)):
            near = difflib.get_close_matches(name, sorted(known), 1)
            remedy = f"Vouliez-vous dire {near[0]} ?" if near else "Ôtez-la."
            shown = _unless_secret(name, environ[name])
            raise _invalid(name, shown, "variable d’environnement inconnue", remedy)


def _unless_secret(key: str, value: str) -> str:
    """A value as it may be told: a slip in the name of a password must not print it."""
    return "…" if re.search("pass|secret|key|mot", key, re.IGNORECASE) else value


def _invalid(where: str, value: str, why: str, remedy: str) -> ValidationError:
    shown = re.sub(r"//[^@/]*@", "//…@", value)  # an address may hold a password
    problem = {"field": where, "value": shown, "why": why, "remedy": remedy, "code": "settings"}
    said = f" « {shown} »" if shown else ""
    return ValidationError(f"Réglage {where}{said} : {why}. {remedy}", [problem])


def write(folder: Path, node: Node, broker_url: str = "", database_url: str = "") -> Path:
    """Write a new node's file, with only what differs from the defaults.

    Raises `FileExistsError`; `ValidationError` on a value that could not be read back.
    """
    said: list[tuple[str, type[Any], str, str]] = [
        ("node", Node, item.name, getattr(node, item.name)) for item in fields(node)
    ]
    said += [("broker", Broker, "url", broker_url), ("database", DatabaseSettings, "url", database_url)]
    for section, cls, key, value in said:
        _typed(f"{section}.{key}", value, cls.__dataclass_fields__[key])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    lines = ["# Settings of this node; all keys are in docs/settings.md.", "", "[node]"]
    lines += [f"{item.name} = {_toml(getattr(node, item.name))}" for item in fields(node) if getattr(node, item.name)]
    for section, url in (("broker", broker_url), ("database", database_url)):
        if url:
            lines += ["", f"[{section}]", f"url = {_toml(url)}"]
    with path.open("x", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


def _toml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def documentation() -> str:
    """The table of all settings, in Markdown, as `docs/settings.md` holds it."""
    lines = []
    for name, cls in SECTIONS.items():
        lines += [f"## `[{name}]`", "", "| key | default | environment | what it is |", "|---|---|---|---|"]
        for item in fields(cls):
            default = "required" if item.default is MISSING else f"`{item.default!r}`".replace("''", "empty")
            variable = f"MAILLAGE_{name}_{item.name}".upper()
            lines.append(f"| `{item.name}` | {default} | `{variable}` | {item.metadata['help']} |")
        lines.append("")
    return "\n".join(lines)


def erased_mark(folder: Path) -> Path:
    """The file whose time is that of the last erasure on the node of a folder."""
    return folder / "witness" / "erased"
