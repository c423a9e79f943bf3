r"""Reads what most answers are: numbers, simple LaTeX, tuples, intervals, sets, matrices, inequalities, words.

`read` gives a value, or None for all that the grammar does not hold: a reading is exact or it is not
given. It never evaluates what could be large, and its time is linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from rewards.verifier.grammar.expression import parse
from rewards.verifier.grammar.matrices import read_matrix
from rewards.verifier.grammar.relations import HEAD, SIGN, name_of, read_relation
from rewards.verifier.grammar.text import LONGEST, encloses, is_readable_size, split, tidy
from rewards.verifier.grammar.trees import Tree, Unread
from rewards.verifier.grammar.units import compound, cut
from rewards.verifier.grammar.values import Equation, Listed, Matrix, Relation, Scalar, Union, Value, Word
from rewards.verifier.grammar.words import bare_words, plain

__all__ = [
    "LONGEST",
    "Equation",
    "Listed",
    "Matrix",
    "Scalar",
    "Union",
    "Value",
    "Word",
    "is_readable_size",
    "read",
    "tidy",
]

_SIMPLE = re.compile(
    r"(-)?(?:([0-9]{1,18})(?:\.([0-9]{1,18})|/([0-9]{1,18}))?|\\[dt]?frac\{([0-9]{1,18})\}\{([0-9]{1,18})\})"
)
"""Whole numbers, decimals and fractions, as most answers are."""
_WORD = re.compile(r"\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mbox)\s*\{([^{}\\$]*)\}")
_PERCENT = re.compile(r"\s*(?:%|\\text\{\s*(?:percent|%|pct|percentage)\s*\}|(?<![A-Za-z])(?:percent|pct|percentage))$")
_BASED = re.compile(r"(-?[0-9]{1,100})_(?:([0-9]{1,2})|\{([0-9]{1,2})\})")
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_MAYBE_THOUSANDS = re.compile(r"[0-9],[0-9]{3}(?![0-9])")
_MIXED = re.compile(r"(-?)([0-9]{1,18}) +([0-9]{1,18})/([0-9]{1,18})")
_AND = re.compile(
    r"(?:\s*,)?\s*(?:\\(?:text|mbox|mathrm|textrm)\s*\{\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|&)\s*"
)
_IN = re.compile(r"\\in(?![A-Za-z])")
_RATIO = re.compile(r"[^:]+(?::[^:]+)+")
_TIME = re.compile(
    r"([01]?[0-9]|2[0-3]):([0-5][0-9])\s*(?:\\(?:text|mbox|mathrm|textrm)\s*\{)?\s*(?:([ap])\.?\s?m\b\.?)?\s*\}?",
    re.IGNORECASE,
)
_POINT = re.compile(r"\(\s*([A-Za-z](?:\s*,\s*[A-Za-z])+)\s*\)")


@lru_cache(maxsize=8192)
def read(text: str) -> Value | None:
    """The value of an answer, or None where the grammar does not hold it."""
    simple = _SIMPLE.fullmatch(text)
    if simple:
        return _simple(*simple.groups())
    if not is_readable_size(text):
        return None
    try:
        return _value(tidy(text))
    except (Unread, RecursionError, ArithmeticError):
        return None


def _simple(
    sign: str | None, whole: str | None, digits: str | None, part: str | None, over: str | None, under: str | None
) -> Scalar | None:
    top, below = int(f"{whole or over}{digits or ''}"), int(part or under or 10 ** len(digits or ""))
    return Scalar(Fraction(-top if sign else top, below), decimal=digits is not None) if below else None


def _value(text: str) -> Value:
    if "=" in text or r"\in" in text:
        equation = _equation(text)
        if equation is not None:
            return equation
    if "<" in text or ">" in text or "!=" in text or "\\" in text:
        said = read_relation(text)
        if said is not None:
            return said
        if r"\cup" in text:
            return Union(tuple(_bracketed(part.strip()) for part in re.split(r"\\cup(?![A-Za-z])", text)))
        matrix = read_matrix(text)
        if matrix is not None:
            return matrix
        word = _WORD.fullmatch(text)
        if word:
            return _worded(word[1])
    return _plain_value(text)


def _plain_value(text: str) -> Value:
    """What has no relation and no command around it."""
    if text[-1:].isdigit() and text.isascii() and _THOUSANDS.fullmatch(text):
        return _scalar(text.replace(",", ""))
    if _AND.search(text):
        return _listed(_AND.sub(", ", text), "")
    words = bare_words(text)
    if words is not None:
        return Word(plain(words)) if "," not in words and ";" not in words else _listed(words, "<>")
    if "," in text or ";" in text:
        if "," in text and _THOUSANDS.fullmatch(cut(text).rest):
            return _scalar(text.replace(",", ""))
        return _bracketed(text)
    if text[:2] == r"\{" and text[-2:] == r"\}":
        return Listed("{}", tuple(_several(text[2:-2].strip())))
    if r"\pm" in text:
        return Listed("{}", tuple(_several(text)))
    if ":" in text and _RATIO.fullmatch(text):
        time = _TIME.fullmatch(text)
        if time and (time[3] or time[2][0] == "0"):
            hours, minutes = (Scalar(Fraction(int(part))) for part in time.groups()[:2])
            return Listed("::", (hours, minutes, *([Word(time[3].lower())] if time[3] else [])))
        return Listed(":", tuple(_scalar(part.strip()) for part in text.split(":")))
    return _scalar(text)


def _equation(text: str) -> Value | None:
    """What is set equal to something, or a relation of two sides; None for lists of such, and what is no equation."""
    if SIGN.search(text) and "=" not in SIGN.sub("", text) and r"\in" not in text:
        return None
    point = _POINT.match(text)
    sides = text.split("=")
    if len(sides) == 2 and SIGN.search(text) is None:
        if point and point.end() == len(sides[0].rstrip()):
            values = _bracketed(sides[1].strip())
            names = ["".join(name.split()) for name in point[1].split(",")]
            if len(values.items) != len(names):
                raise Unread
            return Listed("=", tuple(Equation(name, item) for name, item in zip(names, values.items, strict=True)))
        left, right = HEAD.fullmatch(sides[0]), HEAD.fullmatch(sides[1])
        if left is None and right is not None and not _listing(sides[0]):
            sides, left = sides[::-1], right
        if left is not None:
            arguments = tuple("".join(left[2].split()).lstrip("\\").split(",")) if left[2] else ()
            name = name_of(left)
            return Equation(name.partition("(")[0], _value(sides[1].strip()), arguments)
        if not _listing(text):
            return Relation("=", parse(sides[0]), parse(sides[1]))
    if len(sides) == 1:
        parts = _IN.split(text)
        head = HEAD.fullmatch(parts[0]) if len(parts) == 2 else None
        if head and parts[1].strip() and r"\mathbb" not in parts[1] and "|" not in parts[1]:
            return Equation(name_of(head), _value(parts[1].strip()))
        return None
    if not _listing(text) or SIGN.search(text):
        raise Unread
    return None


def _listing(text: str) -> bool:
    return len(split(text, ",;")) > 1 or _AND.search(text) is not None


def _worded(inside: str) -> Value:
    r"""What stands in `\text{…}`: a word, words with commas between them, a number with its unit."""
    inside = inside.strip()
    if any(c.isdigit() for c in inside):
        try:
            return _value(inside)
        except Unread:
            return Word(plain(inside))
    if not any(c.isalpha() for c in inside):
        return _scalar(inside)
    joined = _AND.search(inside) is not None and bare_words(re.sub("[()]", "", inside)) is not None
    if joined or "," in inside:
        return _listed(_AND.sub(", ", inside), "<>" if "," in inside else "")
    return Word(plain(inside))


def _listed(text: str, words: str) -> Value:
    """Values with commas between them; `words`: the brackets of a list of longer words, which may have an order."""
    found = _bracketed(text)
    longer = [item for item in found.items if isinstance(item, Word) and len(item.text) > 2]
    return (
        replace(found, brackets=words) if longer and len(longer) == len(found.items) and not found.brackets else found
    )


def _bracketed(text: str) -> Listed:
    """A tuple, interval, set, or list without brackets, of scalars, words, equations and tuples."""
    if _MAYBE_THOUSANDS.search(text) and not (text[0] in "([" and text.count(",") == 1):
        raise Unread
    if text[:2] == r"\{" and text[-2:] == r"\}" and encloses(text[1:-2] + "}"):
        brackets, inside = "{}", text[2:-2]
    elif text[:1] in ("(", "[") and text[-1:] in (")", "]") and encloses(text):
        brackets, inside = text[0] + text[-1], text[1:-1]
    else:
        brackets, inside = "", text
    parts = split(inside.strip(), ",;" if ";" in inside else ",")
    if brackets in ("", "{}"):
        items = [item for part in parts for item in _several(part)]
        if brackets == "" and len(parts) < 2:
            raise Unread
        return _assigned(Listed(brackets, tuple(items)))
    if r"\pm" in inside:
        return _signed(text)
    return Listed(brackets, tuple(_item(part) for part in parts))


def _signed(text: str) -> Listed:
    r"""The two tuples that `(1, \pm 2)` is."""
    return Listed("{}", tuple(_bracketed(one) for one in _both_signs(text)))


def _both_signs(text: str) -> tuple[str, str]:
    if text.count(r"\pm") != 1:
        raise Unread
    return text.replace(r"\pm", "+").replace(r"\mp", "-"), text.replace(r"\pm", "-").replace(r"\mp", "+")


def _several(part: str) -> list[Value]:
    """One item of a list; two where it holds a sign of both kinds."""
    if r"\pm" not in part:
        return [_item(part)]
    if part[:1] == "(" and "," in part:
        return list(_signed(part).items)
    return [_item(one.strip().removeprefix("+").strip()) for one in _both_signs(part)]


def _item(part: str) -> Value:
    if part[:1] in ("(", "[") and "," in part:
        return _bracketed(part)
    if "=" in part:
        equation = _equation(part)
        if not isinstance(equation, Equation):
            raise Unread
        return equation
    word = _WORD.fullmatch(part)
    if word and any(c.isalpha() for c in word[1]):
        return Word(plain(word[1]))
    words = bare_words(part)
    return _scalar(part) if words is None else Word(plain(words))


def _assigned(listed: Listed) -> Listed:
    """Equations of one letter as what it may be; of several letters as an assignment."""
    equations = [item for item in listed.items if isinstance(item, Equation)]
    if not equations:
        return listed
    names = [equation.letters for equation in equations]
    if len(set(names)) == len(names) == len(listed.items):
        return Listed("=", tuple(equations))
    if len(set(names)) > 1:
        raise Unread
    return replace(listed, items=tuple(i.right if isinstance(i, Equation) else i for i in listed.items))


def _scalar(text: str) -> Scalar:
    try:
        return _one_scalar(text)
    except Unread:
        several = compound(text)
        if several is None:
            raise
        return Scalar(several[0], unit=several[1])


def _one_scalar(text: str) -> Scalar:
    based = _BASED.fullmatch(text)
    if based:
        return Scalar(Fraction(int(based[1])), base=int(based[2] or based[3]))
    found = cut(text)
    text = found.rest
    percent = _PERCENT.search(text) if text[-1:] in "%}tcePTE" else None
    if percent:
        text = text[: percent.start()]
    mixed = _MIXED.fullmatch(text)
    if mixed:
        sign, whole, over, under = mixed.groups()
        if not 0 < int(over) < int(under):
            raise Unread
        value = int(whole) + Fraction(int(over), int(under))
        return Scalar(-value if sign else value, unit=found.unit)
    tree = parse(text)
    if percent and not isinstance(tree, Fraction):
        raise Unread
    spelled = None if found.letters is None else _spelled(text, found.letters)
    decimal = "." in text and r"\overline" not in text and r"\bar" not in text and r"\dot" not in text
    return Scalar(tree, decimal, percent is not None, unit=found.unit, spelled=spelled)


def _spelled(text: str, letters: str) -> Tree | None:
    """A number with a unit as a product of variables."""
    try:
        return parse(f"({text}) {letters}")
    except Unread:
        return None
