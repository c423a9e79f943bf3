r"""One plain way to write what is written in many: `\dfrac` is `\frac`, `12\,345` is `12345`, `\mathrm{i}` is `i`."""

from __future__ import annotations

import re

LONGEST = 2000
"""Characters of the longest answer that is looked at."""
_DEEPEST = 50

_DRESS = re.compile(r"\\(?:left|right|displaystyle|textstyle|[bB]igg?[lr]?|limits)(?![A-Za-z])|\\!\s*")
_DEGREE = re.compile(r"\s*\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\})|\\degree(?![A-Za-z])")
_SPACE = re.compile(r"(?<!\\)\\[,;: ]|~|\s+|\\?\$|\\q?quad(?![A-Za-z])")
_THIN_THOUSANDS = re.compile(r"(?<=[0-9])\\[,;:](?=[0-9]{3}(?![0-9]))")
_DOLLARS = re.compile(r"\\\$\s?([0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?)\s*(?=\$?\.?$|[,)\]])")
_ROMAN = re.compile(r"\{\s*\\rm(?![A-Za-z])\s*([^{}]*)\}|\\rm\s*\{([^{}]*)\}|\\(?:mathrm|rm)\s+([A-Za-z])(?![A-Za-z])")
_CONSTANT = re.compile(r"\\(?:mathrm|textrm|textit|text|operatorname|mathit)\s*\{\s*([ie])\s*\}|\\mathit\{([A-Za-z])\}")
_NAMES = re.compile(
    r"\\(dfrac|tfrac|cfrac|varnothing|lvert|rvert|vert|langle|rangle|lbrace|rbrace|leqslant|geqslant|leq|geq|neq|lt|gt|imath)"
    r"(?![A-Za-z])"
)
_SAME = {
    "dfrac": r"\frac", "tfrac": r"\frac", "cfrac": r"\frac", "varnothing": r"\emptyset", "lvert": "|", "rvert": "|",
    "vert": "|", "langle": "(", "rangle": ")", "lbrace": r"\{", "rbrace": r"\}", "leqslant": r"\le", "geqslant": r"\ge",
    "leq": r"\le", "geq": r"\ge", "neq": r"\ne", "lt": "<", "gt": ">", "imath": "i",
}  # fmt: skip
_PLAIN = str.maketrans(
    {"−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "π": r"\pi ", "θ": r"\theta ", "∞": r"\infty ",
     "ℝ": r"\mathbb{R}", "∪": r"\cup ", "∈": r"\in ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "±": r"\pm ",
     "²": "^2", "³": "^3", "（": "(", "）": ")", "，": ",", "€": "", "£": "", "¥": "", "₹": ""}
)  # fmt: skip


def tidy(text: str) -> str:
    r"""The same answer in plainer LaTeX: `\dfrac` is `\frac`, `12\,345` is `12345`, `5.` is `5`, `^\circ` is `°`."""
    text = text.strip()
    if text.isascii() is False:
        text = text.translate(_PLAIN)
    if any(sign in text for sign in "\\$°{"):
        text = _plainer(text)
    if text[:2] == "**" == text[-2:] and len(text) > 4:
        text = text[2:-2]
    return text[:-1].rstrip() if text[-1:] == "." and text[-2:-1] != "." else text.strip()


def _plainer(text: str) -> str:
    if "\\" in text:
        text = _THIN_THOUSANDS.sub("", text)
        text = _DRESS.sub("", text)
        text = _NAMES.sub(lambda found: _SAME[found[1]], text)
        text = text.replace(r"\%", "%")
        if r"\circ" in text or r"\degree" in text:
            text = _DEGREE.sub("°", text)
        if "rm" in text:
            text = _ROMAN.sub(lambda found: f"\\mathrm{{{found[1] or found[2] or found[3]}}}", text)
        if _CONSTANT.search(text) and not _CONSTANT.fullmatch(text):
            text = _CONSTANT.sub(r" \1\2 ", text)
    text = text.replace("{,}", ",")
    if r"\$" in text:
        text = _DOLLARS.sub(r"\1 dollars", text)
    return _SPACE.sub(" ", text).strip().removesuffix(r"\text{.}")


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


def encloses(text: str) -> bool:
    """Whether the first bracket is closed by the last."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return place == len(text) - 1
    return False


def split(text: str, signs: str = ",") -> list[str]:
    """The parts between signs that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character in signs and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]
