"""Words: how French text becomes what is looked up, the same way when it is indexed and when it is asked.

Split at everything that is no letter or digit (so `l'aide` gives `l` and `aide`), lower case, accents folded, elided
articles and words that say nothing dropped, then the French stem (Snowball). Folding comes before stemming: people
leave accents out, and both sides must meet. A second, unstemmed form serves typing mistakes and completion.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import tantivy

STEMMED = "french"
PLAIN = "words"
GRAMS = "grams"

MAX_WORD_LETTERS = 40
MAX_QUERY_WORDS = 12
GRAM_LETTERS = 12

_STOP = """
    l d j n s t c m qu jusqu lorsqu puisqu quoiqu
    le la les un une des de du au aux et ou en a dans par pour sur sous avec sans chez entre vers
    ce cet cette ces son sa ses mon ma mes ton ta tes notre nos votre vos leur leurs
    je tu il elle on nous vous ils elles me te se y lui eux moi toi soi
    qui que quoi dont quel quelle quels quelles ne pas plus si comme mais donc car
    est sont etre ai as ont avoir avez avons etes sommes peut peuvent
    tout toute tous toutes autre autres afin ainsi aussi tres
"""
STOP_WORDS = _STOP.split()

# What people write around what they look for; dropped from a question, never from a document.
_FILLERS = "cherche cherchons chercher trouver besoin voudrais veux aimerais comment faut bonjour svp"
FILLERS = frozenset(_FILLERS.split())


def _analyzer(*, stem: bool) -> tantivy.TextAnalyzer:
    builder = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(MAX_WORD_LETTERS))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.custom_stopword(STOP_WORDS))
    )
    return (builder.filter(tantivy.Filter.stemmer("French")) if stem else builder).build()


_PLAIN_ANALYZER = _analyzer(stem=False)
_STEMMING_ANALYZER = _analyzer(stem=True)


def register(index: tantivy.Index) -> None:
    """Teach an opened index our analyzers; needed before any text is written to it."""
    index.register_tokenizer(STEMMED, _STEMMING_ANALYZER)
    index.register_tokenizer(PLAIN, _PLAIN_ANALYZER)
    index.register_tokenizer(GRAMS, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())


def words(text: str) -> list[str]:
    """The folded words of a text, in order, repeats kept: `["aide", "logement"]` for `L'aide au Logement`."""
    found: list[str] = _PLAIN_ANALYZER.analyze(text)
    return found


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """The stem of one folded word, as the index holds it."""
    found: list[str] = _STEMMING_ANALYZER.analyze(word)
    return found[0] if found else word


def stems(text: str) -> list[str]:
    """The stems of a text, in order, repeats kept."""
    found: list[str] = _STEMMING_ANALYZER.analyze(text)
    return found


def asked(text: str) -> list[str]:
    """The words of a question: without fillers (unless nothing else was said), one per stem, at most twelve."""
    said = words(text)
    meant = [word for word in said if word not in FILLERS] or said
    by_stem: dict[str, str] = {}
    for word in meant:
        by_stem.setdefault(stem(word), word)
    return list(by_stem.values())[:MAX_QUERY_WORDS]


def fold(text: str) -> str:
    """Lower case without accents, runs of other signs as one space: how names are compared and sorted."""
    flat = text.translate(_FOLDED)
    if not flat.isascii():
        flat = "".join(map(_folded, flat))
    return " ".join(flat.split())


def _folded(sign: str) -> str:
    """One sign in lower case without its accents; a space for what is no letter or digit."""
    small = {"œ": "oe", "æ": "ae", "ß": "ss"}.get(sign.lower(), sign.lower())
    bare = "".join(part for part in unicodedata.normalize("NFKD", small) if not unicodedata.combining(part))
    return bare if bare.isalnum() or not bare else " "


# Latin letters in one pass; the rare others take the slow way.
_FOLDED = {code: _folded(chr(code)) for code in range(0x250)} | {0x2019: " ", 0x2018: " ", 0x2013: " "}


def grams(text: str) -> str:
    """Every beginning (up to twelve letters) of every word of a name, joined by spaces: what completion looks up."""
    found = {word[:length] for word in fold(text).split() for length in range(1, min(len(word), GRAM_LETTERS) + 1)}
    return " ".join(sorted(found))
