"""Answers in words, and how they are told from products of letters."""

from __future__ import annotations

import re

from rewards.verifier.grammar.names import FUNCTIONS

FUNCTION_WORDS = frozenset(
    (*FUNCTIONS, "sqrt", "pi", "inf", "infty", "infinity", "frac", "lim", "max", "min", "gcd", "lcm", "mod")
) - {"min"}
HEDGES = frozenset(
    ("or", "and", "not", "else", "maybe", "perhaps", "either", "any", "but", "if", "unless", "except", "to")
)
VALUES = frozenset(("pi", "inf", "infty", "infinity", "e", "i", "zero", "emptyset", "null", "none"))
"""Words that may be values."""
NUMBERS = {
    word: number
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}
_LETTERS = re.compile(r"[A-Za-z]+")
_PHRASE = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+|\.)*(?:[ ,;]+[A-Za-z]+(?:['’-][A-Za-z]+|\.)*)*[.!]?")
_ALPHABETICAL = re.compile(r"a*b*c*d*w*x*y*z*|z*y*x*w*d*c*b*a*")
_FIRST_LETTERS = re.compile("[abcd]+")
_WORDS = frozenset(("add", "bad", "dad", "dab", "cab", "baa", "abba"))
_RUN = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}(?!\^)")
_NAMES = re.compile("|".join((*FUNCTIONS, "sqrt", "infinity", "infty", "inf", "pi")))
_APPLIED = re.compile(r"(?:sin|cos|tan|cot|sec|csc|ln|log)[a-z]|pi[a-z]?")


def is_product(letters: str) -> bool:
    """Whether a run of letters is a product of variables, as xy and abc are, and no word, as cat and BADC are."""
    if len(letters) > 1 and letters.isupper():
        return False
    if not re.search("[aeiouAEIOU]", letters) or _ALPHABETICAL.fullmatch(letters):
        return True
    return _FIRST_LETTERS.fullmatch(letters) is not None and letters not in _WORDS


def is_prose(text: str) -> bool:
    """Whether a word stands in an expression, whose letters are no product: `we get x`."""
    return any(not run.isupper() and not is_product(_NAMES.sub("", run)) for run in _RUN.findall(text))


def bare_words(text: str) -> str | None:
    r"""The words of an answer that is words without `\text{…}` around them; None where it is anything else."""
    text = text[1:-1].strip() if text[:1] == "(" and text[-1:] == ")" else text
    if not _PHRASE.fullmatch(text):
        return None
    words = _LETTERS.findall(text)
    if any(word in FUNCTION_WORDS or _APPLIED.fullmatch(word) for word in words):
        return None
    if len(text) == 1:
        return text if text in "eE" else None
    if len(words) > 2 and all(len(word) == 1 and word.isupper() for word in words) and "," not in text:
        return text
    return None if all(len(word) == 1 or is_product(word) for word in words) else text


def plain(words: str) -> str:
    """Lower-cased, without spaces and brackets."""
    return "".join(words.lower().split()).strip("().,!")
