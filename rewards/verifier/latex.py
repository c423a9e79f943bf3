r"""Reads what most answers are: numbers, simple LaTeX, tuples, intervals, sets, matrices, words.

`read` gives a value, or None for all that this grammar does not hold: a reading is exact or it is not
given. It never evaluates what could be large, and its time is linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from rewards.verifier.expression import parse
from rewards.verifier.trees import Tree, Unread

LONGEST = 2000
"""Characters of the longest answer that is looked at."""
_DEEPEST = 50


@dataclass(frozen=True)
class Scalar:
    """A number or an expression. Percent sign, unit and base stand apart from the value."""

    tree: Tree
    decimal: bool = False
    percent: bool = False
    base: int | None = None


@dataclass(frozen=True)
class Word:
    """An answer in words, lower-cased, without spaces and brackets."""

    text: str


@dataclass(frozen=True)
class Listed:
    """Several values, in the brackets they were written in: `()`, `[)`, `{}`, or none at all."""

    brackets: str
    items: tuple[Value, ...]


@dataclass(frozen=True)
class Union:
    parts: tuple[Value, ...]


@dataclass(frozen=True)
class Matrix:
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Equation:
    """A letter (or a few, as in AB) and what it equals, or what it lies in."""

    letters: str
    right: Value


Value = Scalar | Word | Listed | Union | Matrix | Equation


_INTEGER = re.compile(r"-?[0-9]{1,18}")
_WORDS = r"\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mbox)\s*\{([^{}\\$]*)\}"
_WORD = re.compile(_WORDS)
_UNIT = re.compile(r"(?<=[0-9})])\s*" + _WORDS + r"(?:\s*\^\s*(?:[23]|\{[23]\}))?$")
_UNIT_WORDS = re.compile(r"[A-Za-z .°/~-]*")
_HEDGES = {
    "or",
    "and",
    "not",
    "else",
    "maybe",
    "perhaps",
    "either",
    "any",
    "all",
    "but",
    "if",
    "unless",
    "except",
    "to",
}
_PERCENT = re.compile(r"\s*(?:%|\\text\{\s*(?:percent|%)\s*\})$")
_BARE_UNIT = re.compile(
    r"[0-9}\s](?:[othclsgmd]|rd|gm|lb|dm|lt|ab|bc|st|by|th|sq|yr|am|pm|hr|cc|mt|mp|rs|kg|km|cm|mm|ft|per|are|men)"
    r"(?:s|es)?$"
)
"""Endings that math-verify takes for units; they may be variables too, so they are left to it."""
_BASED = re.compile(r"(-?[0-9]{1,100})_(?:([0-9]{1,2})|\{([0-9]{1,2})\})")
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_MAYBE_THOUSANDS = re.compile(r"[0-9],[0-9]{3}(?![0-9])")
_EQUATION = re.compile(r"([A-Za-z]{1,3})\s*(?:=|\\in(?![A-Za-z]))([^=]*)")
_MATRIX = re.compile(r"\\begin\{([pb]matrix)\}(.*)\\end\{\1\}", re.DOTALL)
_BARE_WORD = re.compile(r"\(?([A-Za-z]{4,30}|[eE])\)?\.?")
_DRESS = re.compile(r"\\(?:left|right|displaystyle|textstyle|big|Big)(?![A-Za-z])|\\!\s*")
_SPACE = re.compile(r"(?<!\\)\\[,;: ]|~|\s+|\\?\$|\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\})|\\degree(?![A-Za-z])|°")
_THIN_THOUSANDS = re.compile(r"(?<=[0-9])\\[,;:](?=[0-9]{3}(?![0-9]))")
_PLAIN = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "π": r"\pi ", "∞": r"\infty ", "∪": r"\cup "})


def tidy(text: str) -> str:
    r"""The same answer in plainer LaTeX: `\dfrac` is `\frac`, `12\,345` is `12345`, `5.` is `5`."""
    text = text.strip()
    if text.isascii() is False:
        text = text.translate(_PLAIN)
    if any(sign in text for sign in "\\$°{"):
        text = _THIN_THOUSANDS.sub("", text)
        text = _DRESS.sub("", text)
        text = text.replace("{,}", ",").replace(r"\%", "%").replace(r"\varnothing", r"\emptyset")
        for name in (r"\dfrac", r"\tfrac", r"\cfrac"):
            text = text.replace(name, r"\frac")
        text = _SPACE.sub(" ", text).strip()
        text = text.removesuffix(r"\text{.}")
    if text[:2] == "**" == text[-2:] and len(text) > 4:
        text = text[2:-2]
    return text[:-1].rstrip() if text[-1:] == "." and text[-2:-1] != "." else text.strip()


def is_readable_size(text: str) -> bool:
    """Whether it is short and shallow enough, and of characters that an answer may have."""
    if not 0 < len(text) <= LONGEST or not text.replace("\n", " ").replace("\t", " ").isprintable():
        return False
    depth = deepest = 0
    for character in text:
        if character in "{([":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "})]":
            depth -= 1
    return deepest <= _DEEPEST


@lru_cache(maxsize=8192)
def read(text: str) -> Value | None:
    """The value of an answer, or None where the grammar does not hold it."""
    if _INTEGER.fullmatch(text):
        return Scalar(Fraction(int(text)))
    if not is_readable_size(text):
        return None
    try:
        return _value(tidy(text))
    except (Unread, RecursionError, ArithmeticError):
        return None


def _value(text: str) -> Value:
    equation = _EQUATION.fullmatch(text)
    if equation:
        return Equation(equation[1].lower(), _value(equation[2].strip()))
    if r"\cup" in text:
        return Union(tuple(_bracketed(part.strip()) for part in re.split(r"\\cup(?![A-Za-z])", text)))
    matrix = _MATRIX.fullmatch(text)
    if matrix:
        rows = re.split(r"\\\\", matrix[2].strip().removesuffix(r"\\"))
        return Matrix(tuple(tuple(_scalar(cell.strip()) for cell in row.split("&")) for row in rows))
    word = _WORD.fullmatch(text) or _BARE_WORD.fullmatch(text)
    if word and any(c.isalpha() for c in word[1]):
        return Word("".join(word[1].lower().split()).strip("().,"))
    if word:
        return _scalar(word[1].strip())
    if r"\pm" in text and "," not in text:
        return Listed("{}", (_scalar(text.replace(r"\pm", "+")), _scalar(text.replace(r"\pm", "-"))))
    if _THOUSANDS.fullmatch(_without_unit(text)):
        return _scalar(text.replace(",", ""))
    if "," in text:
        return _bracketed(text)
    if text[:2] == r"\{" and text[-2:] == r"\}":
        return Listed("{}", (_scalar(text[2:-2].strip()),))
    return _scalar(text)


def _bracketed(text: str) -> Listed:
    """A tuple, interval, set, or list without brackets, of scalars and tuples."""
    if _MAYBE_THOUSANDS.search(text) and not (text[0] in "([" and text.count(",") == 1):
        raise Unread
    if text[:2] == r"\{" and text[-2:] == r"\}":
        brackets, inside = "{}", text[2:-2]
    elif text[:1] in ("(", "[") and text[-1:] in (")", "]") and _encloses(text):
        brackets, inside = text[0] + text[-1], text[1:-1]
    else:
        brackets, inside = "", text
    parts = _split(inside)
    if brackets == "" and len(parts) < 2:
        raise Unread
    items = tuple(_bracketed(p) if p[:1] in ("(", "[") and "," in p else _scalar(p) for p in parts)
    return Listed(brackets, items)


def _encloses(text: str) -> bool:
    """Whether the first bracket is closed by the last."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return place == len(text) - 1
    return False


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


def _scalar(text: str) -> Scalar:
    based = _BASED.fullmatch(text)
    if based:
        return Scalar(Fraction(int(based[1])), base=int(based[2] or based[3]))
    text = _without_unit(text)
    percent = _PERCENT.search(text)
    if percent:
        text = text[: percent.start()]
    if _BARE_UNIT.search(text):
        raise Unread
    tree = parse(text)
    if percent and not isinstance(tree, Fraction):
        raise Unread
    return Scalar(tree, decimal="." in text, percent=percent is not None)


def _without_unit(text: str) -> str:
    """The text without a closing `\\text{…}` that names a unit. Errors: Unread where it says more than that."""
    unit = _UNIT.search(text)
    if unit is None:
        return text
    if not _UNIT_WORDS.fullmatch(unit[1]) or _HEDGES & set(re.findall("[a-z]+", unit[1].lower())):
        raise Unread
    return text if unit[1].strip().lower() in ("percent", "pct", "percentage") else text[: unit.start()]
