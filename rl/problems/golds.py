r"""Gold answers: what stands in a column becomes the text that a completion is judged by, or is refused.

An object or a list is no answer. A list of one is; texts are read for what marks an answer first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from numbers import Number
from typing import Any

import numpy as np

from rewards.thinking import read
from rewards.verifier import Reading, boxed_answer
from rl.problems.paths import a_path_into, opened

LONG = 10
"""Words outside of formulas from which a text without a mark is a sentence, not an answer."""
LONG_SOLUTION = 3
"""The same in a column of worked solutions."""

NOTHING = {"None", "none", "nan", "NaN", "null", "NULL", "N/A", "n/a", "#N/A", "<NA>"}
"""What Python, pandas and databases write where there is no answer."""

_READING = Reading()
_TAGGED = re.compile(r".*<answer>(.*?)</answer>", re.DOTALL)
_SAID = re.compile(
    r"(?i)(?:.*[\s.,*])?(?:the\s+)?(?:final\s+)?answer\**(?:\s+is\b\s*:?|\s*[:=])\**\s*(\S[^\n]*)", re.DOTALL
)
_FLOAT = re.compile(r"-?[0-9](\.[0-9]+)?e[-+][0-9]{2,3}")
_FORMULA = re.compile(r"\$[^$]*\$|\\\(.*?\\\)|\\\[.*?\\\]|\\[A-Za-z]+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]{2,}")
_MAY_MARK = re.compile(r"####|\\[bf]|(?i:answer)")
"""One of these is in every text that marks an answer."""


class NoAnswer(Exception):
    """Why a row has no gold answer."""


class Refused(NoAnswer):
    """Why what stands in a row's column is no gold answer."""


def gold_text(value: Any, path: str, joined: bool = False) -> str:
    """A column's value as a gold answer. Errors: Refused where it is an object or several answers.

    `joined`: several answers are all asked for, as in OlympiadBench.
    """
    if isinstance(value, np.ndarray | np.bool_ | tuple):  # as tables and trainers hand lists and truths over
        value = list(value) if isinstance(value, tuple) else value.tolist()
    if isinstance(value, str):
        inside = opened(value)
        if isinstance(inside, Mapping):
            raise Refused(f"column {path!r} holds an object as a text; {_write(inside, path)}")
        if isinstance(inside, list) and inside and all(isinstance(part, str) for part in inside):
            value = inside  # `["2"]`; `[1, 2]` may be the answer itself
    if isinstance(value, Mapping):
        raise Refused(f"column {path!r} holds an object; {_write(value, path)}")
    if isinstance(value, list):
        parts = list(dict.fromkeys(part.strip() if isinstance(part, str) else part for part in _scalars(value, path)))
        if len(parts) > 1 and not joined:
            raise Refused(f"column {path!r} holds {len(parts)} answers; {_write(value, path)}")
        value = ", ".join(final_answer(str(part)).replace("$", "") for part in parts) if joined else parts[0]
    return _written(value, path)


def _written(value: Any, path: str) -> str:
    """A text, a number or a truth as a final answer. Errors: Refused for anything else."""
    if isinstance(value, float | np.floating):
        if not isfinite(value):
            raise Refused(f"column {path!r} holds {value}; write infinity as a text, such as '\\infty'")
        value = repr(float(value)) if isinstance(value, float) else str(value)
    if not isinstance(value, str | Number):
        raise Refused(f"column {path!r} holds a {type(value).__name__}, not a text or a number; write it as a text")
    text = final_answer(str(value))
    # 1e-05 is Python's 0.00001, and to a judge of formulas it is the number e, less 5.
    return format(Decimal(text), "f") if _FLOAT.fullmatch(text) else text


def _scalars(value: list[Any], path: str) -> list[Any]:
    if any(isinstance(part, Mapping | list) for part in value):
        raise Refused(f"column {path!r} holds a list of lists or objects; {_write(value, path)}")
    return value


def _write(value: Any, path: str) -> str:
    return f"write which one is meant, such as `columns: {{answer: '{a_path_into(value, path)}'}}`"


def whole_number(value: Any) -> Any:
    """A whole number without its decimal point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without_units(text: str) -> str:
    """ASDiv's `9 (apples)` and `3 (red); 5 (blue)` as numbers alone."""
    return ", ".join(re.sub(r"(?<=\S)\s+\([^()]*\)\s*$", "", part.strip()) for part in text.split(";"))


def final_answer(answer: str) -> str:
    """The final answer of a worked solution: what is marked as it, or all of it."""
    found = marked(answer)
    return answer.strip() if found is None else found


@lru_cache(maxsize=256)  # a row's answer is asked about three times in turn
def marked(text: str) -> str | None:
    r"""What a text marks as its answer; None where nothing does.

    After GSM8K's `####`, in MATH's `\boxed{}`, in `<answer>` tags, or at the end after "the answer is" or "answer:".
    """
    if not _MAY_MARK.search(text):
        return None
    text = (_READING.after_thinking(read("", text)) or "").strip()
    _, mark, tail = text.rpartition("####")
    if mark and "\n" not in tail.strip() and _words(tail) < LONG:  # and no heading in Markdown
        return re.sub(r"(?<=[0-9]),(?=[0-9]{3})", "", tail.strip())
    boxed = boxed_answer(text)
    if boxed is not None:
        return boxed
    tagged = _TAGGED.match(text)
    if tagged:
        return tagged[1].strip()
    said = _SAID.fullmatch(text)
    return None if said is None or _words(said[1]) >= LONG_SOLUTION else said[1].strip().removesuffix(".").strip("* ")


def is_prose(value: Any, most: int = LONG) -> bool:
    """Whether a text is sentences in which nothing marks an answer."""
    # So many words of two letters, apart from one another, take some room.
    return isinstance(value, str) and len(value) >= 3 * most - 1 and marked(value) is None and _words(value) >= most


def _words(text: str) -> int:
    """Words outside of formulas."""
    return len(_WORD.findall(_FORMULA.sub(" ", text)))
