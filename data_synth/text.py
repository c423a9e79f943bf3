"""Small things about text that building needs: answers as rewards compare them, and where a sentence ends."""

from __future__ import annotations

import re
import string
from functools import lru_cache

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = frozenset({"a", "an", "the"})
_BLANK_LINES = re.compile(r"[ \t\r]*\n\s*")
_SPACES = re.compile(r"\s+")
_SENTENCE_END = re.compile(
    r"(?<=[^\s.?!][.?!])(?<![ .(][A-Z]\.)(?<!\b(?:Mr|Dr|St|Mt|No|Jr|Sr|vs)\.)(?<!\bMrs\.)(?= [A-Z])|(?<=\S)(?=\n|\Z)"
)


def words(text: str) -> list[str]:
    """Lower-case words without punctuation and articles, as LoongRL's reward compares answers."""
    return [word for word in text.lower().translate(_PUNCTUATION).split() if word not in _ARTICLES]


@lru_cache(maxsize=1 << 16)
def normalised(text: str) -> str:
    """`words`, joined by one space."""
    return " ".join(words(text))


def mentions(text: str, answer: str) -> bool:
    """Whether whole words of `text` spell the answer."""
    return f" {normalised(answer)} " in f" {' '.join(words(text))} "


def paragraphs(text: str) -> str:
    """The text without blank lines, so that a blank line can only stand between documents."""
    return _BLANK_LINES.sub("\n", text).strip()


def one_line(text: str) -> str:
    """The text on one line, spaces squeezed."""
    return _SPACES.sub(" ", text).strip()


def sentence_ends(text: str) -> list[int]:
    """Offsets at which something may be put in: after a sentence that a capital follows, or at a line's end.

    The first line, a title, is left whole. Initials and common abbreviations do not end a sentence.
    """
    start = text.find("\n") + 1
    return [match.start() for match in _SENTENCE_END.finditer(text, start)]
