"""Text as people paste it, made plain: one form of each character, no control signs, no HTML, lines kept.

The first file of `clean`: what a refusal is, and the cleaning that every other one starts from. Cleaning twice changes
nothing more, and no text whatever raises anything but `Refused`.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from typing import NamedTuple

from services.kernel.errors import Problem

LONGEST_TEXT = 10_000
"""Characters of the longest text that data·inclusion takes (`description`); no field needs more."""


class Refused(Exception):
    """A value that cannot be cleaned: `code` for programs (`siret.checksum`), `why` and `remedy` in French."""

    def __init__(self, code: str, why: str, remedy: str) -> None:
        super().__init__(code, why, remedy)
        self.code = code
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.why} {self.remedy}"

    def problem(self, field: str, value: object, line: int | None = None) -> Problem:
        """As the import report and the API tell it, with the field, its value (200 characters at most) and its line."""
        shown = said(value)
        shown = shown if len(shown) <= 200 else f"{shown[:199]}…"
        return {
            "line": line, "field": field, "value": shown, "why": self.why, "remedy": self.remedy, "code": self.code,
        }  # fmt: skip


class Cell(NamedTuple):
    """What a cell held: the first good value, the other good ones, and the words that were none."""

    value: str
    others: tuple[str, ...] = ()
    rest: str = ""


# Signs that are no text: every control but the line break, the invisible ones that editors and bidi attacks leave,
# halves of surrogate pairs. Every space becomes the plain one. Word writes its bullet in a private area.
_CATEGORIES = {"Zs": " ", "Cc": None, "Cs": None, "Zl": "\n", "Zp": "\n"}
_INVISIBLE = "\u00ad\u180e\u200b\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
_TABLE: dict[int, str | None] = {
    code: _CATEGORIES[category]
    for code in (*range(0x3001), *range(0xD800, 0xE000))
    if (category := unicodedata.category(chr(code))) in _CATEGORIES
}
_TABLE |= {ord(sign): None for sign in _INVISIBLE} | {
    0x09: " ",
    0x0A: "\n",
    0x0B: "\n",
    0x0C: "\n",
    0x0D: "\n",
    0x85: "\n",
}
_TABLE |= {0xF0B7: "•", 0xF0A7: "•", 0xF0D8: "•"}
_SPACES = re.compile(r"  +")
_AROUND_BREAK = re.compile(r" ?\n ?")
_BREAKS = re.compile(r"\n{3,}")


def said(value: object) -> str:
    """A cell as text: nothing for None, `44000` for the 44000.0 of a spreadsheet, `oui` or `non` for a truth value."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int) and abs(value) > sys.maxsize:
        return hex(value)  # a text of it may be refused by Python itself, and no field has such a number
    return str(value)


def text(value: object) -> str:
    """Plain text, NFC, trimmed: spaces of all kinds are one space, at most one empty line, no control characters.

    Raises `Refused` for what is no scalar: a list or an object of JSON in the place of a text.
    """
    if isinstance(value, list | tuple | dict | set | bytes):
        raise Refused("text.type", "Ce n'est pas un texte mais une liste ou un objet.", "Donnez une seule valeur.")
    given = said(value)
    if given.isprintable() and "  " not in given and unicodedata.is_normalized("NFC", given):
        return given.strip()
    plain = unicodedata.normalize("NFC", given.replace("\r\n", "\n").translate(_TABLE))
    plain = _AROUND_BREAK.sub("\n", _SPACES.sub(" ", plain))
    return _BREAKS.sub("\n\n", plain).strip()


def line(value: object) -> str:
    """The same on one line."""
    plain = text(value)
    return " ".join(plain.split()) if "\n" in plain else plain


