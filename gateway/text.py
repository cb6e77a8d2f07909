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


_OPEN_VOWELS = tuple("aiou")


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
    """The stem of one folded word, the same for its plurals; `forms` tells what the index may hold for it."""
    found: list[str] = _STEMMING_ANALYZER.analyze(word)
    stemmed = found[0] if found else word
    # Snowball keeps the s of `emplois`, `velos`, `essais`: it could be that of `avis`.
    return stemmed[:-1] if stemmed[-1:] == "s" and stemmed[-2:-1] in _OPEN_VOWELS else stemmed


def forms(stemmed: str) -> tuple[str, ...]:
    """What the index may hold for a stem: itself, a plural that Snowball leaves, and `travaux` for `travail`."""
    if stemmed[-1:] in _OPEN_VOWELS:
        return stemmed, f"{stemmed}s"
    if stemmed.endswith("ail"):
        return stemmed, f"{stemmed[:-3]}al"
    if stemmed.endswith("al"):
        return stemmed, f"{stemmed[:-2]}ail"
    return (stemmed,)


def stems(text: str) -> list[str]:
    """The stems of the words of a question, in order, repeats kept."""
    return [stem(word) for word in words(text)]


def indexed(text: str) -> list[str]:
    """The stems of a text as the index holds them, in order, repeats kept."""
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
    small = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", sign).lower())
    bare = "".join(_LIGATURES.get(part, part) for part in small if not unicodedata.combining(part))
    return bare if bare.isalnum() or not bare else " "


_LIGATURES = {"œ": "oe", "æ": "ae", "ß": "ss"}
# Latin letters in one pass; the rare others take the slow way.
_FOLDED = {code: _folded(chr(code)) for code in range(0x250)} | {0x2019: " ", 0x2018: " ", 0x2013: " "}


def grams(text: str) -> str:
    """Every beginning (up to twelve letters) of every word of a name, joined by spaces: what completion looks up."""
    return " ".join(sorted(set().union(*map(_beginnings, fold(text).split()))))


@lru_cache(maxsize=8192)
def _beginnings(word: str) -> tuple[str, ...]:
    return tuple(word[:length] for length in range(1, min(len(word), GRAM_LETTERS) + 1))
