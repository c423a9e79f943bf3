"""Real gold answers changed as verifiers are known to misread them: what stays right, and what becomes wrong.

A kind is one function of a gold answer that gives the pairs it can make of it, or none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from experiments.answers import Pair

_INTEGER = re.compile(r"[0-9]{1,6}")
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?|-?\\frac\{[0-9]+\}\{[0-9]+\}")
_EXPRESSION = re.compile(r"(?:[0-9a-zA-Z+\-^{} ()]|\\sqrt|\\frac|\\pi)+")
_VARIABLES = re.compile(r"(?<![\\A-Za-z])([a-df-hj-z])(?![A-Za-z])")
_INTERVAL = re.compile(r"([(\[])([^,()\[\]]+),([^,()\[\]]+)([)\]])")
_MATRIX = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}")
_WORD = re.compile(r"\\text\{([A-Za-z]{3,})\}|([A-Za-z]{3,})")
_UNITS = (
    *("hours", "days", "coins", "apples", "dollars", "square units", "miles per hour", "km", "cm"),
    "people",
    "ways",
)
_SQUARES = (r"\text{ cm^2}", r"\,\mathrm{m/s^2}", r"\text{ ft}^2", " cm^2", r"\text{ cubic meters}")
_LETTERS = "othclsgmd"
_NO_LIST = re.compile(r"[()]|[0-9]\{?,\}?(?:\\!)? ?[0-9]{3}")
Made = Iterable[tuple[str, str]]


def mutations(golds: list[str]) -> Iterator[Pair]:
    """The pairs of every kind that the gold answers give; what is said of a kind holds by how it was made."""
    for place, gold in enumerate(dict.fromkeys(golds)):
        for right, kinds in ((True, RIGHT), (False, WRONG)):
            for kind, make in kinds.items():
                yield from (Pair(one, other, kind, right) for one, other in make(gold, place))


def terms(gold: str) -> list[str]:
    """The terms of a sum, each with its sign; empty where it is none, or not a simple one."""
    if not _EXPRESSION.fullmatch(gold) or "(" in gold or gold.count("{") != gold.count("}"):
        return []
    parts, depth = [""], 0
    for character in gold.replace(" ", ""):
        depth += (character == "{") - (character == "}")
        if character in "+-" and depth == 0 and parts[-1]:
            parts.append("")
        parts[-1] += character
    return parts if len(parts) > 1 else []


def _turned_terms(gold: str, place: int) -> Made:
    parts = terms(gold)
    if parts:
        signed = [part if part[0] in "+-" else f"+{part}" for part in reversed(parts)]
        yield gold, "".join(signed).removeprefix("+")


def _unit(gold: str, place: int) -> Made:
    if _NUMBER.fullmatch(gold):
        yield gold, f"{gold} {_UNITS[place % len(_UNITS)]}"
        yield f"{gold}\\text{{ hours}}", f"{gold} hours"


def _squared_unit(gold: str, place: int) -> Made:
    if _NUMBER.fullmatch(gold):
        yield gold, gold + _SQUARES[place % len(_SQUARES)]


def _upright(gold: str, place: int) -> Made:
    changed = re.sub(r"(?<![\\A-Za-z{])i(?![A-Za-z])", r"\\mathrm{i}", gold)
    if changed != gold and "text" not in gold:
        yield gold, changed


def _turned_equation(gold: str, place: int) -> Made:
    left, equals, right = gold.partition("=")
    if equals and "=" not in right and "," not in gold:
        yield gold, f"{right.strip()} = {left.strip()}"


def _inequality(gold: str, place: int) -> Made:
    match = _INTERVAL.fullmatch(gold)
    if match is None or ("[" not in gold and "]" not in gold and r"\infty" not in gold):
        return
    low, high = match[2].strip(), match[3].strip()
    signs = dict.fromkeys("()", "<") | dict.fromkeys("[]", r"\le")
    left = "" if r"\infty" in low else f"{low} {signs[match[1]]} "
    right = "" if r"\infty" in high else f" {signs[match[4]]} {high}"
    if left or right:
        yield gold, f"{left}x{right}"
        yield f"{left}x{right}", gold


def _doubled(gold: str, place: int) -> Made:
    if terms(gold):
        yield gold, f"2({gold}) - ({gold})"


def _plain_text(gold: str, place: int) -> Made:
    plain = re.sub(r"\\sqrt\{([0-9]+)\}", r"sqrt(\1)", gold).replace(r"\pi", "pi")
    plain = re.sub(r"\\frac\{([^{}]+)\}\{([^{}]+)\}", r"(\1)/(\2)", plain)
    mixed = re.search(r"[0-9] ?\(|\)/\([^()]*\)\s*[A-Za-z(]", plain)
    if plain != gold and "\\" not in plain and mixed is None:
        yield gold, plain


def _and(gold: str, place: int) -> Made:
    parts = gold.split(",")
    if len(parts) == 2 and _EXPRESSION.fullmatch(parts[0]) and not _NO_LIST.search(gold):
        yield gold, f"{parts[0].strip()} and {parts[1].strip()}"


def _capitals(gold: str, place: int) -> Made:
    match = _WORD.fullmatch(gold)
    if match:
        yield gold, (match[1] or match[2]).capitalize()


def _sum_of_matrices(gold: str, place: int) -> Made:
    match = _MATRIX.fullmatch(gold)
    if match:
        zeros = re.sub(r"[^&\\]+", "0", match[1].replace(r"\frac", "").replace(r"\sqrt", ""))
        yield gold, f"{gold} + \\begin{{pmatrix}}{zeros}\\end{{pmatrix}}"


def _letter_dropped(gold: str, place: int) -> Made:
    if _NUMBER.fullmatch(gold) and gold != "0":
        letter = _LETTERS[place % len(_LETTERS)]
        yield f"{gold}{letter}", gold
        yield f"x + {gold.lstrip('-')}{letter}", f"x + {gold.lstrip('-')}"


def _another_letter(gold: str, place: int) -> Made:
    if _NUMBER.fullmatch(gold) and gold != "0":
        first, second = _LETTERS[place % 9], _LETTERS[(place + 1) % 9]
        yield f"{gold}{first}", f"{gold}{second}"


def _case_folded(gold: str, place: int) -> Made:
    letters = _VARIABLES.findall(gold)
    if letters and _EXPRESSION.fullmatch(gold) and not re.search("[A-Z]", gold):
        yield f"{gold} + {letters[0].upper()}", f"{gold} + {letters[0]}"
        yield f"({gold})({letters[0].upper()} - {letters[0]})", "0"


def _anagram(gold: str, place: int) -> Made:
    match = _WORD.fullmatch(gold)
    word = (match[1] or match[2]) if match else ""
    if len(set(word)) > 1 and word[1:] + word[0] != word:
        yield gold, word[1:].lower() + word[0].lower()


def _another_unit(gold: str, place: int) -> Made:
    if _NUMBER.fullmatch(gold) and gold != "0":
        yield f"{gold}\\text{{ m}}", f"{gold}\\text{{ km}}"
        yield f"{gold} hours", f"{gold} minutes"


def _two_units(gold: str, place: int) -> Made:
    if _INTEGER.fullmatch(gold):
        yield gold, f"{gold}\\text{{ ft }}2\\text{{ in}}"


def _other_end(gold: str, place: int) -> Made:
    for _, other in _inequality(gold, place):
        if other != gold:
            turned = other.replace(r"\le", "~").replace("<", r"\le").replace("~", "<")
            yield gold, turned


def _swapped(gold: str, place: int) -> Made:
    match = _INTERVAL.fullmatch(gold)
    if match and match[1] + match[4] == "()" and match[2].strip() != match[3].strip():
        yield gold, f"({match[3].strip()}, {match[2].strip()})"
        yield f"a={match[2].strip()}, b={match[3].strip()}", f"{match[3].strip()}, {match[2].strip()}"


def _conjugate(gold: str, place: int) -> Made:
    parts = terms(gold)
    if len(parts) == 2 and re.search(r"(?<![A-Za-z\\])i(?![A-Za-z])", parts[1]):
        sign = "-" if parts[1][0] == "+" else "+"
        yield gold, parts[0] + sign + parts[1][1:]
        yield gold, parts[0]


def _factorial(gold: str, place: int) -> Made:
    if _INTEGER.fullmatch(gold) and 12 < int(gold) < 150:
        yield f"\\frac{{1}}{{{gold}!}}", f"\\frac{{1}}{{{int(gold) + 1}!}}"


RIGHT: dict[str, Callable[[str, int], Made]] = {
    "terms turned round": _turned_terms,
    "a unit in words": _unit,
    "a digit in a unit": _squared_unit,
    "an upright i": _upright,
    "an equation turned round": _turned_equation,
    "an inequality": _inequality,
    "twice, less once": _doubled,
    "plain text": _plain_text,
    "and for a comma": _and,
    "a capital": _capitals,
    "a sum of matrices": _sum_of_matrices,
}
WRONG: dict[str, Callable[[str, int], Made]] = {
    "without its last letter": _letter_dropped,
    "another last letter": _another_letter,
    "capitals for small letters": _case_folded,
    "an anagram": _anagram,
    "another unit": _another_unit,
    "two units": _two_units,
    "the other ends": _other_end,
    "swapped": _swapped,
    "conjugate, or real": _conjugate,
    "the next factorial": _factorial,
}