# Elements of HTML, and those of Word (`o:p`). Any other `<word>` is text: people write <moins de 18 ans>.
_ELEMENTS = (
    "a|abbr|address|article|aside|audio|b|big|blockquote|body|br|button|caption|center|cite|code|col|colgroup|dd|del|details"
    "|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label"
    "|legend|li|link|main|mark|meta|nav|noscript|object|ol|option|p|picture|pre|q|s|script|section|select|small|source|span"
    "|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title|tr|tt|u|ul|video"
    r"|wbr|\w+:\w+"
)
_NO_TAG = re.compile(rf"<(?!/?(?:{_ELEMENTS})(?:\s[^<>]*)?/?>)", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->|<![a-z][^<>]*>|<\?[^<>]*>", re.DOTALL | re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[a-z][a-z0-9]*|#[0-9]+|#x[0-9a-f]+);", re.IGNORECASE)
_BARE_AND = re.compile(r"&(?!(?:[a-z][a-z0-9]*|#[0-9]+|#x[0-9a-f]+);)", re.IGNORECASE)
_AND_OF_AND = re.compile(r"&(?:(?:amp|#0*38|#x0*26);)+", re.IGNORECASE)
_LINK = re.compile(r'<a href="(?:mailto:|tel:)?([^"]*)">(.*?)</a>', re.DOTALL)
_BLOCK = re.compile(r"<(?:br|p|div|li|tr|h[1-6])\b")
_TAG = re.compile(r"<(/?)(\w+)[^<>]*>")
_KEPT = {"a", "p", "br", "li", "ul", "ol", "div", "tr", "td", "h1", "h2", "h3", "h4", "h5", "h6"}
_EMPTIED = {"script", "style", "iframe", "svg", "template", "object", "head"}
_PARAGRAPHS = {"p", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6"}
_MOST_PASSES = 6


def html_text(value: object) -> str:
    """Plain text of what may be HTML: paragraphs, lines and list items (`- `) stay, links keep addresses, scripts go.

    Entities are read (`&eacute;`, and `&amp;eacute;` of files escaped twice). Text without HTML is left alone: `<` and
    `&` that are no tag and no entity stay. Raises `Refused` for text escaped more often than anybody does by mistake.
    """
    plain = text(value)
    for _ in range(_MOST_PASSES):
        before = plain
        if "<" in plain:
            plain = _without_tags(plain)
        if "&" in plain:
            plain = _ENTITY.sub(lambda entity: html.unescape(entity.group()), _AND_OF_AND.sub("&amp;", plain))
        if plain == before:
            return plain
        plain = text(plain)
    why = "Le texte contient du HTML échappé de nombreuses fois."
    raise Refused("text.html", why, "Recopiez le texte tel qu'il se lit à l'écran.")


def _without_tags(marked: str) -> str:
    import nh3

    marked = _NO_TAG.sub("&lt;", _COMMENT.sub("", _BARE_AND.sub("&amp;", marked)))
    if "<" in marked:
        marked = nh3.clean(
            marked, tags=_KEPT, clean_content_tags=_EMPTIED, attributes={"a": {"href"}}, link_rel=None,
            url_schemes={"http", "https", "mailto", "tel"},
        )  # fmt: skip
        if _BLOCK.search(marked):
            marked = marked.replace("\n", " ")
        marked = _TAG.sub(_layout, _LINK.sub(_spelt_out, marked))
    # One level of escaping, nh3's or ours, is taken off here; `html_text` sees to those of the text itself.
    return marked.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&")


def _spelt_out(link: re.Match[str]) -> str:
    address, words = link.groups()
    return words if address in words or not address else f"{words} ({address})"


def _layout(tag: re.Match[str]) -> str:
    closing, element = tag.groups()
    if element == "li":
        return "" if closing else "\n- "
    if element in _PARAGRAPHS:
        return "\n\n"
    return "\n" if element in ("br", "div", "tr") else " " if element == "td" else ""


def long_text(value: object, least: int = 0) -> str:
    """`html_text` of at least `least` and at most `LONGEST_TEXT` characters."""
    plain = html_text(value)
    if len(plain) < least:
        raise Refused(
            "text.short", f"Le texte est trop court ({len(plain)} caractères).", f"Écrivez-en au moins {least}."
        )
    if len(plain) > LONGEST_TEXT:
        why = f"Le texte est trop long ({len(plain)} caractères)."
        raise Refused("text.long", why, f"Ramenez-le à {LONGEST_TEXT} caractères.")
    return plain


def short_text(value: object) -> str:
    """The same on one line: addresses, names of people."""
    return " ".join(long_text(value).split())


SHORTEST_NAME, LONGEST_NAME = 3, 150


def name(value: object) -> str:
    """The name of a structure or service: one line, 3 to 150 characters, no point at its end but that of `etc.`.

    Source: data·inclusion schema v1, field `nom`.
    """
    plain = " ".join(html_text(value).split())
    bare = plain.rstrip(" .")
    bare = f"{bare}." if bare.endswith("etc") and plain.endswith(".") else bare
    if len(bare) < SHORTEST_NAME:
        raise Refused(
            "name.short", f"Le nom est trop court ({len(bare)} caractères).", "Écrivez le nom en toutes lettres."
        )
    if len(bare) > LONGEST_NAME:
        why = f"Le nom est trop long ({len(bare)} caractères)."
        raise Refused("name.long", why, f"Ramenez-le à {LONGEST_NAME} caractères ; le reste va dans la description.")
    return bare
