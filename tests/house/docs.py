"""Rules of the docs: what a page names exists. Code is read in fenced blocks and in `spans`; prose is left alone."""

import dataclasses
import re
import typing
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

FENCE = re.compile(r"^ *(```|~~~).*?\n(.*?)^ *\1", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
START = r"(?:^|&&|\|\||;|\||\$)\s*(?:sudo\s+)?(?:\w+=\S*\s+)*"
MAKE = re.compile(START + r"make\s+([a-z][\w-]*)")
COMMAND = re.compile(START + r"(?:\S*/)?maillage\s+([a-z][\w-]*)(?:\s+([a-z][\w-]*)\b)?")
TOP = ("services", "gateway", "deploy", "tests", "docs", "benchmarks", ".ci")

Commands = Mapping[str, Collection[str]]


def code_lines(text: str) -> Iterator[str]:
    """Each line of the fenced blocks, then each inline span outside them."""
    for fence in FENCE.finditer(text):
        yield from (line.strip() for line in fence.group(2).splitlines())
    yield from (span.group(1).strip() for span in SPAN.finditer(FENCE.sub("", text)))


def broken_links(page: Path, text: str) -> list[str]:
    """Links inside the project whose file, or heading within it, is not there."""
    prose = SPAN.sub("", FENCE.sub("", text))
    targets = [first or second for first, second in LINK.findall(prose)]
    return [target for target in targets if not re.match(r"[a-z][a-z+.-]*:", target) and not _leads(page, target, text)]


def _leads(page: Path, target: str, text: str) -> bool:
    name, _, anchor = target.partition("#")
    there = page.parent / name if name else page
    if not there.exists():
        return False
    if not anchor or there.suffix != ".md":
        return True
    return anchor in anchors(text if there == page else there.read_text())


def anchors(text: str) -> set[str]:
    """The anchors that the headings of a page make, as code forges compute them."""
    plain = (re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in HEADING.findall(FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain}


def targets_of(makefile: str) -> set[str]:
    """The targets that a Makefile has."""
    return set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.MULTILINE))


def unknown_targets(text: str, targets: Collection[str]) -> list[str]:
    """`make X` in code where the Makefile has no X."""
    return [f"make {name}" for line in code_lines(text) for name in MAKE.findall(line) if name not in targets]


def unknown_commands(text: str, commands: Commands) -> list[str]:
    """`maillage X` in code where the CLI has no X, and `maillage X Y` where X is a group without Y.

    Args:
        commands: name of each command, with the names of its subcommands (empty for a plain command).
    """
    wrong = []
    for line in code_lines(text):
        for name, below in COMMAND.findall(line):
            if name not in commands:
                wrong.append(f"maillage {name}")
            elif commands[name] and below and below not in commands[name]:
                wrong.append(f"maillage {name} {below}")
    return wrong


def missing_paths(text: str, root: Path) -> list[str]:
    """Paths of the project named in code (`tests/house/docs.py`) that do not exist; stars and prefixes match any."""
    words = (word.strip("\"'(),;.:") for line in code_lines(text) for word in line.split())
    return sorted({word for word in words if _looks_like_ours(word) and not _exists(word, root)})


def _looks_like_ours(word: str) -> bool:
    return word.split("/")[0] in TOP and "/" in word and not re.search(r"[<>{}…$=|]|\.\.\.|[A-Z]{3}", word)


def _exists(word: str, root: Path) -> bool:
    path = re.sub(r"(::.*|:\d+.*|#.*)$", "", word).rstrip("/")
    return (root / path).exists() or any(root.glob(path if "*" in path else path + "[-.]*"))


def setting_names(settings: type) -> list[str]:
    """`section.key` for every field of the settings' dataclasses; a field that is no dataclass stands alone."""
    names = []
    for name, kind in typing.get_type_hints(settings).items():
        below = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
        names += [f"{name}.{key}" for key in below] or [name]
    return names


def undocumented_settings(text: str, names: Collection[str]) -> list[str]:
    """Settings that the page does not name, as `section.key` or as `key` below a heading that names `[section]`."""
    wanting = []
    for name in names:
        section, _, key = name.rpartition(".")
        part = re.search(rf"^#+ .*\[{re.escape(section)}\].*?(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
        if f"`{name}`" not in text and not (section and part and f"`{key}`" in part.group()):
            wanting.append(name)
    return wanting
