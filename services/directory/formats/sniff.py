"""What a file is before anything is read of it: its nature, its encoding, its separator.

People export spreadsheets from whatever they have; nobody is asked for an encoding. A byte order mark says it; a file
without one is UTF-8 when it decodes as such, else Windows-1252 when its accents then read as French, else what
charset-normalizer finds. A file that is UTF-8 but for a few bytes stays UTF-8: those rows alone are at fault.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from services.directory.formats import package_zip
from services.directory.formats.drafts import Shape, problem
from services.kernel.errors import ValidationError

CHUNK_BYTES: Final = 1 << 20
SAMPLE_BYTES: Final = 1 << 16
SEPARATORS: Final = (",", ";", "\t", "|")
Nature = Shape | Literal["text"]

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip  # the mark of UTF-32 begins with that of UTF-16
_FRENCH: Final = frozenset("àâäçéèêëîïôöùûüÿœæÀÂÄÇÉÈÊËÎÏÔÖÙÛÜŒÆ«»’‘“”–—…€°²·\xa0ªº§ñáíóú".encode("cp1252"))


@dataclass(frozen=True)
class Encoding:
    """How to decode a file: Python's name, and whether some of its bytes are known not to follow it."""

    name: str
    damaged: bool = False

    @property
    def errors(self) -> str:
        """Python's error handler: bytes at fault become lone surrogates, which the reader finds row by row."""
        return "surrogateescape" if self.damaged else "strict"


def nature(path: Path) -> Shape:
    """What a file is, by its content first: `xlsx`, `json`, `jsonl`, `csv`, or `zip` for a package of tables of HSDS.

    Raises `ValidationError` for a file that is absent, empty or of a nature that cannot be read, with what to do.
    """
    try:
        with path.open("rb") as handle:
            head = handle.read(SAMPLE_BYTES)
    except OSError as error:
        raise _refused(
            path, "file.unreadable", _reason(error), "Vérifiez le chemin et les droits du fichier."
        ) from error
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return "jsonl"  # which may be empty: an export without services has such a file
    if not head.strip():
        raise _refused(path, "file.empty", "Le fichier est vide.", "Exportez-le de nouveau depuis votre outil.")
    if head.startswith(b"PK\x03\x04"):
        return _zipped(path)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise _refused(path, "file.xls", "C'est un classeur Excel d'avant 2007.", "Enregistrez-le en .xlsx ou en CSV.")
    if head.startswith(b"%PDF"):
        raise _refused(path, "file.pdf", "C'est un PDF, dont on ne peut lire les colonnes.", "Il faut le tableau même.")
    return _textual(path, head)


def encoding(path: Path) -> Encoding:
    """The encoding of a text file; reads it whole, in pieces, since accents may be far from its start."""
    with path.open("rb") as handle:
        head = handle.read(SAMPLE_BYTES)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name)
    wide = _wide(head)
    if wide:
        return Encoding(wide)
    counts = _utf8_counts(path)
    if not counts["bad"]:
        return Encoding("utf-8")
    if counts["good"] > counts["bad"]:
        return Encoding("utf-8", damaged=True)
    return Encoding(_one_byte(path))


def separator(sample: str) -> str:
    """The separator of a table from its first lines: `,` `;` tab or `|`, the one that makes most rows equally wide.

    A first line `sep=;`, which Excel understands, decides. A table of a single column has none; `,` is returned.
    """
    said = re.match(r"\s*sep=(.)\r?\n", sample)
    if said:
        return said.group(1)
    lines = sample.splitlines(keepends=True)
    whole = lines[:-1] if len(lines) > 1 and not lines[-1].endswith(("\n", "\r")) else lines
    return max(SEPARATORS, key=lambda mark: _fit("".join(whole[:200]), mark))


def _fit(text: str, mark: str) -> tuple[float, int]:
    widths = Counter(len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark) if row)
    wide = {width: count for width, count in widths.items() if width > 1}
    if not wide:
        return (0.0, 0)
    width, count = max(wide.items(), key=lambda item: (item[1], item[0]))
    return (round(count / widths.total(), 1), width)


def _zipped(path: Path) -> Shape:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise _refused(
            path, "file.broken", "Le classeur, ou l'archive, est abîmé ou incomplet.", "Enregistrez-le de nouveau."
        ) from error
    if "xl/workbook.xml" in names or "[Content_Types].xml" in names:
        return "xlsx"
    if package_zip.looks_like_one(names):
        return "zip"
    what = "C'est un classeur OpenDocument (.ods)." if "mimetype" in names else "C'est une archive zip."
    raise _refused(path, "file.zip", what, "Enregistrez la feuille en .xlsx ou en CSV, ou décompressez l'archive.")


def _textual(path: Path, head: bytes) -> Shape:
    text = head.decode(encoding(path).name.removesuffix("-sig"), errors="replace").lstrip("\ufeff \t\r\n")
    if not text.startswith(("{", "[")):
        return "csv"
    return "jsonl" if re.match(r"\{[^\n]*\}\s*\n\s*\{", text) else "json"


def _wide(head: bytes) -> str:
    """UTF-16 without its mark shows by a zero in every second byte of ASCII text."""
    pairs = len(head) // 2
    if pairs and head[1::2].count(0) > pairs * 0.4:
        return "utf-16-le"
    if pairs and head[0::2].count(0) > pairs * 0.4:
        return "utf-16-be"
    return ""


def _utf8_counts(path: Path) -> Counter[str]:
    """How many characters beyond ASCII are good UTF-8 (`good`) and how many bytes are not (`bad`)."""
    counts: Counter[str] = Counter()
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    for chunk in _chunks(path):
        text = decoder.decode(chunk)
        if not text.isascii():
            bad = len(re.findall(r"[\udc80-\udcff]", text))
            counts["bad"] += bad
            counts["good"] += len(re.findall(r"[^\x00-\x7f]", text)) - bad
    counts["bad"] += len(decoder.decode(b"", final=True))
    return counts


def _one_byte(path: Path) -> str:
    high: Counter[int] = Counter()
    lines: list[bytes] = []
    with path.open("rb") as handle:
        for line in handle:
            if not line.isascii():
                high.update(byte for byte in line if byte > 0x7F)
                if len(lines) < 400:
                    lines.append(line[:2000])
    french = sum(count for byte, count in high.items() if byte in _FRENCH)
    if french >= high.total() * 0.9:
        return "cp1252"
    from charset_normalizer import from_bytes

    found = from_bytes(b"".join(lines), cp_isolation=["cp1252", "latin_1", "mac_roman", "cp850", "iso8859_15"])
    best = found.best()
    return best.encoding if best else "latin-1"


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK_BYTES):
            yield chunk


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "Ce fichier n'existe pas."
    if isinstance(error, IsADirectoryError):
        return "C'est un dossier."
    return f"Ce fichier ne peut être lu ({error.strerror})."


def _refused(path: Path, code: str, why: str, remedy: str) -> ValidationError:
    return ValidationError(f"{path.name} : {why} {remedy}", [problem(None, "", path.name, code, why, remedy)])
